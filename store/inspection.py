"""What a check before a deploy asks the store: its version, its clock, and which migrations it has."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from store.database import Database

_POSTGRES_VERSION = text("SELECT current_setting('server_version')")
_SQLITE_VERSION = text("SELECT sqlite_version()")
_POSTGRES_TIME = text("SELECT clock_timestamp()")


async def server_version(db: Database) -> str:
    """The product and its version, such as `PostgreSQL 17.2`."""
    statement, product = (_POSTGRES_VERSION, "PostgreSQL") if db.is_postgres else (_SQLITE_VERSION, "SQLite")
    return f"{product} {(await db.rows(statement))[0][0]}"


async def clock_difference(db: Database) -> timedelta | None:
    """How far the clock of the server is ahead of that of this machine; None on SQLite, which has no clock of its own.

    It is exact to half of the time that the answer takes.
    """
    if not db.is_postgres:
        return None
    asked = datetime.now(UTC)
    server: datetime = (await db.rows(_POSTGRES_TIME))[0][0]
    return server - (asked + (datetime.now(UTC) - asked) / 2)


async def applied_migration(db: Database) -> str | None:
    """The migration that the store has; None when it has no tables yet."""
    try:
        return await db.answer()
    except DBAPIError:
        return None


def known_migrations() -> list[str]:
    """The migrations that this version knows, the latest last."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()][::-1]
