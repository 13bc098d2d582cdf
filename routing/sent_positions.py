"""The last queue position that was sent to each customer. Only one process sends each change."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select, update

from store import schema
from store.cleanup import delete_before
from store.database import Database

_positions = schema.sent_positions.c


async def sent_positions(db: Database, contact_ids: Collection[str]) -> dict[str, int]:
    """The last announced positions by contact id; contacts without an announcement are missing."""
    query = select(_positions.contact_id, _positions.position).where(_positions.contact_id.in_(contact_ids))
    async with db.read() as connection:
        return {row.contact_id: row.position for row in await connection.execute(query)}


async def record_sent_position(db: Database, contact_id: str, position: int, now: datetime) -> bool:
    """Records a position before it is announced. The caller announces it only when this returns True.

    So each change is announced at most once: not at all when the process dies after this call.

    Returns:
        False when this position is recorded already, by this or another process.
    """
    row = {"contact_id": contact_id, "position": position, "at": now}
    change = update(schema.sent_positions).where(_positions.contact_id == contact_id, _positions.position != position)
    async with db.write() as connection:
        if await db.insert_new(connection, schema.sent_positions, [row]):
            return True
        return bool((await connection.execute(change.values(position=position, at=now))).rowcount)


async def delete_sent_positions(db: Database, before: datetime) -> None:
    """Deletes the records of announcements before an instant."""
    await delete_before(db, _positions.at, before)
