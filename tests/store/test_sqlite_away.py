"""While the file of SQLite cannot be used, callers get `StoreUnavailable`. Afterwards the same store works again."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from domain.errors import StoreUnavailable
from store import sqlite as store
from store.database import Database
from tests import sqlite

PAGE_BYTES = 4_096


async def put(db: Database, content: str = "x") -> None:
    async with db.write() as transaction:
        await transaction.execute(text("INSERT INTO things (content) VALUES (:content)"), {"content": content})


async def count(db: Database) -> int:
    [(found,)] = await db.rows(text("SELECT count(*) FROM things"))
    return found


async def with_things(db: Database) -> None:
    async with db.write() as transaction:
        await transaction.execute(text("CREATE TABLE things (content TEXT)"))


async def test_full_store(tmp_path: Path) -> None:
    async with sqlite.store(tmp_path) as db:
        await with_things(db)
        async with db.write() as transaction:
            await transaction.execute(text("PRAGMA max_page_count=1"))  # SQLite sets it to the present size
        with pytest.raises(StoreUnavailable):
            await put(db, "x" * 3 * PAGE_BYTES)
        async with db.write() as transaction:
            await transaction.execute(text("PRAGMA max_page_count=1000"))
        await put(db, "x" * 3 * PAGE_BYTES)
        assert await count(db) == 1


async def test_file_that_another_one_has_replaced_is_not_written(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "store", tmp_path / "elsewhere"
    folder.mkdir()
    async with sqlite.store(folder) as db:
        await with_things(db)
        folder.rename(elsewhere)
        for with_a_new_file in (False, True):
            if with_a_new_file:
                folder.mkdir()
                with closing(sqlite3.connect(folder / "store.db")) as new:
                    new.execute("CREATE TABLE things (content TEXT)")
            with pytest.raises(StoreUnavailable):
                await put(db)
            with pytest.raises(StoreUnavailable):
                await count(db)
            with pytest.raises(StoreUnavailable):
                async with db.read():
                    pass
        shutil.rmtree(folder)
        elsewhere.rename(folder)
        await put(db)
        assert await count(db) == 1


async def test_all_who_wait_for_a_locked_file_are_told_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(store, "WRITE_TIMEOUT_SECONDS", 0.2)
    async with sqlite.store(tmp_path) as db:
        await with_things(db)
        with closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            loop = asyncio.get_running_loop()
            begun = loop.time()
            outcomes = await asyncio.gather(*(put(db) for _ in range(50)), return_exceptions=True)
            assert loop.time() - begun < 50 * 0.2 / 2
            assert {type(outcome) for outcome in outcomes} == {StoreUnavailable}
            assert 1 <= len([record for record in caplog.records if "does not answer" in record.message]) <= 5
            other.execute("ROLLBACK")
        await put(db)
        assert await count(db) == 1
