"""Agents: applies their configuration, and reads their present state."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select, update

from domain.instants import epoch_milliseconds
from domain.routing import AgentStatus
from routing.leases import holds_lease
from routing.load import load_of
from routing.records import AgentState, RoutedAgent
from routing.rows import lock_agents
from store import schema
from store.agent_identities import end_identities_except
from store.database import Database
from store.transaction import Transaction

_agents = schema.agents.c
_served = schema.agent_queues.c


async def configure_agents(
    db: Database,
    instance: str,
    agents: Sequence[RoutedAgent],
    now: datetime,
    *,
    removes: bool = True,
    holder: str | None = None,
) -> None:
    """Replaces the agents of an instance and the queues that they serve. Idempotent. `are_configured` then knows them.

    The identities of removed agents end, and with them their tokens.

    New agents are offline; the status and the counts of the others stay. A removed agent keeps the conversations they work on;
    conversations that wait for a removed agent are offered to others.

    Takes the advisory lock of the instance's agents, then locks the agents that change or are removed.

    Args:
        db: the store.
        instance: the instance.
        agents: all its agents.
        now: the present instant.
        removes: whether other agents are removed. False: they stay as they are, and `are_configured` does not know the agents.
        holder: the process that writes; nothing is written when it has lost the lease of the instance. None: no lease is needed.
    """
    async with db.write() as connection:
        await db.take_advisory_lock(connection, f"agents of {instance}")
        if holder is not None and not await holds_lease(connection, instance, holder):
            return
        await _configure_agents(db, connection, instance, agents, now, removes=removes)
        await _configure_queues(connection, instance, agents, removes=removes)
        if not removes:
            return
        await end_identities_except(connection, instance, {agent.user for agent in agents})
        configured = {"instance": instance, "fingerprint": fingerprint_of(agents)}
        await db.upsert(connection, schema.configured_agents, [configured])


async def are_configured(db: Database, instance: str, fingerprint: str) -> bool:
    """Whether the agents that were last configured for an instance have this fingerprint. Reads one row."""
    table = schema.configured_agents.c
    query = select(table.instance).where(table.instance == instance, table.fingerprint == fingerprint)
    return bool(await db.rows(query))


def fingerprint_of(agents: Iterable[RoutedAgent]) -> str:
    """The fingerprint of agents and the queues that they serve. Their order does not count."""
    values = sorted((agent.user, agent.name, agent.capacity, sorted(agent.queues)) for agent in agents)
    return sha256(json.dumps(values).encode()).hexdigest()


async def _configure_agents(
    db: Database, connection: Transaction, instance: str, agents: Sequence[RoutedAgent], now: datetime, *, removes: bool
) -> None:
    query = select(_agents.user, _agents.name, _agents.capacity).where(_agents.instance == instance)
    before = {user: (name, capacity) for user, name, capacity in await connection.execute(query)}
    configured = {agent.user: (agent.name, agent.capacity) for agent in agents}
    removed: set[str] = before.keys() - configured.keys() if removes else set()
    changed = {user for user in before.keys() & configured.keys() if before[user] != configured[user]}
    await lock_agents(db, connection, instance, removed | changed)
    this_agent = (_agents.instance == instance, _agents.user == bindparam("where_user"))
    if removed:
        await connection.execute(delete(schema.agents).where(*this_agent), [{"where_user": user} for user in removed])
    for user in changed:
        name, capacity = configured[user]
        await connection.execute(
            update(schema.agents).where(*this_agent).values(name=name, capacity=capacity), {"where_user": user}
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
            # greater than the number of any event that an earlier agent of this name received
            "event_seq": epoch_milliseconds(now),
        }
        for agent in agents
        if agent.user not in before
    ]
    if rows:
        await connection.execute(insert(schema.agents), rows)


async def _configure_queues(
    connection: Transaction, instance: str, agents: Sequence[RoutedAgent], *, removes: bool
) -> None:
    query = select(_served.queue, _served.user).where(_served.instance == instance)
    before = {(queue, user) for queue, user in await connection.execute(query)}
    configured = {(queue, agent.user) for agent in agents for queue in agent.queues}
    removed = [{"where_queue": queue, "where_user": user} for queue, user in before - configured if removes]
    new = [{"instance": instance, "queue": queue, "user": user} for queue, user in sorted(configured - before)]
    if removed:
        this_row = (_served.queue == bindparam("where_queue"), _served.user == bindparam("where_user"))
        await connection.execute(delete(schema.agent_queues).where(_served.instance == instance, *this_row), removed)
    if new:
        await connection.execute(insert(schema.agent_queues), new)


async def agent_states(
    db: Database, instance: str, now: datetime, *, users: Iterable[str] | None = None
) -> list[AgentState]:
    """The present state of an instance's agents, ordered by user.

    Args:
        now: the instant for which the load is summed up.
        users: only these agents; None for all. Unknown users are ignored.
    """
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
    return [_agent_state(*row) for row in await db.rows(query)]


async def agents_by_status(db: Database, instance: str) -> dict[str, int]:
    """The number of an instance's agents by their status. A status without agents is missing."""
    query = select(_agents.status, func.count()).where(_agents.instance == instance).group_by(_agents.status)
    return {row[0]: row[1] for row in await db.rows(query)}


def _agent_state(user: str, name: str, capacity: int, load: int, status: str, *rest: Any) -> AgentState:
    status_since, next_status, *times = rest
    following = AgentStatus(next_status) if next_status else None
    return AgentState(user, name, capacity, load, AgentStatus(status), status_since, following, *times)
