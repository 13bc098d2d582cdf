"""Two stores of each kind: one that holds little, and one that holds much."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack

import pytest

from store.database import Database
from tests.fresh_stores import Fresh
from tests.plans.filled_store import fill

SMALL, LARGE = 10, 10_000


@pytest.fixture(scope="session")
async def stores(fresh: Fresh, migrated: str) -> AsyncGenerator[dict[int, str]]:
    """The URLs of two filled stores, by their size."""
    async with AsyncExitStack() as stack:
        urls = {size: await stack.enter_async_context(fresh(migrated)) for size in (SMALL, LARGE)}
        for size, url in urls.items():
            db = Database.open(url)
            await fill(db, size)
            await db.close()
        yield urls
