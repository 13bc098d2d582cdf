"""Announcements between processes that share a PostgreSQL store: whatever their length, they do not stop the bus."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from runtime.bus import MOST_BYTES, Announcement, Bus, opened_bus
from tests import postgres


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres.server() as url:
        yield url


@pytest.fixture
async def buses(server: str) -> AsyncIterator[tuple[Bus, asyncio.Queue[Announcement]]]:
    """One to announce on, and what another hears of it, from when that is connected."""
    heard: asyncio.Queue[Announcement] = asyncio.Queue()
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(postgres.database(server))
        sender, receiver = [await stack.enter_async_context(opened_bus(url)) for _ in range(2)]
        receiver.listen(heard.put_nowait)
        async with asyncio.timeout(20):
            # whoever hears himself is connected
            await receiver.announce(Announcement("ready"))
            assert await heard.get() == Announcement("ready")
        yield sender, heard


async def following(heard: asyncio.Queue[Announcement], count: int) -> list[Announcement]:
    async with asyncio.timeout(20):
        return [await heard.get() for _ in range(count)]


def of_size(size: int, character: str = "x") -> Announcement:
    """An announcement whose payload has so many bytes in UTF-8."""
    frame = {"Type": "MESSAGE", "ContentType": "text/plain", "Id": "i", "Content": ""}
    empty = len(json.dumps(Announcement("c", frame, "p"), separators=(",", ":")))
    content = character * ((size - empty) // len(character.encode()))
    frame["Content"] = content + "x" * (size - empty - len(content.encode()))
    return Announcement("c", frame, "p")


@pytest.mark.parametrize("character", ["x", "é", "字", "😀"])
async def test_the_longest_arrives_whole(
    buses: tuple[Bus, asyncio.Queue[Announcement]], caplog: pytest.LogCaptureFixture, character: str
) -> None:
    bus, heard = buses
    longest = of_size(MOST_BYTES, character)
    await bus.announce(longest)
    assert await following(heard, 1) == [longest]
    assert caplog.records == []


async def test_a_longer_one_goes_without_its_frame_and_the_log_says_so(
    buses: tuple[Bus, asyncio.Queue[Announcement]], caplog: pytest.LogCaptureFixture
) -> None:
    bus, heard = buses
    for news in (of_size(MOST_BYTES + 1), of_size(100_000, "😀"), Announcement("after")):
        await bus.announce(news)
    assert await following(heard, 3) == [Announcement("c"), Announcement("c"), Announcement("after")]
    assert [record.levelno for record in caplog.records] == 2 * [logging.WARNING]
    assert caplog.messages[0] == "c: too long to announce, nobody gets it: MESSAGE text/plain i"


@pytest.mark.parametrize("content", ["\ud800", "a\x00b", "\u2028 \"'\\"])
async def test_odd_characters_do_not_stop_it(
    buses: tuple[Bus, asyncio.Queue[Announcement]], caplog: pytest.LogCaptureFixture, content: str
) -> None:
    bus, heard = buses
    await bus.announce(Announcement("c", {"Content": content}))
    await bus.announce(Announcement("after"))
    frame: dict[str, Any] = {"Content": content.replace("\ud800", "?")}
    assert await following(heard, 2) == [Announcement("c", frame), Announcement("after")]
    assert caplog.records == []
