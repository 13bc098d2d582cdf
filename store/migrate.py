"""Brings a store to the present schema. Safe to call from several processes at once."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from asyncpg import PostgresError
from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import DBAPIError

from store.database import Database


class StoreProblem(Exception):
    """The store cannot be used; the message says which and why."""


_ADVISORY_LOCK = 7_233_001


@asynccontextmanager
async def opened(url: str, *, pool_size: int, durable: bool) -> AsyncGenerator[Database, None]:
    """The store of a process, brought to the present schema and closed at the end; see `Database.open`.

    Raises:
        StoreProblem: it cannot be reached or migrated.
    """
    db = Database.open(url, pool_size=pool_size, durable=durable)
    try:
        try:
            await migrate(db)
        except (OSError, DBAPIError, PostgresError) as error:
            reason = str(error).partition("\n")[0]
            raise StoreProblem(f"the store {make_url(url)!r} cannot be opened: {reason}") from error
        yield db
    finally:
        await db.close()


async def migrate(db: Database) -> None:
    """Applies the migrations that are missing, one process at a time."""
    async with db.write() as connection:
        await connection.run_sync(_upgrade)


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
