"""Opens a store and migrates it to the present schema."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from asyncpg import PostgresError
from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import DBAPIError

from domain.errors import StoreUnavailable
from store.database import Database


class StoreError(Exception):
    """The store cannot be opened. The message names the store and the reason."""


_ADVISORY_LOCK = 7_233_001


@asynccontextmanager
async def open_store(url: str, *, pool_size: int, durable: bool) -> AsyncGenerator[Database, None]:
    """Opens the store of a process and migrates it. Closes it at the end of the block.

    Args:
        url: as for `Database.open`, like the other arguments.

    Raises:
        StoreError: the store cannot be reached or migrated.
    """
    db = Database.open(url, pool_size=pool_size, durable=durable)
    try:
        try:
            await migrate(db)
        except (StoreUnavailable, OSError, DBAPIError, PostgresError) as error:
            cause = error.__cause__ if isinstance(error, StoreUnavailable) else error
            reason = str(cause).partition("\n")[0] or type(cause).__name__
            raise StoreError(f"the store {make_url(url)!r} cannot be opened: {reason}") from error
        yield db
    finally:
        await db.close()


async def migrate(db: Database) -> None:
    """Applies the missing migrations in one transaction. Idempotent; several processes may call it at once."""
    async with db.write(limited=False) as connection:
        await connection.run_sync(_upgrade)


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
