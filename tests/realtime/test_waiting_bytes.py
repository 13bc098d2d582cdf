"""The accepted messages of a conversation that wait to be recorded: their size is limited."""

from __future__ import annotations

import asyncio

import pytest

from domain.errors import Throttled
from domain.transcript import size_of
from realtime import waiting_bytes as module
from realtime.waiting_bytes import BYTES_PER_CONVERSATION, MAX_WAITING, WaitingBytes

HALF = BYTES_PER_CONVERSATION // 2


@pytest.fixture
def waits() -> list[bool]:
    return []


@pytest.fixture
def waiting(waits: list[bool]) -> WaitingBytes:
    return WaitingBytes(lambda: waits.append(True))


async def test_messages_of_a_full_conversation_wait_in_order(waiting: WaitingBytes, waits: list[bool]) -> None:
    assert await waiting.take("c", "a", HALF)
    assert await waiting.take("c", "b", HALF)
    first = asyncio.create_task(waiting.take("c", "large", 2 * HALF))
    await asyncio.sleep(0)
    second = asyncio.create_task(waiting.take("c", "small", 1))
    await asyncio.sleep(0)
    assert waits == [True, True]
    assert waiting.has_waiting
    assert waiting.items() == [("c", "a"), ("c", "b")]
    assert await waiting.take("other", "a", HALF)
    waiting.release("c", "a")
    waiting.release("c", "a")
    await asyncio.sleep(0)
    assert not first.done()
    assert not second.done()
    waiting.release("c", "b")
    assert await first
    assert not second.done()
    waiting.release_all("c")
    assert await second
    assert not waiting.has_waiting


async def test_a_message_larger_than_the_limit_is_taken_alone(waiting: WaitingBytes) -> None:
    assert await waiting.take("c", "a", 3 * HALF)


async def test_repeated_message_counts_once(waiting: WaitingBytes) -> None:
    assert await waiting.take("c", "a", HALF)
    assert not await waiting.take("c", "a", HALF)
    assert await waiting.take("c", "b", HALF)


async def test_message_that_waits_too_long_is_throttled(waiting: WaitingBytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.01)
    await waiting.take("c", "a", 2 * HALF)
    with pytest.raises(Throttled):
        await waiting.take("c", "b", 1)
    waiting.release("c", "a")
    assert await waiting.take("c", "c", 2 * HALF)


async def test_message_that_gives_up_is_not_in_the_way_of_the_next_ones(waiting: WaitingBytes) -> None:
    await waiting.take("c", "a", HALF)
    large = asyncio.create_task(waiting.take("c", "large", 2 * HALF))
    await asyncio.sleep(0)
    small = asyncio.create_task(waiting.take("c", "small", 1))
    await asyncio.sleep(0)
    large.cancel()
    async with asyncio.timeout(1):
        assert await small
    assert await waiting.take("c", "another", 1)


async def test_message_is_throttled_at_once_when_too_many_wait(waiting: WaitingBytes) -> None:
    await waiting.take("c", "a", 2 * HALF)
    queued = [asyncio.create_task(waiting.take("c", str(number), 1)) for number in range(MAX_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(Throttled):
        await waiting.take("c", "b", 1)
    queued[0].cancel()
    await asyncio.wait(queued[:1])
    waiting.release("c", "a")
    await asyncio.gather(*queued[1:])


async def test_old_messages_no_longer_count(waiting: WaitingBytes, monkeypatch: pytest.MonkeyPatch) -> None:
    await waiting.take("c", "a", 2 * HALF)
    now = module.monotonic()
    monkeypatch.setattr(module, "monotonic", lambda: now + module.MAX_AGE_SECONDS + 1)
    assert await waiting.take("c", "b", 2 * HALF)


def test_size_counts_what_json_escapes() -> None:
    assert size_of("\x01" * 10) == 62
    assert size_of("é") == 4
