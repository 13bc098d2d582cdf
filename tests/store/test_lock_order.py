"""An erasure and other writes of a conversation take their locks in one order, so that none waits for the other in a circle."""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy import Select, insert, select

from store import schema
from store.database import Database
from store.feed_writes import lock_numbers
from store.personal_data import erase_conversation
from store.streams import NewStream, Progress, advance_streams, start_stream
from store.transaction import Transaction
from store.webhooks import Delivery, WebhookKey
from tests.postgres import waits_for_a_lock
from tests.store.sample_records import INSTANCE, after, record_chat

KEY = WebhookKey(INSTANCE, "arn:aws:sns:us-east-1:123456789012:chat")
CONVERSATION = select(schema.conversations.c.id).where(schema.conversations.c.id == "c")
STREAM = select(schema.streams.c.id).where(schema.streams.c.conversation_id == "c")


async def assert_waits_without(
    db: Database, writing: asyncio.Future[Any], held: Transaction, wanted: Select[tuple[str]]
) -> None:
    """Wait until a write waits for a lock that `held` has. It must not have those that `held` takes later."""
    while not await waits_for_a_lock(db):
        assert not writing.done()
        await asyncio.sleep(0.01)
    await held.execute(wanted.with_for_update(nowait=True))


async def test_an_erasure_locks_the_checkpoint_first(db: Database) -> None:
    if not db.is_postgres:
        return  # SQLite runs one write at a time
    await record_chat(db, 1)
    checkpoint = {"conversation_id": "c", "run_id": "r", "number": 1, "consumed": 0, "state": "{}"}
    async with db.write() as connection:
        await connection.execute(insert(schema.checkpoints), checkpoint)
    async with db.write() as connection:
        await lock_numbers(connection, "c")
        erasing = asyncio.ensure_future(erase_conversation(db, "c"))
        await assert_waits_without(db, erasing, connection, CONVERSATION)
    assert (await erasing).conversations == 1


async def test_progress_of_a_stream_locks_the_conversation_first(db: Database) -> None:
    if not db.is_postgres:
        return
    await record_chat(db, 1)
    await start_stream(db, NewStream("one", "c", INSTANCE, KEY.name, True), after(0))
    delivery = Delivery("c", "event", "item", after(1), 200, 5, "")
    async with db.write() as connection:
        await connection.execute(CONVERSATION.with_for_update())
        noting = asyncio.ensure_future(advance_streams(db, KEY, [Progress("one", 1, False)], [delivery], after(1)))
        await assert_waits_without(db, noting, connection, STREAM)
    await noting
