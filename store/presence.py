"""Which participants have a connection to which API process, and which processes are alive.

A process holds one lease for all its connections. When it dies the lease runs out, and any other process finds the
connections that died with it. A participant whose last connection is gone stays on record, as departed, until their
conversation has been told; and of whoever is there it is on record whether their conversation knows. So nobody's arrival or
departure is forgotten, whoever dies in between.
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
    told: bool
    """Whether their conversation knows that they are there."""


_ROWS = select(*(_connections[name] for name in Connection._fields))


async def renew_lease(db: Database, process_id: str, until: datetime) -> None:
    """Says that a process lives, at least until then."""
    async with db.write() as connection:
        await connection.execute(db.upsert(schema.processes, [{"id": process_id, "lease_until": until}]))


async def arrive(db: Database, participant_id: str, conversation_id: str, process_id: str) -> bool:
    """Notes that a participant has a connection to a process.

    Returns:
        Whether their conversation may not know that they are there: then it is to be told, and afterwards `mark_told` called.
        That another process has noted them is not enough, because it may have died before it told anybody.
    """
    here = _connections.participant_id == participant_id
    row = {"participant_id": participant_id, "process_id": process_id, "conversation_id": conversation_id}
    async with db.write() as connection:
        await db.one_at_a_time(connection, participant_id)
        await connection.execute(delete(schema.connections).where(here, _connections.departed_at.is_not(None)))
        known = (await connection.execute(select(exists().where(here, _connections.told)))).scalar_one()
        await connection.execute(db.upsert(schema.connections, [{**row, "told": known}]))
    return not known


async def mark_told(db: Database, participant_id: str, process_id: str) -> None:
    """Notes that a participant's conversation knows of their connection to a process, if they still have it."""
    mine = (_connections.participant_id == participant_id, _connections.process_id == process_id)
    change = update(schema.connections).where(*mine, _connections.departed_at.is_(None)).values(told=True)
    async with db.write() as connection:
        await connection.execute(change)


async def depart(
    db: Database, participant_id: str, process_id: str, at: datetime, *, if_dead_since: datetime | None = None
) -> bool:
    """Notes that a participant has lost their last connection to a process.

    Args:
        if_dead_since: nothing is noted if the process has a lease that held then.

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
        if if_dead_since:
            alive = exists().where(_processes.id == process_id, _processes.lease_until >= if_dead_since)
            if (await connection.execute(select(alive))).scalar_one():
                return False
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


async def connections_to(db: Database, process_id: str) -> list[Connection]:
    """The connections that are noted of a process, without those that are lost."""
    query = _ROWS.where(_connections.process_id == process_id, _connections.departed_at.is_(None))
    async with db.read() as connection:
        return [Connection(*row) for row in await connection.execute(query)]


async def orphans(db: Database, before: datetime, limit: int = 500) -> list[Connection]:
    """Connections to processes whose lease ran out, and departures that nobody told of, both before an instant."""
    dead = _connections.process_id.not_in(select(_processes.id).where(_processes.lease_until >= before))
    query = _ROWS.where(or_(dead, _connections.departed_at < before)).limit(limit)
    async with db.read() as connection:
        return [Connection(*row) for row in await connection.execute(query)]


async def drop_dead_processes(db: Database, before: datetime) -> None:
    """Forgets processes whose lease ran out long ago and that left no connection behind."""
    used = select(_connections.process_id)
    stale = (_processes.lease_until < before, _processes.id.not_in(used))
    async with db.write() as connection:
        await connection.execute(delete(schema.processes).where(*stale))
