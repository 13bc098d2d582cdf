"""An empty store for every test, on both backends."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest
from sqlalchemy import delete

from store import schema
from store.database import Database
from tests.fresh_stores import Fresh


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
