"""What is good once: the ids that were used, until they would expire anyway. All processes share them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select

from store import schema
from store.cleanup import delete_before
from store.database import Database

_uses = schema.single_uses.c

_AFTER_ALL = "~"
"""Greater than each character of an id."""


async def take(db: Database, id: str, expires_at: datetime) -> bool:
    """Uses an id that is good until `expires_at`. Returns False when it was used before, by any process."""
    async with db.write() as connection:
        row = {"id": id, "expires_at": expires_at}
        return bool(await db.insert_new(connection, schema.single_uses, [row]))


async def take_variant(db: Database, id: str, variant: str, expires_at: datetime) -> datetime | None:
    """Uses a variant of an id. Each variant is good once.

    Returns:
        When the variant of the id that was used first expires; None when this variant was used before.
    """
    of_id = _uses.id.between(id, id + _AFTER_ALL)
    async with db.write() as connection:
        row = {"id": id + variant, "expires_at": expires_at}
        if not await db.insert_new(connection, schema.single_uses, [row]):
            return None
        return (await connection.execute(select(func.min(_uses.expires_at)).where(of_id))).scalar_one()


async def delete_expired(db: Database, now: datetime) -> None:
    """Deletes the ids that are no longer good."""
    await delete_before(db, _uses.expires_at, now)
