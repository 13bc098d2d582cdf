"""A store with one chat, and a bus."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from runtime.bus import LocalBus
from store.database import Database
from tests import sqlite
from tests.store.sample_records import opening, record, snapshot


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    async with sqlite.store(tmp_path) as db:
        await record(db, "c", opening=opening(), snapshot=snapshot(1))
        yield db


@pytest.fixture
def bus() -> LocalBus:
    return LocalBus()
