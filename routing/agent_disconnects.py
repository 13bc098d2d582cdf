"""Agents who have lost the connection of their desk: they are offered nothing, and after a while they are offline.

An agent whose desk never was connected is not lost.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import exists, select, update

from domain.routing import AgentStatus
from routing.agent_events import AgentId, write_status_event
from routing.rows import lock_agents
from store import schema
from store.database import Database

_agents, _connections = schema.agents.c, schema.connections.c


async def mark_disconnected(db: Database, agent: AgentId, desk: str, at: datetime) -> bool:
    """Notes that an agent's last connection was lost at that instant, unless they are back or offline anyway.

    Args:
        desk: the id under which `store.status` knows the agent's connections.

    Returns:
        Whether they are lost: then they are offered nothing from now on.
    """
    is_back = exists().where(_connections.participant_id == desk, _connections.departed_at.is_(None))
    this = (_agents.instance == agent.instance, _agents.user == agent.user)
    async with db.write() as connection:
        # before it is looked whether they are back: what comes after this lock takes the mark away again
        await lock_agents(db, connection, agent.instance, [agent.user])
        change = update(schema.agents).where(*this, _agents.status != AgentStatus.OFFLINE, ~is_back)
        return bool((await connection.execute(change.values(disconnected_at=at))).rowcount)


async def mark_connected(db: Database, agent: AgentId) -> None:
    """Notes that an agent has a connection again; their status is as it was."""
    this = (_agents.instance == agent.instance, _agents.user == agent.user)
    async with db.write() as connection:
        await connection.execute(
            update(schema.agents).where(*this, _agents.disconnected_at.is_not(None)).values(disconnected_at=None)
        )


async def set_offline_after_grace(db: Database, before: datetime, now: datetime, limit: int = 500) -> list[AgentId]:
    """Makes agents offline who were lost before an instant. Returns them."""
    query = select(_agents.instance, _agents.user).where(_agents.disconnected_at < before).limit(limit)
    async with db.read() as connection:
        found = [AgentId(*row) for row in await connection.execute(query)]
    return [agent for agent in found if await _make_offline(db, agent, before, now)]


async def _make_offline(db: Database, agent: AgentId, before: datetime, now: datetime) -> bool:
    this = (_agents.instance == agent.instance, _agents.user == agent.user)
    offline = {"status": AgentStatus.OFFLINE, "status_since": now, "next_status": None}
    async with db.write() as connection:
        still_lost = update(schema.agents).where(*this, _agents.disconnected_at < before).values(disconnected_at=None)
        if not (await connection.execute(still_lost)).rowcount:
            return False
        change = update(schema.agents).where(*this, _agents.status != AgentStatus.OFFLINE).values(**offline)
        if not (await connection.execute(change)).rowcount:
            return False
        await write_status_event(connection, *agent, AgentStatus.OFFLINE, None, now)
    return True
