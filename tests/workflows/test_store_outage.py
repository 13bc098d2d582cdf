"""A conversation while the store cannot be written."""

from __future__ import annotations

from sqlalchemy import text
from temporalio.testing import WorkflowEnvironment

from tests.replay.scenarios import outage
from tests.workflows.engine import Engine, eventually


async def test_messages_sent_during_a_store_outage_are_recorded(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    async with engine.worker():
        chat = await outage(engine, environment)
    expected = ["participant.joined", "message 0", "message 1", "message 2", "participant.left", "chat.ended"]
    assert await chat.contents() == expected


async def test_write_that_fails_at_once_becomes_an_ordinary_activity_too(engine: Engine) -> None:
    async def rename(old: str, new: str) -> None:
        async with engine.db.write() as transaction:
            await transaction.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))

    async with engine.worker():
        chat = await engine.start()
        await chat.signal("connect")
        await chat.wait_until(lambda s: s.seq == 1, "the customer has joined")
        await rename("items", "items_away")
        await chat.signal("message", {"content": "hello", "by": "customer"})
        await eventually(chat.pending_activity, "a regular activity tries to write")
        await rename("items_away", "items")

        async def stored() -> bool | None:
            return "hello" in await chat.contents() or None

        await eventually(stored, "the message is in the store")
