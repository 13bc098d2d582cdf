"""Agents: who there is, which queues they serve, and how they stand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.instants import epoch_milliseconds
from domain.routing import AgentStatus
from routing.load import load_of
from routing.records import AgentState, RoutedAgent
from routing.rows import lock_agents
from store import schema
from store.database import Database

_agents = schema.agents.c
_served = schema.agent_queues.c


async def configure_agents(db: Database, instance: str, agents: Sequence[RoutedAgent], now: datetime) -> None:
    """Brings the agents of an instance to what is configured. New ones are offline; the others stay as they are.

    What agents who are gone still work on stays with them; what waits for one of them is offered to others.
    """
    async with db.write() as connection:
        await db.one_at_a_time(connection, f"agents of {instance}")
        await _configure_agents(db, connection, instance, agents, now)
        await _configure_queues(connection, instance, agents)


async def _configure_agents(
    db: Database, connection: AsyncConnection, instance: str, agents: Sequence[RoutedAgent], now: datetime
) -> None:
    known = select(_agents.user, _agents.name, _agents.capacity).where(_agents.instance == instance)
    before = {user: (name, capacity) for user, name, capacity in await connection.execute(known)}
    wanted = {agent.user: (agent.name, agent.capacity) for agent in agents}
    gone = before.keys() - wanted.keys()
    changed = {user for user in before.keys() & wanted.keys() if before[user] != wanted[user]}
    # locked in the order of their names, like everywhere
    await lock_agents(db, connection, instance, gone | changed)
    this = (_agents.instance == instance, _agents.user == bindparam("which"))
    if gone:
        await connection.execute(delete(schema.agents).where(*this), [{"which": user} for user in gone])
    for user in changed:
        name, capacity = wanted[user]
        await connection.execute(
            update(schema.agents).where(*this).values(name=name, capacity=capacity), {"which": user}
        )
    rows = [
        {
            "instance": instance,
            "user": agent.user,
            "name": agent.name,
            "capacity": agent.capacity,
            "status": AgentStatus.OFFLINE,
            "status_since": now,
            "idle_since": now,
            "missed_offers": 0,
            # whoever was told something under this name before was told it under a lower number
            "event_seq": epoch_milliseconds(now),
        }
        for agent in agents
        if agent.user not in before
    ]
    if rows:
        await connection.execute(insert(schema.agents), rows)


async def _configure_queues(connection: AsyncConnection, instance: str, agents: Sequence[RoutedAgent]) -> None:
    known = select(_served.queue, _served.user).where(_served.instance == instance)
    before = {(queue, user) for queue, user in await connection.execute(known)}
    wanted = {(queue, agent.user) for agent in agents for queue in agent.queues}
    gone = [{"from_queue": queue, "which": user} for queue, user in before - wanted]
    new = [{"instance": instance, "queue": queue, "user": user} for queue, user in sorted(wanted - before)]
    if gone:
        this = (_served.queue == bindparam("from_queue"), _served.user == bindparam("which"))
        await connection.execute(delete(schema.agent_queues).where(_served.instance == instance, *this), gone)
    if new:
        await connection.execute(insert(schema.agent_queues), new)


async def agent_states(
    db: Database, instance: str, now: datetime, *, users: Iterable[str] | None = None
) -> list[AgentState]:
    """How the agents of an instance stand, by user: all, or some of them."""
    query = (
        select(
            *(_agents.user, _agents.name, _agents.capacity, load_of(_agents.instance, _agents.user, now)),
            *(_agents.status, _agents.status_since, _agents.next_status),
            *(_agents.last_assigned_at, _agents.idle_since, _agents.missed_offers),
        )
        .where(_agents.instance == instance)
        .order_by(_agents.user)
    )
    if users is not None:
        query = query.where(_agents.user.in_(set(users)))
    async with db.read() as connection:
        rows = (await connection.execute(query)).all()
    return [
        AgentState(*row[:4], AgentStatus(row[4]), row[5], AgentStatus(row[6]) if row[6] else None, *row[7:])
        for row in rows
    ]
