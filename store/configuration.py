"""What was changed of the configuration at run time. Each instance has one revision, which every change moves on by one.

A change says what follows it, and is refused when another came first: so whoever changes something has seen all that
counts then, and two who do it at once cannot undo one another's change without knowing it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import schema
from store.database import Database

_changes = schema.configuration_changes
_revisions = schema.configuration_revisions


@dataclass(frozen=True, slots=True)
class Change:
    """A table of an instance that has been changed, created, or deleted.

    `kind` and `name` say which; `value` is the table as JSON has it, None when it is deleted. `revision` is the one that
    the change has made, `changed_by` who made it.
    """

    kind: str
    name: str
    value: dict[str, Any] | None
    revision: int
    changed_at: datetime
    changed_by: str


async def revisions(db: Database) -> dict[str, int]:
    """The revision of each instance of which anything was ever changed."""
    async with db.read() as connection:
        rows = await connection.execute(select(_revisions.c.instance, _revisions.c.revision))
        return {row.instance: row.revision for row in rows}


async def changes(db: Database, instance: str) -> tuple[int, list[Change]]:
    """An instance's revision, 0 when nothing was ever changed, and the changes that make it up, oldest first."""
    names = [field.name for field in fields(Change)]
    # one statement, so that both are of one moment; a revision without changes is a row without them
    query = (
        select(_revisions.c.revision.label("present"), *(_changes.c[name] for name in names))
        .join_from(_revisions, _changes, _changes.c.instance == _revisions.c.instance, isouter=True)
        .where(_revisions.c.instance == instance)
        .order_by(_changes.c.revision)
    )
    async with db.read() as connection:
        rows = (await connection.execute(query)).mappings().all()
    made = [Change(**{name: row[name] for name in names}) for row in rows if row["kind"] is not None]
    return (rows[0]["present"] if rows else 0), made


async def keep(db: Database, instance: str, change: Change) -> bool:
    """Writes a change in place of an earlier one of the same table.

    Returns:
        False, and nothing is written, when `change.revision` does not follow the present one.
    """
    async with db.write() as connection:
        if not await _moves_on(db, connection, instance, change.revision):
            return False
        await connection.execute(db.upsert(_changes, [{"instance": instance, **asdict(change)}]))
    return True


async def forget(db: Database, instance: str, kind: str, name: str, *, revision: int) -> bool:
    """Removes the change of a table, should there be one.

    Returns:
        False, and nothing is removed, when `revision` does not follow the present one.
    """
    one = (_changes.c.instance == instance, _changes.c.kind == kind, _changes.c.name == name)
    async with db.write() as connection:
        if not await _moves_on(db, connection, instance, revision):
            return False
        await connection.execute(delete(_changes).where(*one))
    return True


async def _moves_on(db: Database, connection: AsyncConnection, instance: str, revision: int) -> bool:
    await connection.execute(db.insert_new(_revisions, [{"instance": instance, "revision": 0}]))
    # who comes second waits here for the first, and then finds another revision
    present = (_revisions.c.instance == instance, _revisions.c.revision == revision - 1)
    moved = await connection.execute(update(_revisions).where(*present).values(revision=revision))
    return bool(moved.rowcount)
