"""The audit log: who did what, when, and to what. It has no personal content; a customer appears as a hash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select

from store import schema
from store.cleanup import delete_before
from store.database import Database
from store.transaction import Transaction

_audit = schema.audit.c


class AuditEntry(NamedTuple):
    """One entry.

    Attributes:
        id: its id. A second entry with the same id is not written.
        instance: the instance.
        at: when it happened.
        actor: who did it: `api:` and an access key's id, `supervisor:` and a user, `operator:` and a name, or `retention`.
        action: what was done, such as `put_table`.
        target: to what: a table, a user, a contact, or the hash of a customer; empty without one.
        counts: how many things it was about, by their names.
    """

    id: str
    instance: str
    at: datetime
    actor: str
    action: str
    target: str = ""
    counts: Mapping[str, int] = {}


async def write_entries(db: Database, entries: Sequence[AuditEntry]) -> None:
    """Writes entries, except those whose ids are there already."""
    async with db.write() as connection:
        await add_entries(db, connection, entries)


async def add_entries(db: Database, connection: Transaction, entries: Sequence[AuditEntry]) -> None:
    """As `write_entries`, within the caller's transaction."""
    await db.insert_new(connection, schema.audit, [entry._asdict() for entry in entries])


async def entries_before(
    db: Database, instance: str, position: tuple[datetime, str] | None, limit: int
) -> list[AuditEntry]:
    """At most `limit` entries of an instance, the latest first.

    Args:
        position: instant and id of an entry; only entries before it are returned. None: the latest ones.
    """
    query = select(*(_audit[name] for name in AuditEntry._fields)).where(_audit.instance == instance)
    if position:
        at, id = position
        query = query.where(_audit.at <= at, (_audit.at < at) | (_audit.id < id))
    rows = await db.rows(query.order_by(_audit.at.desc(), _audit.id.desc()).limit(limit))
    return [AuditEntry(*row) for row in rows]


async def delete_entries(db: Database, before: datetime) -> None:
    """Deletes the entries before an instant."""
    await delete_before(db, _audit.at, before)
