"""Agents whose client lost its last connection. They receive no offers, and are set offline after the grace period.

An agent whose client never connected does not count as disconnected.
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


async def mark_agent_disconnected(db: Database, agent: AgentId, client_id: str, at: datetime) -> bool:
    """Records that an agent's client lost its last connection, unless it has another by now or the agent is offline.

    Locks the agent. A repeated call sets the instant again.

    Args:
        client_id: the `participant_id` of the agent's rows in the table `connections`.
        at: when the connection was lost.

    Returns:
        Whether the agent counts as disconnected, and so receives no offers. `mark_agent_connected` ends that, and so does
        `set_offline_after_grace`, which sets the agent offline.
    """
    is_connected = exists().where(_connections.participant_id == client_id, _connections.disconnected_at.is_(None))
    this_agent = (_agents.instance == agent.instance, _agents.user == agent.user)
    async with db.write() as connection:
        # take the lock first: `mark_agent_connected` then waits and resets `disconnected_at`
        await lock_agents(db, connection, agent.instance, [agent.user])
        change = update(schema.agents).where(*this_agent, _agents.status != AgentStatus.OFFLINE, ~is_connected)
        return bool((await connection.execute(change.values(disconnected_at=at))).rowcount)


async def mark_agent_connected(db: Database, agent: AgentId) -> None:
    """Records that an agent's client is connected. Idempotent. The agent status stays as it is."""
    this_agent = (_agents.instance == agent.instance, _agents.user == agent.user)
    async with db.write() as connection:
        await connection.execute(
            update(schema.agents).where(*this_agent, _agents.disconnected_at.is_not(None)).values(disconnected_at=None)
        )


async def set_offline_after_grace(db: Database, before: datetime, now: datetime, limit: int = 500) -> list[AgentId]:
    """Sets agents offline who were disconnected before an instant, each in its own transaction.

    Several processes may call it at once: each agent is set offline, and receives the event, once.

    Returns:
        The agents that this call set offline, at most `limit`.
    """
    query = select(_agents.instance, _agents.user).where(_agents.disconnected_at < before).limit(limit)
    async with db.read() as connection:
        found = [AgentId(*row) for row in await connection.execute(query)]
    return [agent for agent in found if await _set_offline(db, agent, before, now)]


async def _set_offline(db: Database, agent: AgentId, before: datetime, now: datetime) -> bool:
    this_agent = (_agents.instance == agent.instance, _agents.user == agent.user)
    offline = {"status": AgentStatus.OFFLINE, "status_since": now, "next_status": None}
    async with db.write() as connection:
        still_disconnected = (
            update(schema.agents).where(*this_agent, _agents.disconnected_at < before).values(disconnected_at=None)
        )
        if not (await connection.execute(still_disconnected)).rowcount:
            return False
        change = update(schema.agents).where(*this_agent, _agents.status != AgentStatus.OFFLINE).values(**offline)
        if not (await connection.execute(change)).rowcount:
            return False
        await write_status_event(connection, *agent, AgentStatus.OFFLINE, None, now)
    return True
