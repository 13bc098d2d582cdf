"""Changes of the configuration at run time, with optimistic locking.

Each instance has one revision. A change carries the revision that it creates, and is written only when that revision follows the
stored one. So the author of a change has read all earlier changes, and no change overwrites another unseen.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update

from store import schema
from store.agent_identities import end_identities
from store.database import Database
from store.transaction import Transaction

_changes = schema.configuration_changes
_revisions = schema.configuration_revisions


@dataclass(frozen=True, slots=True)
class ConfigurationChange:
    """The last change of one configuration table of an instance.

    Attributes:
        kind: the kind of the table.
        name: the table's name within its kind.
        value: the whole table as JSON; None when the table is deleted.
        revision: the revision that the change created.
        changed_by: the author of the change.
    """

    kind: str
    name: str
    value: dict[str, Any] | None
    revision: int
    changed_at: datetime
    changed_by: str


async def revisions(db: Database) -> dict[str, int]:
    """The revision of each instance that was ever changed."""
    async with db.read() as connection:
        rows = await connection.execute(select(_revisions.c.instance, _revisions.c.revision))
        return {row.instance: row.revision for row in rows}


async def changes(db: Database, instance: str) -> tuple[int, list[ConfigurationChange]]:
    """An instance's revision, 0 without any change, and the last change of each changed table, oldest first."""
    names = [field.name for field in fields(ConfigurationChange)]
    # one statement reads both, so they belong together; a revision without changes gives one row with NULLs
    query = (
        select(_revisions.c.revision.label("present"), *(_changes.c[name] for name in names))
        .join_from(_revisions, _changes, _changes.c.instance == _revisions.c.instance, isouter=True)
        .where(_revisions.c.instance == instance)
        .order_by(_changes.c.revision)
    )
    async with db.read() as connection:
        rows = (await connection.execute(query)).mappings().all()
    stored = [ConfigurationChange(**{name: row[name] for name in names}) for row in rows if row["kind"] is not None]
    return (rows[0]["present"] if rows else 0), stored


async def save_change(
    db: Database, instance: str, change: ConfigurationChange, *, other_agents: Collection[str] = ()
) -> bool:
    """Writes a change. It replaces the earlier change of the same table.

    Args:
        db: the store.
        instance: the instance.
        change: the change.
        other_agents: the agents whom the change adds or removes. The identities that they may have end.

    Returns:
        False, and nothing is written, when `change.revision` does not follow the stored revision.
    """
    async with db.write() as connection:
        if not await _increment_revision(db, connection, instance, change.revision):
            return False
        await db.upsert(connection, _changes, [{"instance": instance, **asdict(change)}])
        await end_identities(connection, instance, other_agents)
    return True


async def delete_change(
    db: Database, instance: str, kind: str, name: str, *, revision: int, other_agents: Collection[str] = ()
) -> bool:
    """Deletes the change of a table, if there is one. The instance receives the revision `revision`.

    The identities of `other_agents` end: see `save_change`.

    Returns:
        False, and nothing is deleted, when `revision` does not follow the stored revision.
    """
    this_change = (_changes.c.instance == instance, _changes.c.kind == kind, _changes.c.name == name)
    async with db.write() as connection:
        if not await _increment_revision(db, connection, instance, revision):
            return False
        await connection.execute(delete(_changes).where(*this_change))
        await end_identities(connection, instance, other_agents)
    return True


async def _increment_revision(db: Database, connection: Transaction, instance: str, revision: int) -> bool:
    """Sets an instance's revision. Returns False when `revision` does not follow the stored one."""
    await db.insert_new(connection, _revisions, [{"instance": instance, "revision": 0}])
    # locks the row: of two transactions with the same revision the second waits, and then finds the new revision
    present = (_revisions.c.instance == instance, _revisions.c.revision == revision - 1)
    changed = await connection.execute(update(_revisions).where(*present).values(revision=revision))
    return bool(changed.rowcount)
