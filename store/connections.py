"""Connections of participants to API processes, and the leases of these processes.

A process holds one lease for all its connections. When it dies, the lease expires, and another process finds its connections.
The record of a lost last connection stays until the disconnect is reported to the conversation. The record of a connection has
the mark whether the connect is reported. So no connect or disconnect is forgotten when a process dies before its report.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Integer, Select, bindparam, delete, exists, func, or_, select, update

from store import schema
from store.absences import begin_absence, end_absence
from store.database import Database
from store.transaction import Transaction

STREAMING = "streaming"
"""The process of connections that are no sockets: those of customers who hear their chat by message streaming. It never dies."""

_connections = schema.connections.c
_processes = schema.processes.c


class Connection(NamedTuple):
    """A participant's connection to a process."""

    participant_id: str
    process_id: str
    conversation_id: str
    disconnected_at: datetime | None
    """When the last connection was lost, while this is not reported to the conversation. None: connected."""
    is_connect_reported: bool
    """Whether the connect is reported to the conversation."""


_ROWS = select(
    *(_connections.participant_id, _connections.process_id, _connections.conversation_id),
    *(_connections.disconnected_at, _connections.connect_reported),
)


def _dead_processes() -> Select[str]:
    """Builds the query for the processes that have connections, but no lease. Parameter: before.

    One step in the index for each process, however many connections they have.
    """
    first, next = (schema.connections.alias(name).c.process_id for name in ("first", "next"))
    found = select(func.min(first).label("id")).cte("processes_with_connections", recursive=True)
    following = select(func.min(next)).where(next > found.c.id).scalar_subquery()
    found = found.union_all(select(following).where(found.c.id.is_not(None)))
    alive = exists().where(_processes.id == found.c.id, _processes.lease_until >= _BEFORE)
    return select(found.c.id).where(found.c.id.is_not(None), found.c.id != STREAMING, ~alive)


_BEFORE = bindparam("before", type_=schema.Instant)
_DEAD = _dead_processes()
_LOST = _ROWS.where(
    or_(_connections.process_id.in_(bindparam("dead", expanding=True)), _connections.disconnected_at < _BEFORE)
).limit(bindparam("limit", type_=Integer))


async def set_lease_end(db: Database, process_id: str, until: datetime) -> None:
    """Set the instant until which a process counts as alive. A past instant ends its lease."""
    async with db.write() as connection:
        await db.upsert(connection, schema.processes, [{"id": process_id, "lease_until": until}])


async def has_other_process(db: Database, process_id: str, now: datetime) -> bool:
    """Whether a process other than this one holds a lease."""
    query = select(_processes.id).where(_processes.id != process_id, _processes.lease_until > now).limit(1)
    return bool(await db.rows(query))


async def add_connection(db: Database, participant_id: str, conversation_id: str, process_id: str) -> bool:
    """Record that a participant is connected to a process. Idempotent.

    Returns:
        True if the caller must report the connect to the conversation and then call `mark_connect_reported`. A connection to
        another process alone does not count as reported: that process may have died before its report.
    """
    this_participant = _connections.participant_id == participant_id
    row = {"participant_id": participant_id, "process_id": process_id, "conversation_id": conversation_id}
    async with db.write() as connection:
        await db.take_advisory_lock(connection, participant_id)
        lost = (this_participant, _connections.disconnected_at.is_not(None))
        await connection.execute(delete(schema.connections).where(*lost))
        query = select(exists().where(this_participant, _connections.connect_reported))
        reported = (await connection.execute(query)).scalar_one()
        await db.upsert(connection, schema.connections, [{**row, "connect_reported": reported}])
        await end_absence(connection, participant_id)
    return not reported


async def streaming_participant(db: Database, conversation_id: str) -> str | None:
    """The participant of a conversation who is connected by message streaming; None without one."""
    query = (
        select(_connections.participant_id)
        .join(schema.participants, schema.participants.c.id == _connections.participant_id)
        .where(schema.participants.c.conversation_id == conversation_id, _connections.process_id == STREAMING)
    )
    rows = await db.rows(query)
    return rows[0][0] if rows else None


async def is_connected(db: Database, participant_id: str) -> bool:
    """Whether a participant has a connection to any process."""
    these = (_connections.participant_id == participant_id, _connections.disconnected_at.is_(None))
    return bool(await db.rows(select(_connections.process_id).where(*these).limit(1)))


