"""The writer of receipts: those that gather share a transaction, and none affects another."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import timedelta

import pytest
from sqlalchemy import event, insert
from sqlalchemy.exc import NoResultFound

from domain.errors import Throttled
from store import group_writer, receipt_writer, schema
from store.database import Database
from store.receipt_writer import ReceiptRequest, ReceiptWriter, RecordedReceipt
from store.receipts import receipts_of
from tests.store.sample_records import after, item, opening, record

CHATS = [f"c{number}" for number in range(5)]
MESSAGES = [(chat, seq) for chat in CHATS for seq in (1, 2)]


@pytest.fixture
async def writer(db: Database) -> ReceiptWriter:
    """The writer, and chats with two messages of their agents and an event."""
    for chat in CHATS:
        by_agent = {"participant_id": f"{chat}-agent", "role": "AGENT"}
        items = [item(seq, id=f"{chat}-{seq}", **by_agent) for seq in (1, 2)]
        await record(db, chat, opening=opening(chat), items=[*items, item(3, id=f"{chat}-3", type="EVENT", **by_agent)])
    # as each chat of a workflow has one; without it no other transaction can be seen to write the chat
    rows = [{"conversation_id": chat, "run_id": "run", "number": 1, "consumed": 0, "state": ""} for chat in CHATS]
    async with db.write() as connection:
        await connection.execute(insert(schema.checkpoints), rows)
    return ReceiptWriter(db)


def request(chat: str, seq: int = 1, at: float = 10, *, read: bool = False, by: str = "customer") -> ReceiptRequest:
    return ReceiptRequest(chat, f"{chat}-{by}", f"{chat}-{seq}", read, after(at))


async def is_new(recorded: Awaitable[RecordedReceipt | None]) -> bool:
    found = await recorded
    assert found is not None
    return found.is_new


async def stored(db: Database) -> dict[tuple[str, int], tuple[bool, bool]]:
    """Which messages are received and which are displayed."""
    found = await receipts_of(db, MESSAGES)
    return {message: (each.delivered_at is not None, each.read_at is not None) for message, [each] in found.items()}


class Commits:
    """Counts the commits of a store."""

    def __init__(self, db: Database) -> None:
        self.count = 0
        event.listen(db.engine, "commit", self._count)

    def _count(self, _: object) -> None:
        self.count += 1


@pytest.mark.usefixtures("writer")
async def test_receipts_that_gather_share_a_transaction(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipt_writer, "GATHER", timedelta(seconds=1))
    writer, commits = ReceiptWriter(db), Commits(db)
    tasks: list[asyncio.Task[bool]] = []
    for chat in CHATS:
        for read in (False, True):
            tasks.append(asyncio.create_task(is_new(writer.record(request(chat, read=read)))))
            await asyncio.sleep(0.005)  # they do not arrive together
    assert all(await asyncio.gather(*tasks))
    assert commits.count == 1
    assert await stored(db) == {(chat, 1): (True, True) for chat in CHATS}


async def test_receipt_that_an_earlier_one_covers_is_not_new(db: Database, writer: ReceiptWriter) -> None:
    order = [request("c0", 2, read=True), request("c0", 1, read=True), request("c0", 2), request("c1", 1)]
    assert await asyncio.gather(*(is_new(writer.record(each)) for each in order)) == [True, False, False, True]
    assert not await is_new(writer.record(request("c0", 2)))


async def test_answered_receipt_is_stored(db: Database, writer: ReceiptWriter) -> None:
    recorded = await writer.record(request("c0"))
    assert recorded is not None
    assert recorded.message.id == "c0-1"
    assert await stored(db) == {("c0", 1): (True, False)}


@pytest.mark.parametrize("missing", [request("c1", 7), request("c1", 3), request("c1")._replace(message_id="c0-1")])
async def test_receipt_without_a_message_has_no_result(
    db: Database, writer: ReceiptWriter, missing: ReceiptRequest
) -> None:
    requests = [request("c0"), missing, request("c2")]
    first, none, last = await asyncio.gather(*(writer.record(each) for each in requests))
    assert none is None
    assert first is not None
    assert last is not None
    assert (first.is_new, first.message.id, last.is_new, last.message.id) == (True, "c0-1", True, "c2-1")
    assert await stored(db) == {("c0", 1): (True, False), ("c2", 1): (True, False)}


async def test_receipt_of_the_sender_has_no_effect(db: Database, writer: ReceiptWriter) -> None:
    assert not await is_new(writer.record(request("c0", by="agent")))
    assert await stored(db) == {}


async def test_unknown_participant_fails_alone(db: Database, writer: ReceiptWriter) -> None:
    requests = [request("c0"), request("c1", by="stranger"), request("c2")]
    first, unknown, last = await asyncio.gather(*(writer.record(each) for each in requests), return_exceptions=True)
    assert isinstance(unknown, NoResultFound)
    assert all(isinstance(each, RecordedReceipt) and each.is_new for each in (first, last))
    assert await stored(db) == {("c0", 1): (True, False), ("c2", 1): (True, False)}


async def test_failure_of_the_store_fails_every_receipt_and_later_ones_are_recorded(
    db: Database, writer: ReceiptWriter
) -> None:
    def fail(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("INSERT"):
            raise ZeroDivisionError

    event.listen(db.engine, "before_cursor_execute", fail)
    failed = await asyncio.gather(*(writer.record(request(chat)) for chat in CHATS), return_exceptions=True)
    event.remove(db.engine, "before_cursor_execute", fail)
    assert [type(each) for each in failed] == [ZeroDivisionError] * len(CHATS)
    assert await stored(db) == {}
    assert await is_new(writer.record(request("c0")))


async def test_cancelled_caller_stops_no_receipt(db: Database, writer: ReceiptWriter) -> None:
    cancelled = asyncio.create_task(writer.record(request("c0")))
    other = asyncio.create_task(is_new(writer.record(request("c1"))))
    await asyncio.sleep(0)
    cancelled.cancel()
    assert await other
    assert await is_new(writer.record(request("c2")))
    assert await stored(db) == {(chat, 1): (True, False) for chat in ("c0", "c1", "c2")}


async def test_receipts_beyond_the_limit_are_throttled(
    db: Database, writer: ReceiptWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receipt_writer, "MAX_WAITING", len(CHATS))
    waiting = [asyncio.create_task(is_new(writer.record(request(chat)))) for chat in CHATS]
    await asyncio.sleep(0)
    with pytest.raises(Throttled):
        await writer.record(request("c0", read=True))
    assert all(await asyncio.gather(*waiting))
    assert await is_new(writer.record(request("c0", read=True)))


async def test_stop_records_the_receipts_that_wait(db: Database, writer: ReceiptWriter) -> None:
    waiting = [asyncio.create_task(writer.record(request(chat))) for chat in CHATS]
    await asyncio.sleep(0)
    await writer.stop()
    assert await stored(db) == {(chat, 1): (True, False) for chat in CHATS}
    await asyncio.gather(*waiting)


async def test_more_receipts_than_a_group_holds_are_recorded_in_their_order(
    db: Database, writer: ReceiptWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_writer, "MAX_WRITES", 2)
    commits = Commits(db)
    order = [request("c0", 1), request("c1", 2), request("c0", 2), request("c1", 1), request("c0", 1, read=True)]
    news = await asyncio.gather(*(is_new(writer.record(each)) for each in order))
    assert news == [True, True, True, False, True]
    assert commits.count == 3
