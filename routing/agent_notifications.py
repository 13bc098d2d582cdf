"""What a conversation that moves on the board means for the agent whose it was, and for the one whose it is."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.routing import AgentStatus, Placement, RoutingStage
from routing.agent_events import write_event
from routing.rows import RoutingRow
from store import schema

_contacts = schema.contacts.c


async def former_agent(connection: AsyncConnection, row: RoutingRow | None) -> str | None:
    """Whose a conversation was. What its customer has come back to waits, and is still of the agent who had parked it."""
    if row is None or row.stage != RoutingStage.QUEUED:
        return row and row.agent
    query = select(_contacts.agent_user).where(_contacts.id == row.contact_id)
    return (await connection.execute(query)).scalar_one_or_none()


async def write_move_events(
    connection: AsyncConnection, row: RoutingRow | None, placement: Placement, former: str | None, now: datetime
) -> None:
    """Tells agents, who are locked, that a conversation has come to them, has changed or has left them."""
    agent = _agent(row, placement, former)
    if former and former != agent:
        await _tell_state(connection, placement, former, "gone", now)
    if agent is None or (row and (row.stage, row.contact_id) == (placement.stage, placement.contact_id)):
        return
    if placement.stage is RoutingStage.QUEUED:
        bound = placement.bound_to == agent and await _is_there(connection, placement.instance, agent)
        body = {**_body(placement, placement.contact_id), "bound": bound}
        await write_event(connection, placement.instance, agent, "returned", body, now)
    elif row is None or row.stage == RoutingStage.QUEUED or agent != former:
        body = {**_body(placement, placement.contact_id), "stage": placement.stage}
        await write_event(connection, placement.instance, agent, "assigned", body, now)
    else:
        await _tell_state(connection, placement, agent, str(placement.stage), now)


def _agent(row: RoutingRow | None, placement: Placement, former: str | None) -> str | None:
    """Whose a conversation is; a contact that waits is its former agent's."""
    if placement.stage is RoutingStage.OFF:
        return None
    if placement.stage is not RoutingStage.QUEUED:
        return placement.agent
    return former if row and row.contact_id == placement.contact_id else None


async def _tell_state(connection: AsyncConnection, placement: Placement, user: str, stage: str, now: datetime) -> None:
    """Tells an agent of a contact of theirs; the conversation may have gone on to another, as in a survey."""
    theirs = (_contacts.conversation_id == placement.conversation_id, _contacts.agent_user == user)
    query = select(_contacts.id).where(*theirs).order_by(_contacts.initiated_at.desc()).limit(1)
    contact_id = (await connection.execute(query)).scalar_one_or_none() or placement.contact_id
    body = {**_body(placement, contact_id), "stage": stage}
    await write_event(connection, placement.instance, user, "state", body, now)


async def _is_there(connection: AsyncConnection, instance: str, user: str) -> bool:
    agent = schema.agents.c
    query = select(agent.status).where(agent.instance == instance, agent.user == user, agent.disconnected_at.is_(None))
    return (await connection.execute(query)).scalar_one_or_none() not in (None, AgentStatus.AWAY, AgentStatus.OFFLINE)


def _body(placement: Placement, contact_id: str) -> dict[str, Any]:
    return {
        "contact_id": contact_id,
        "initial_contact_id": placement.conversation_id,
        "queue": placement.queue,
        "workstream": placement.workstream,
    }
