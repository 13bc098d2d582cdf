"""New stores for tests: files of SQLite, and databases of one PostgreSQL server."""

from __future__ import annotations

import shutil
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from uuid import uuid4

from sqlalchemy import make_url

from store.database import Database
from store.migrate import migrate
from tests import postgres

Fresh = Callable[..., AbstractAsyncContextManager[str]]
"""Provides the URL of a new store: without tables, or a copy of the store whose URL it gets. The store is gone at the end."""


def sqlite_files(folder: Path) -> Fresh:
    """New files in a folder."""
    return partial(_file, folder)


def postgresql_databases(server: str) -> Fresh:
    """New databases of a server."""
    return partial(postgres.database, server)


@asynccontextmanager
async def migrated_store(fresh: Fresh) -> AsyncGenerator[str]:
    """Provide the URL of a new store with all tables and no rows."""
    async with fresh() as url:
        db = Database.open(url)
        await migrate(db)
        await db.close()
        yield url


@asynccontextmanager
async def _file(folder: Path, template: str | None = None) -> AsyncGenerator[str]:
    path = folder / f"{uuid4().hex}.db"
    if template:
        shutil.copy(str(make_url(template).database), path)
    yield f"sqlite:///{path}"
