"""Transactions, texts and instants in both databases."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import event, insert, select, text
from sqlalchemy.exc import IntegrityError, StatementError

from store import schema
from store.connections import set_lease_end
from store.conversations import find_conversation, open_conversation
from store.database import Database
from store.transaction import Transaction
from store.transcript import find_item
from tests import sqlite
from tests.store.sample_records import START, count, item, opening, record, record_chat

OTHER_ZONE = timezone(timedelta(hours=5, minutes=45))


async def add_process(connection: Transaction, id: str) -> None:
    await connection.execute(insert(schema.processes).values(id=id, lease_until=START))


async def test_failed_write_is_rolled_back(db: Database) -> None:
    async def write() -> None:
        async with db.write() as connection:
            await add_process(connection, "p")
            raise LookupError

    with pytest.raises(LookupError):
        await write()
    assert await count(db, "processes") == 0


async def test_insert_of_new_rows_is_one_statement_that_counts_them(db: Database) -> None:
    statements: list[object] = []

    def note(_connection: object, statement: object, *_: object) -> None:
        statements.append(statement)

    event.listen(db.engine, "before_execute", note)
    rows = [{"id": id, "lease_until": START} for id in ("p", "q")]
    for inserted in (2, 0):
        async with db.write() as connection:
            assert await db.insert_new(connection, schema.processes, rows) == inserted
    assert statements[0] is statements[1]
    assert len(statements) == 2


async def test_cancelled_write_is_rolled_back_and_releases_its_locks(db: Database) -> None:
    written = asyncio.Event()

    async def write() -> None:
        async with db.write() as connection:
            await add_process(connection, "p")
            written.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(write())
    await written.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await set_lease_end(db, "other", START)
    async with db.read() as connection:
        assert (await connection.execute(select(schema.processes.c.id))).scalars().all() == ["other"]


async def test_readers_do_not_wait_for_a_writer_or_see_uncommitted_rows(db: Database) -> None:
    async with db.write() as connection:
        await add_process(connection, "p")
        assert await count(db, "processes") == 0
    assert await count(db, "processes") == 1


async def test_waiting_writers_leave_connections_for_readers(url: str, db: Database) -> None:
    small = Database.open(url, pool_size=2)
    async with small.write() as connection:
        await add_process(connection, "p")
        waiting = [asyncio.create_task(set_lease_end(small, f"p{n}", START)) for n in range(3)]
        # enough time to take all connections; on a slow machine the test passes without proof
        await asyncio.wait(waiting, timeout=0.1)
        async with asyncio.timeout(5):
            await count(small, "items")
    await asyncio.gather(*waiting)
    await small.close()
    assert await count(db, "processes") == 4


async def test_thirty_writers_of_one_process_all_succeed(db: Database) -> None:
    await asyncio.gather(*(record_short_chat(db, n) for n in range(30)))
    assert (await count(db, "conversations"), await count(db, "items")) == (30, 30)


async def test_thirty_writers_of_three_processes_all_succeed(db: Database, url: str) -> None:
    processes = [Database.open(url, pool_size=5) for _ in range(3)]
    await asyncio.gather(*(record_short_chat(processes[n % 3], n) for n in range(30)))
    await asyncio.gather(*(process.close() for process in processes))
    assert (await count(db, "conversations"), await count(db, "items")) == (30, 30)


async def record_short_chat(db: Database, n: int) -> None:
    await record(db, f"c{n}", opening=opening(f"c{n}"), items=[item(1)])


async def test_record_is_rolled_back_when_one_part_fails(db: Database) -> None:
    with pytest.raises(IntegrityError):
        await record(db, "nowhere", opening=opening(), items=[item(1)])
    assert [await count(db, name) for name in ("conversations", "contacts", "participants", "items")] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (datetime(2026, 2, 28, 23, 59, 59, 999_000, UTC), datetime(2026, 2, 28, 23, 59, 59, 999_000, UTC)),
        (datetime(2026, 3, 1, 0, 0, 0, 1_999, UTC), datetime(2026, 3, 1, 0, 0, 0, 1_000, UTC)),
        (datetime(2026, 3, 1, 5, 45, tzinfo=OTHER_ZONE), datetime(2026, 3, 1, tzinfo=UTC)),
        (datetime(1969, 12, 31, 23, 59, 59, 999_000, UTC), datetime(1969, 12, 31, 23, 59, 59, 999_000, UTC)),
        (datetime(9999, 12, 31, 23, 59, 59, 999_000, UTC), datetime(9999, 12, 31, 23, 59, 59, 999_000, UTC)),
    ],
)
async def test_instants_are_stored_in_utc_and_whole_milliseconds(db: Database, given: datetime, kept: datetime) -> None:
    await open_conversation(db, opening(started_at=given))
    found = await find_conversation(db, "c")
    assert found is not None
    assert found.started_at == kept
    assert found.started_at.utcoffset() == timedelta(0)


async def test_instant_without_a_time_zone_is_refused(db: Database) -> None:
    with pytest.raises(StatementError, match="offset-naive"):
        await open_conversation(db, opening(started_at=datetime(2026, 3, 1)))
    assert await count(db, "conversations") == 0


@pytest.mark.parametrize(
    "content",
    ["Grüße, 世界", "family 👩‍👩‍👧 and 𝄞", "é" * 8_192, "🦜" * 4_096, "x" * 16_384, "", "'; -- \\ \" % :name\r\n\t"],
    ids=[
        "words",
        "four bytes each",
        "16 KB of two bytes",
        "16 KB of four bytes",
        "16 KB",
        "empty",
        "special characters",
    ],
)
async def test_text_is_stored_unchanged(db: Database, content: str) -> None:
    await record_chat(db)
    await record(db, "c", items=[item(1, content=content)])
    assert await find_item(db, "c", "item-1") == item(1, content=content)


async def test_customer_id_and_attributes_keep_all_unicode_characters(db: Database) -> None:
    attributes = {"ключ": "値 🦜", "quote": 'a "b" \\ c', "empty": ""}
    await open_conversation(db, opening(customer_id="Ж🦜", attributes=attributes))
    found = await find_conversation(db, "c")
    assert found is not None
    assert (found.customer_id, found.attributes) == ("Ж🦜", attributes)


def test_unknown_database_url_is_refused() -> None:
    with pytest.raises(ValueError, match="not mysql://"):
        Database.open("mysql://localhost/x")


async def test_short_postgres_url_scheme_is_accepted() -> None:
    db = Database.open("postgres://localhost/x")
    assert db.is_postgres
    await db.close()


@pytest.mark.parametrize(("durable", "synchronous"), [(False, 1), (True, 2)])
async def test_sqlite_waits_for_the_disk_only_when_durable(tmp_path: Path, durable: bool, synchronous: int) -> None:
    db = Database.open(f"sqlite:///{tmp_path / 'store.db'}", durable=durable)
    async with db.read() as connection:
        assert (await connection.execute(text("PRAGMA synchronous"))).scalar_one() == synchronous
        assert (await connection.execute(text("PRAGMA journal_mode"))).scalar_one() == "wal"
    await db.close()


async def test_write_after_a_commit_that_fails_succeeds(tmp_path: Path) -> None:
    async with sqlite.store(tmp_path) as db:

        async def write_note_of_nobody() -> None:
            async with db.write() as connection:
                await connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")  # COMMIT finds the mistake
                note = {
                    "id": "n",
                    "conversation_id": "nowhere",
                    "contact_id": "c",
                    "user": "u",
                    "at": START,
                    "text": "t",
                }
                await connection.execute(insert(schema.contact_notes).values(note))

        with pytest.raises(IntegrityError, match="FOREIGN KEY"):
            await write_note_of_nobody()
        async with db.write() as connection:
            await add_process(connection, "p")
        assert await count(db, "processes") == 1
        assert await count(db, "contact_notes") == 0
