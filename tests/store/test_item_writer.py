"""The writer of items: many conversations share a transaction, and none affects another."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from store.conversations import Written
from store.database import Database
from store.failures import cause_of, is_permanent
from store.item_writer import ItemWriter
from store.transcript import PageStart, page
from tests.store.sample_records import item, opening, record

CHATS = [f"c{number}" for number in range(5)]


@pytest.fixture
async def writer(db: Database) -> ItemWriter:
    for chat in CHATS:
        await record(db, chat, opening=opening(chat), items=[item(1, id=f"{chat}-1")])
    return ItemWriter(db)


async def stored(db: Database, chat: str) -> list[tuple[int, str]]:
    return [(found.seq, found.id) for found in await page(db, chat, PageStart(0, forward=True), 100)]


async def test_writes_that_wait_together_share_a_transaction(db: Database, writer: ItemWriter) -> None:
    commits = 0

    def count(_: object) -> None:
        nonlocal commits
        commits += 1

    event.listen(db.engine, "commit", count)
    writes = [writer.append(chat, [item(2, id=f"{chat}-2"), item(3, id=f"{chat}-3")]) for chat in CHATS]
    assert await asyncio.gather(*writes) == [Written()] * len(CHATS)
    event.remove(db.engine, "commit", count)
    assert commits == 1
    for chat in CHATS:
        assert await stored(db, chat) == [(1, f"{chat}-1"), (2, f"{chat}-2"), (3, f"{chat}-3")]


async def test_unknown_conversation_fails_alone(db: Database, writer: ItemWriter) -> None:
    writes = [writer.append(chat, [item(2, id=f"{chat}-2")]) for chat in ("c0", "nowhere", "c1")]
    first, unknown, last = await asyncio.gather(*writes, return_exceptions=True)
    assert (first, last) == (Written(), Written())
    assert isinstance(unknown, IntegrityError)
    assert [seq for seq, _ in await stored(db, "c0")] == [1, 2]


async def test_taken_number_renumbers_its_own_items_only(db: Database, writer: ItemWriter) -> None:
    await writer.append("c0", [item(2, id="theirs")])
    appended, other = await asyncio.gather(
        writer.append("c0", [item(2, id="ours")]), writer.append("c1", [item(2, id="c1-2")])
    )
    assert appended.transcript_end is not None
    assert (appended.transcript_end.seq, appended.items_as_given) == (3, False)
    assert other == Written()
    assert await stored(db, "c0") == [(1, "c0-1"), (2, "theirs"), (3, "ours")]


async def test_repeated_write_changes_nothing(db: Database, writer: ItemWriter) -> None:
    items = [item(2, id="c0-2")]
    assert await writer.append("c0", items) == Written()
    repeated = await writer.append("c0", items)
    assert repeated.transcript_end is not None
    assert (repeated.transcript_end.seq, repeated.items_as_given) == (2, False)
    assert len(await stored(db, "c0")) == 2


async def test_cancelled_caller_does_not_stop_the_writes_of_others(db: Database, writer: ItemWriter) -> None:
    cancelled = asyncio.create_task(writer.append("c0", [item(2, id="c0-2")]))
    other = asyncio.create_task(writer.append("c1", [item(2, id="c1-2")]))
    await asyncio.sleep(0)
    cancelled.cancel()
    assert await other == Written()
    assert await writer.append("c2", [item(2, id="c2-2")]) == Written()
    assert [seq for seq, _ in await stored(db, "c0")] == [1, 2]


@pytest.mark.parametrize("name", ["\ud800", "n" * 257, "n\x00"])
async def test_value_that_the_store_can_never_take_fails_alone(db: Database, writer: ItemWriter, name: str) -> None:
    poison = item(2, id="c1-2").model_copy(update={"name": name})
    writes = [writer.append("c0", [item(2, id="c0-2")]), writer.append("c1", [poison])]
    writes.append(writer.append("c2", [item(2, id="c2-2")]))
    first, refused, last = await asyncio.gather(*writes, return_exceptions=True)
    assert (first, last) == (Written(), Written())
    if db.is_postgres or name == "\ud800":  # SQLite has neither a limit nor a terminator
        assert isinstance(refused, Exception)
        assert is_permanent(refused)
        assert name not in cause_of(refused)


async def test_failure_that_can_pass_is_not_permanent(db: Database, writer: ItemWriter) -> None:
    async with db.write() as transaction:
        await transaction.execute(text("ALTER TABLE items RENAME TO items_away"))
    with pytest.raises(DBAPIError) as failure:
        await writer.append("c0", [item(2, id="c0-2")])
    async with db.write() as transaction:
        await transaction.execute(text("ALTER TABLE items_away RENAME TO items"))
    assert not is_permanent(failure.value)


async def test_long_id_that_is_taken_gets_another_one_that_fits(db: Database, writer: ItemWriter) -> None:
    long = "i" * 256
    await writer.append("c0", [item(2, id=long, content="theirs")])
    await writer.append("c0", [item(3, id=long, content="ours")])
    assert [seq for seq, _ in await stored(db, "c0")] == [1, 2, 3]


async def test_finish_waits_for_writes_whose_caller_is_gone(db: Database, writer: ItemWriter) -> None:
    async with db.write() as transaction:
        if db.is_postgres:  # on SQLite a write transaction excludes all others
            await transaction.execute(text("LOCK TABLE items IN EXCLUSIVE MODE"))
        caller = asyncio.create_task(writer.append("c0", [item(2, id="c0-2")]))
        await asyncio.sleep(0)
        caller.cancel()
        finishing = asyncio.create_task(writer.finish())
        await asyncio.sleep(0.05)
        assert not finishing.done()
    await asyncio.wait_for(finishing, 5)
    assert [seq for seq, _ in await stored(db, "c0")] == [1, 2]
