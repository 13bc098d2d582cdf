"""Someone sends thousands of signals to one conversation. All accepted messages are recorded, and other chats are not delayed."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from temporalio.service import RPCError

from runtime.devserver import MAX_SIGNALS
from tests.workflows.engine import Chat, Engine, eventually

pytestmark = [pytest.mark.chaos, pytest.mark.alone, pytest.mark.timeout(300)]

SENDERS = 20

BODIES: dict[str, tuple[str, Any]] = {
    "messages": ("message", {"content": "x", "by": "customer"}),
    "refused": ("park", {}),
    "malformed": ("message", {"content": 7}),
    "unknown": ("mistyped", {}),
    "many mistakes": ("message", {"messages": [1] * 100_000}),
}


class Flood:
    """Signals to one conversation, several at a time."""

    def __init__(self, chat: Chat, kind: str) -> None:
        self._chat = chat
        self._name, self._body = BODIES[kind]
        self.answers = Counter[str]()

    async def send(self, count: int) -> None:
        """Send signals, and note the answers of Temporal."""
        await asyncio.gather(*(self._send(count // SENDERS) for _ in range(SENDERS)))

    async def _send(self, count: int) -> None:
        for _ in range(count):
            try:
                await self._chat.signal(self._name, self._body)
            except RPCError as error:
                self.answers[error.status.name] += 1
            else:
                self.answers["accepted"] += 1


@pytest.mark.parametrize("kind", BODIES)
async def test_conversation_goes_on_after_a_flood(engine: Engine, kind: str) -> None:
    async with engine.worker():
        chat, other = await engine.start(), await engine.start()
        flood = Flood(chat, kind)
        sending = asyncio.create_task(flood.send(20 if kind == "many mistakes" else 3_000))
        while not sending.done():
            await other.send("from another customer")
        await sending
        await chat.send("the last")
        assert flood.answers == {"accepted": flood.answers.total()}
        if kind == "messages":
            assert len(await chat.items()) == flood.answers.total() + 2


@pytest.mark.parametrize("kind", ["messages", "refused"])
async def test_conversation_goes_on_after_all_signals_of_a_run_came_at_once(engine: Engine, kind: str) -> None:
    chat = await engine.start()
    flood = Flood(chat, kind)
    await flood.send(MAX_SIGNALS + 5 * SENDERS)
    assert flood.answers["accepted"] == MAX_SIGNALS
    async with engine.worker():
        last = {"id": "last", "content": "the last", "by": "customer"}

        async def is_taken() -> bool | None:
            try:
                await chat.signal("message", last)
            except RPCError:
                return None
            return True

        await eventually(is_taken, "the run takes signals again", 60)
        await eventually(lambda: has_item(chat, "last"), "the last message is recorded", 60)
        if kind == "messages":
            assert len(await chat.items()) == MAX_SIGNALS + 2


async def has_item(chat: Chat, id: str) -> bool | None:
    """Whether the store has an item. None: it does not."""
    return True if any(item.id == id for item in await chat.items()) else None
