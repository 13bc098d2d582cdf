"""Removal of old rows."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, delete, select

from store.database import Database


async def delete_before(db: Database, column: Column[datetime], before: datetime) -> None:
    """Deletes the rows of a table whose instant in `column` is before another. Without such a row it only reads."""
    is_old = column < before
    if await db.rows(select(column).where(is_old).limit(1)):
        async with db.write() as connection:
            await connection.execute(delete(column.table).where(is_old))
