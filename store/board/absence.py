"""Agents who have lost the connection of their desk: they are offered nothing, and after a while they are offline.

An agent whose desk never was connected is not lost.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import exists, select, update

from store import schema
from store.board.desk import AgentId, tell_of_presence
from store.board.rows import lock_agents
from store.board.values import Presence
from store.database import Database

_agents, _connections = schema.agents.c, schema.connections.c


async def lost(db: Database, agent: AgentId, desk: str, at: datetime) -> bool:
    """Notes that an agent's last connection was lost at that instant, unless they are back or offline anyway.

    Args:
        desk: the id under which `store.presence` knows the agent's connections.

    Returns:
        Whether they are lost: then they are offered nothing from now on.
    """
    is_back = exists().where(_connections.participant_id == desk, _connections.departed_at.is_(None))
    this = (_agents.instance == agent.instance, _agents.user == agent.user)
    async with db.write() as connection:
        # before it is looked whether they are back: what comes after this lock takes the mark away again
        await lock_agents(db, connection, agent.instance, [agent.user])
        change = update(schema.agents).where(*this, _agents.presence != Presence.OFFLINE, ~is_back)
        return bool((await connection.execute(change.values(lost_at=at))).rowcount)


async def back(db: Database, agent: AgentId) -> None:
    """Notes that an agent has a connection again; their presence is as it was."""
    this = (_agents.instance == agent.instance, _agents.user == agent.user)
    async with db.write() as connection:
        await connection.execute(update(schema.agents).where(*this, _agents.lost_at.is_not(None)).values(lost_at=None))


async def give_up(db: Database, before: datetime, now: datetime, limit: int = 500) -> list[AgentId]:
    """Makes agents offline who were lost before an instant. Returns them."""
    query = select(_agents.instance, _agents.user).where(_agents.lost_at < before).limit(limit)
    async with db.read() as connection:
        found = [AgentId(*row) for row in await connection.execute(query)]
    return [agent for agent in found if await _make_offline(db, agent, before, now)]


async def _make_offline(db: Database, agent: AgentId, before: datetime, now: datetime) -> bool:
    this = (_agents.instance == agent.instance, _agents.user == agent.user)
    offline = {"presence": Presence.OFFLINE, "presence_since": now, "next_presence": None}
    async with db.write() as connection:
        still_lost = update(schema.agents).where(*this, _agents.lost_at < before).values(lost_at=None)
        if not (await connection.execute(still_lost)).rowcount:
            return False
        change = update(schema.agents).where(*this, _agents.presence != Presence.OFFLINE).values(**offline)
        if not (await connection.execute(change)).rowcount:
            return False
        await tell_of_presence(connection, *agent, Presence.OFFLINE, None, now)
    return True
