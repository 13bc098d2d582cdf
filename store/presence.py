"""Which participants have a connection to which API process, and which processes are alive.

A process holds one lease for all its connections. When it dies the lease runs out, and any other process finds the
connections that died with it. A participant whose last connection is gone stays on record, as departed, until their
conversation has been told: so that nobody's departure is forgotten, whoever dies in between.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import delete, exists, or_, select, update

from store import schema
from store.database import Database

_connections = schema.connections.c
_processes = schema.processes.c


class Connection(NamedTuple):
    """A participant's connection to a process; `departed_at` when it is lost and their conversation is still to be told."""

    participant_id: str
    process_id: str
    conversation_id: str
    departed_at: datetime | None


async def renew_lease(db: Database, process_id: str, until: datetime) -> None:
    """Says that a process lives, at least until then."""
    async with db.write() as connection:
        await connection.execute(db.upsert(schema.processes, [{"id": process_id, "lease_until": until}]))


async def arrive(db: Database, participant_id: str, conversation_id: str, process_id: str) -> bool:
    """Notes that a participant has a connection to a process. Returns whether they had none to any process before."""
    here = _connections.participant_id == participant_id
    row = {"participant_id": participant_id, "process_id": process_id, "conversation_id": conversation_id}
    async with db.write() as connection:
        await db.one_at_a_time(connection, participant_id)
        await connection.execute(delete(schema.connections).where(here, _connections.departed_at.is_not(None)))
        known = (await connection.execute(select(exists().where(here)))).scalar_one()
        await connection.execute(db.insert_new(schema.connections, [row]))
    return not known


async def depart(db: Database, participant_id: str, process_id: str, at: datetime) -> bool:
    """Notes that a participant has lost their last connection to a process.

    Returns:
        Whether it was the last to any process: then their conversation is to be told, and afterwards `forget` called.
    """
    mine = (_connections.participant_id == participant_id, _connections.process_id == process_id)
    others = (
        _connections.participant_id == participant_id,
        _connections.process_id != process_id,
        _connections.departed_at.is_(None),
    )
    async with db.write() as connection:
        await db.one_at_a_time(connection, participant_id)
        if (await connection.execute(select(exists().where(*others)))).scalar_one():
            await connection.execute(delete(schema.connections).where(*mine))
            return False
        change = update(schema.connections).where(*mine, _connections.departed_at.is_(None)).values(departed_at=at)
        return bool((await connection.execute(change)).rowcount)


async def forget(db: Database, participant_id: str, at: datetime) -> None:
    """Removes a departure of that instant, once the participant's conversation has been told of it."""
    departed = (_connections.participant_id == participant_id, _connections.departed_at <= at)
    async with db.write() as connection:
        await connection.execute(delete(schema.connections).where(*departed))


async def orphans(db: Database, before: datetime, limit: int = 500) -> list[Connection]:
    """Connections to processes whose lease ran out, and departures that nobody told of, both before an instant."""
    dead = _connections.process_id.not_in(select(_processes.id).where(_processes.lease_until >= before))
    query = (
        select(*(_connections[name] for name in Connection._fields))
        .where(or_(dead, _connections.departed_at < before))
        .limit(limit)
    )
    async with db.read() as connection:
        return [Connection(*row) for row in await connection.execute(query)]


async def drop_dead_processes(db: Database, before: datetime) -> None:
    """Forgets processes whose lease ran out long ago and that left no connection behind."""
    used = select(_connections.process_id)
    stale = (_processes.lease_until < before, _processes.id.not_in(used))
    async with db.write() as connection:
        await connection.execute(delete(schema.processes).where(*stale))
