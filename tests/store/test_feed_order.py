"""The order of the feed when transactions overlap."""

from __future__ import annotations

import asyncio

from store.attributes import merge_attributes
from store.conversations import open_conversation, write_conversation
from store.database import Database
from store.feed_derivation import event_of_presence
from store.feed_writes import write_agent_event
from store.transaction import Transaction
from tests.store.sample_records import INSTANCE, START, item, opening, record
from tests.store.test_feed import feed, last_position, step


async def test_event_is_not_read_before_those_of_an_older_transaction(db: Database) -> None:
    """The older transaction ends later, so its events become visible later. SQLite has one transaction at a time."""
    if not db.is_postgres:
        return
    for name in ("slow", "quick"):
        await open_conversation(db, opening(name))
    position = await last_position(db)
    async with db.write() as slow:
        await write_conversation(db, slow, "slow", items=[item(1, contact_id="slow", id="slow")])
        await record(db, "quick", items=[item(1, contact_id="quick", id="quick")])
        assert await feed(db, position) == []
    assert [event.id for event in await feed(db, position)] == ["slow", "quick"]


async def test_writers_at_once_number_without_gaps(db: Database) -> None:
    await open_conversation(db, opening())
    async with db.write() as connection:
        await write_conversation(db, connection, "c", step=step(1))

    async def write(number: int) -> None:
        async with db.write() as connection:
            await write_conversation(db, connection, "c", items=[item(number)])

    async def change(number: int) -> None:
        await merge_attributes(db, INSTANCE, "c", {"mood": str(number)}, limit=1_000)

    await asyncio.gather(*(each(number) for number in range(1, 15) for each in (write, change)))
    assert [event.seq for event in await feed(db)] == list(range(1, 31))


async def test_events_of_a_chat_stay_in_order_when_an_older_transaction_writes_last(db: Database) -> None:
    """The older one has locked another chat before. SQLite has one transaction at a time."""
    if not db.is_postgres:
        return
    for name in ("c", "another"):
        await open_conversation(db, opening(name))
    async with db.write() as older:
        await write_conversation(db, older, "another", items=[item(1, contact_id="another", id="first")])
        await merge_attributes(db, INSTANCE, "c", {"mood": "calm"}, limit=1_000)
        await write_conversation(db, older, "c", items=[item(1, id="last")])
    events = [event for event in await feed(db) if event.conversation_id == "c"]
    assert [event.seq for event in events] == [1, 2, 3, 4]
    assert events[-1].id == "last"


async def test_events_of_an_agent_stay_in_order_when_an_older_transaction_writes_last(db: Database) -> None:
    if not db.is_postgres:
        return
    await open_conversation(db, opening())

    async def change(connection: Transaction, number: int) -> None:
        event = event_of_presence(INSTANCE, "ann", number, "available", None, START)
        await write_agent_event(connection, INSTANCE, "ann", event)

    async with db.write() as older:
        await write_conversation(db, older, "c", items=[item(1)])
        async with db.write() as younger:
            await change(younger, 1)
        await change(older, 2)
    assert [event.seq for event in await feed(db) if event.contact_id == "ann"] == [1, 2]
