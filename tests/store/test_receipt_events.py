"""The events of receipts: once for each reading, numbered with the other events, and never in the way of messages."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from sqlalchemy import select

from domain.checkpoints import Checkpoint
from store import schema
from store.checkpoints import Step
from store.conversations import open_conversation, write_conversation
from store.database import Database
from store.feed import FeedPosition, StoredEvent, page_of_feed
from store.feed_writes import lock_numbers
from store.receipts import Acknowledgement, acknowledge
from tests.store.sample_records import (
    AGENT,
    CUSTOMER,
    INSTANCE,
    after,
    deliver,
    item,
    opening,
    read,
    replaced,
    snapshot,
)

READ_CHATS = select(schema.feed_events.c.conversation_id).where(schema.feed_events.c.type == "receipt.read")


async def record_chat(db: Database, id: str = "c") -> None:
    """Record a chat with five messages of its customer, and its checkpoint."""
    await open_conversation(db, opening(id))
    step = Step(id, Checkpoint(run_id="run", number=1, consumed=0, state="{}"))
    items = [item(seq, contact_id=id, id=f"{id}-{seq}", participant_id=f"{id}-customer") for seq in range(1, 6)]
    async with db.write() as connection:
        people = tuple(replaced(each, id=f"{id}-{each.role.lower()}") for each in (AGENT, CUSTOMER))
        changed = snapshot(1, id, participants=people)
        await write_conversation(db, connection, id, snapshot=changed, items=items, step=step)


async def readings(db: Database) -> list[StoredEvent]:
    events = await page_of_feed(db, INSTANCE, FeedPosition(), 1_000)
    return [event for event in events if event.type == "receipt.read"]


def reading(chat: str, seq: int, *, is_read: bool = True) -> Acknowledgement:
    return Acknowledgement(chat, f"{chat}-agent", seq, f"{chat}-{seq}", chat, is_read, after(seq))


async def test_reading_has_an_event_once(db: Database) -> None:
    await record_chat(db)
    for _ in range(2):
        assert await acknowledge(db, [reading("c", 3)])
    [event] = await readings(db)
    assert (event.contact_id, event.at, event.item) == ("c", after(3), None)
    assert event.data == {"participant_id": "c-agent", "role": "AGENT", "message_id": "c-3"}
    numbers = [each.seq for each in await page_of_feed(db, INSTANCE, FeedPosition(), 1_000)]
    assert numbers == list(range(1, len(numbers) + 1))


async def test_receipt_of_delivery_has_no_event(db: Database) -> None:
    await record_chat(db)
    assert await deliver(db, 2, 3)
    assert await readings(db) == []


async def test_earlier_message_has_no_event_after_a_later_one(db: Database) -> None:
    await record_chat(db)
    await read(db, 4, 5)
    assert not await read(db, 2, 6)
    assert len(await readings(db)) == 1


async def test_only_the_last_of_several_readings_at_once_has_an_event(db: Database) -> None:
    await record_chat(db)
    assert await acknowledge(db, [reading("c", seq) for seq in (1, 2, 4)]) == [True] * 3
    assert [event.data["message_id"] for event in await readings(db)] == ["c-4"]


async def test_chat_that_is_being_written_does_not_delay_the_others(db: Database) -> None:
    if not db.is_postgres:
        return  # SQLite runs one write at a time
    await record_chat(db)
    await record_chat(db, "d")
    async with db.write() as connection:
        await lock_numbers(connection, "c")
        writing = asyncio.ensure_future(
            acknowledge(db, [reading("c", 2), reading("d", 3), reading("c", 1, is_read=False)])
        )
        async with asyncio.timeout(timedelta(seconds=20).total_seconds()):
            # the feed itself shows nothing while an older transaction is open
            while not (chats := await db.rows(READ_CHATS)):
                await asyncio.sleep(0.01)
        assert [row[0] for row in chats] == ["d"]
        assert not writing.done()
    assert await writing == [True, True, False]
    assert {event.conversation_id for event in await readings(db)} == {"c", "d"}