async def connected_among(transaction: Transaction, participant_ids: Sequence[str]) -> tuple[str, ...]:
    """Those of the participants who have a connection, also one that is not reported to the conversation yet.

    A lost connection counts, too, until its connect is reported. So its loss, which is reported after it, begins a new absence.
    """
    is_open = _connections.disconnected_at.is_(None)
    counted = or_(is_open, _connections.connect_reported.is_(False))
    these = _connections.participant_id.in_(participant_ids)
    found = await transaction.execute(select(_connections.participant_id).where(these, counted).distinct())
    return tuple(found.scalars())


async def mark_connect_reported(db: Database, participant_id: str, process_id: str) -> None:
    """Record that a connect is reported to the conversation, also one of a connection that is lost since then."""
    this_connection = (_connections.participant_id == participant_id, _connections.process_id == process_id)
    change = update(schema.connections).where(*this_connection).values(connect_reported=True)
    async with db.write() as connection:
        # `add_connection` reads the mark and then writes it
        await db.take_advisory_lock(connection, participant_id)
        await connection.execute(change)


async def mark_connection_lost(
    db: Database,
    participant_id: str,
    process_id: str,
    at: datetime,
    *,
    silent_since: datetime | None = None,
    if_dead_since: datetime | None = None,
) -> bool:
    """Record that a participant has lost their last connection to a process. Idempotent.

    Args:
        db: the store.
        participant_id: the participant.
        process_id: the process.
        at: when the connection was lost.
        silent_since: the last sign of life of a client that fell silent, if it was earlier. The absence begins with it.
        if_dead_since: do nothing if the lease of the process was valid at this instant. None: do it in any case.

    Returns:
        Whether it was the participant's last connection to any process: then the disconnect must be reported to the
        conversation, and `remove_disconnected` called afterwards.
    """
    this_connection = (_connections.participant_id == participant_id, _connections.process_id == process_id)
    others = (
        _connections.participant_id == participant_id,
        _connections.process_id != process_id,
        _connections.disconnected_at.is_(None),
    )
    async with db.write() as connection:
        await db.take_advisory_lock(connection, participant_id)
        if if_dead_since:
            alive = exists().where(_processes.id == process_id, _processes.lease_until >= if_dead_since)
            if (await connection.execute(select(alive))).scalar_one():
                return False
        if (await connection.execute(select(exists().where(*others)))).scalar_one():
            await connection.execute(delete(schema.connections).where(*this_connection))
            return False
        change = (
            update(schema.connections)
            .where(*this_connection, _connections.disconnected_at.is_(None))
            .values(disconnected_at=at)
        )
        is_lost = bool((await connection.execute(change)).rowcount)
        if is_lost:
            await begin_absence(db, connection, participant_id, silent_since or at)
        return is_lost


async def remove_disconnected(db: Database, participant_id: str, at: datetime) -> None:
    """Remove the record of a disconnect at that instant or earlier. Call it after the disconnect is reported."""
    reported = (_connections.participant_id == participant_id, _connections.disconnected_at <= at)
    async with db.write() as connection:
        await connection.execute(delete(schema.connections).where(*reported))


async def connections_of(db: Database, process_id: str) -> list[Connection]:
    """The connections to a process, without the lost ones."""
    query = _ROWS.where(_connections.process_id == process_id, _connections.disconnected_at.is_(None))
    async with db.read() as connection:
        return [Connection(*row) for row in await connection.execute(query)]


async def connections_of_dead_processes(db: Database, before: datetime, limit: int = 500) -> list[Connection]:
    """Connections to processes whose lease expired before an instant, and connections lost before it and not reported yet."""
    async with db.read() as connection:
        dead = (await connection.execute(_DEAD, {"before": before})).scalars().all()
        found = await connection.execute(_LOST, {"dead": dead, "before": before, "limit": limit})
        return [Connection(*row) for row in found]


async def delete_dead_processes(db: Database, before: datetime) -> None:
    """Delete the processes whose lease expired before an instant and that have no connection left."""
    is_used = exists().where(_connections.process_id == _processes.id)
    stale = (_processes.lease_until < before, ~is_used)
    if await db.rows(select(_processes.id).where(*stale).limit(1)):
        async with db.write() as connection:
            await connection.execute(delete(schema.processes).where(*stale))
