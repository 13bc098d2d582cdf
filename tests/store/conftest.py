"""An empty store for every test, on both backends."""

from __future__ import annotations

import shutil
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import delete, make_url

from store import schema
from store.database import Database
from store.migrate import migrate
from tests import postgres

Fresh = Callable[..., AbstractAsyncContextManager[str]]


@asynccontextmanager
async def file(folder: Path, template: str | None = None) -> AsyncGenerator[str]:
    path = folder / f"{uuid4().hex}.db"
    if template:
        shutil.copy(str(make_url(template).database), path)
    yield f"sqlite:///{path}"


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def fresh(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Fresh]:
    if request.param == "sqlite":
        yield partial(file, tmp_path_factory.mktemp("stores"))
    else:
        with postgres.server() as url:
            yield partial(postgres.database, url)


@pytest.fixture(scope="session")
async def migrated(fresh: Fresh) -> AsyncGenerator[str]:
    async with fresh() as url:
        db = Database.open(url)
        await migrate(db)
        await db.close()
        yield url


@pytest.fixture
async def empty(fresh: Fresh) -> AsyncGenerator[str]:
    """The URL of a store without tables."""
    async with fresh() as url:
        yield url


@pytest.fixture(scope="module")
async def url(fresh: Fresh, migrated: str) -> AsyncGenerator[str]:
    """The URL of a migrated store, one for each module."""
    async with fresh(migrated) as url:
        yield url


@pytest.fixture
async def db(url: str) -> AsyncGenerator[Database]:
    """The store of this module without rows. A new store for every test would take too long."""
    db = Database.open(url)
    async with db.write() as connection:
        for table in reversed(schema.metadata.sorted_tables):
            await connection.execute(delete(table))
    yield db
    await db.close()
