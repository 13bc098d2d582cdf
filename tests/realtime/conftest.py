"""A store with one chat, and a bus."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from runtime.bus import LocalBus
from store.database import Database
from store.migrate import migrate
from tests.store.sample_records import opening, record, snapshot


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    db = Database.open(f"sqlite:///{tmp_path / 'store.db'}")
    await migrate(db)
    await record(db, "c", opening=opening(), snapshot=snapshot(1))
    yield db
    await db.close()


@pytest.fixture
def bus() -> LocalBus:
    return LocalBus()
