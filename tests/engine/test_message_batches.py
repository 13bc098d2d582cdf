"""Messages of one conversation travel in batches while a signal is being sent, and alone otherwise."""

from __future__ import annotations

import asyncio

import pytest

from domain.errors import EngineUnavailable
from domain.events import Message, Messages
from engine.message_batches import MAX_BATCH_BYTES, MAX_BATCH_MESSAGES, MessageBatches


class Engine:
    """Records the batches that it receives. Each waits until `release` is called."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, list[str]]] = []
        self.fails = False
        self._gate = asyncio.Event()

    def release(self) -> None:
        self._gate.set()

    async def send(self, conversation_id: str, messages: Messages) -> None:
        self.batches.append((conversation_id, [message.content for message in messages.messages]))
        await self._gate.wait()
        if self.fails:
            raise EngineUnavailable


def add(batches: MessageBatches, content: str, conversation: str = "c") -> asyncio.Task[None]:
    return asyncio.create_task(batches.add(conversation, Message(content=content)))


async def test_messages_collect_while_a_signal_is_sent() -> None:
    engine = Engine()
    batches = MessageBatches(engine.send)
    tasks = [add(batches, "first")]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    tasks += [add(batches, content) for content in ("second", "third")]
    await asyncio.sleep(0)
    assert engine.batches == [("c", ["first"])]
    engine.release()
    await asyncio.gather(*tasks)
    assert engine.batches == [("c", ["first"]), ("c", ["second", "third"])]


async def test_conversations_do_not_wait_for_each_other() -> None:
    engine = Engine()
    batches = MessageBatches(engine.send)
    tasks = [add(batches, "one", "a"), add(batches, "two", "b")]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert engine.batches == [("a", ["one"]), ("b", ["two"])]
    engine.release()
    await asyncio.gather(*tasks)


@pytest.mark.parametrize(
    ("content", "count", "sizes"),
    [
        ("x", MAX_BATCH_MESSAGES + 1, [MAX_BATCH_MESSAGES, 1]),
        ("x" * (MAX_BATCH_BYTES // 17 - 2), 18, [17, 1]),
    ],
)
async def test_batch_is_limited_in_messages_and_bytes(content: str, count: int, sizes: list[int]) -> None:
    engine = Engine()
    engine.release()
    batches = MessageBatches(engine.send)
    await asyncio.gather(*(batches.add("c", Message(content=content)) for _ in range(count)))
    assert [len(messages) for _, messages in engine.batches] == sizes


async def test_failed_batch_fails_its_senders_and_no_others() -> None:
    engine = Engine()
    batches = MessageBatches(engine.send)
    engine.fails = True
    failing = add(batches, "first")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    engine.release()
    with pytest.raises(EngineUnavailable):
        await failing
    engine.fails = False
    await batches.add("c", Message(content="second"))
    assert engine.batches == [("c", ["first"]), ("c", ["second"])]


async def test_cancelled_sender_does_not_stop_the_batch() -> None:
    engine = Engine()
    batches = MessageBatches(engine.send)
    cancelled = add(batches, "first")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting = add(batches, "second")
    await asyncio.sleep(0)
    cancelled.cancel()
    engine.release()
    await waiting
    assert engine.batches == [("c", ["first"]), ("c", ["second"])]
