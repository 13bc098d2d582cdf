"""Agent events that follow from a change of a conversation's placement: for its previous agent and for its present one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select

from domain.routing import Placement, RoutingStage
from routing.affinity import is_reserved_for
from routing.agent_events import write_event
from routing.rows import RoutingRow
from store import schema
from store.transaction import Transaction

_contacts = schema.contacts.c


async def previous_agent(connection: Transaction, row: RoutingRow | None) -> str | None:
    """The agent before the change; None when there is none.

    For a queued conversation, whose row has no agent, it is the agent of its contact, set if the conversation was parked before.
    """
    if row is None or row.stage != RoutingStage.QUEUED:
        return row and row.agent
    query = select(_contacts.agent_user).where(_contacts.id == row.contact_id)
    return (await connection.execute(query)).scalar_one_or_none()


async def write_placement_events(
    connection: Transaction, row: RoutingRow | None, placement: Placement, previous: str | None, now: datetime
) -> None:
    """Writes the events for a conversation that an agent received or lost, or whose stage changed, in the caller's transaction.

    The caller has locked both agents.

    Args:
        row: the row before the change.
        previous: the agent before the change, from `previous_agent`.
    """
    agent = _present_agent(row, placement, previous)
    if previous and previous != agent:
        await _write_state_event(connection, placement, previous, "gone", now)
    if agent is None or (row and (row.stage, row.contact_id) == (placement.stage, placement.contact_id)):
        return
    if placement.stage is RoutingStage.QUEUED:
        reserved = await is_reserved_for(connection, placement, agent)
        body = {**_body(placement, placement.contact_id), "bound": reserved}
        await write_event(connection, placement.instance, agent, "returned", body, now)
    elif row is None or row.stage == RoutingStage.QUEUED or agent != previous:
        body = {**_body(placement, placement.contact_id), "stage": placement.stage}
        await write_event(connection, placement.instance, agent, "assigned", body, now)
    else:
        await _write_state_event(connection, placement, agent, str(placement.stage), now)


def _present_agent(row: RoutingRow | None, placement: Placement, previous: str | None) -> str | None:
    """Returns the agent after the change. A queued contact keeps its agent; a new contact in the queue has none."""
    if placement.stage is RoutingStage.OFF:
        return None
    if placement.stage is not RoutingStage.QUEUED:
        return placement.agent
    return previous if row and row.contact_id == placement.contact_id else None


async def _write_state_event(
    connection: Transaction, placement: Placement, user: str, stage: str, now: datetime
) -> None:
    """Writes the event `state` with the agent's own contact, which may be an earlier one than the placement's (survey)."""
    contacts_of_agent = (_contacts.conversation_id == placement.conversation_id, _contacts.agent_user == user)
    query = select(_contacts.id).where(*contacts_of_agent).order_by(_contacts.initiated_at.desc()).limit(1)
    contact_id = (await connection.execute(query)).scalar_one_or_none() or placement.contact_id
    body = {**_body(placement, contact_id), "stage": stage}
    await write_event(connection, placement.instance, user, "state", body, now)


def _body(placement: Placement, contact_id: str) -> dict[str, Any]:
    return {
        "contact_id": contact_id,
        "initial_contact_id": placement.conversation_id,
        "queue": placement.queue,
        "workstream": placement.workstream,
    }
