"""Announcements between processes that share a PostgreSQL store. Announcements of any length do not stop the bus."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any, NoReturn

import asyncpg
import pytest

from runtime import postgres_bus
from runtime.bus import ANNOUNCEMENTS_LOST, Announcement, Bus, encoded
from runtime.periodic import run_in_background
from runtime.postgres_bus import MAX_BATCH, MAX_PAYLOAD_BYTES, PostgresBus
from tests import postgres

pytestmark = pytest.mark.slow


@pytest.fixture
async def buses(postgresql_server: str) -> AsyncIterator[tuple[Bus, asyncio.Queue[Announcement]]]:
    """A bus to announce on, and the announcements that another bus receives once it is connected."""
    received: asyncio.Queue[Announcement] = asyncio.Queue()
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(postgres.database(postgresql_server))
        sender, receiver = PostgresBus(url), PostgresBus(url)
        await stack.enter_async_context(run_in_background(sender, receiver))
        receiver.subscribe(received.put_nowait)
        # a bus that receives its own announcement is connected
        await receiver.announce(Announcement("ready"))
        assert await next_announcements(received, 2) == [ANNOUNCEMENTS_LOST, Announcement("ready")]
        yield sender, received


async def next_announcements(received: asyncio.Queue[Announcement], count: int) -> list[Announcement]:
    async with asyncio.timeout(20):
        return [await received.get() for _ in range(count)]


def of_size(size: int, character: str = "x") -> Announcement:
    """An announcement whose payload has this many bytes in UTF-8."""
    frame = {"Type": "MESSAGE", "ContentType": "text/plain", "Id": "i", "Content": ""}
    empty = len(encoded(Announcement("c", frame, "p")))
    content = character * ((size - empty) // len(character.encode()))
    frame["Content"] = content + "x" * (size - empty - len(content.encode()))
    return Announcement("c", frame, "p")


@pytest.mark.parametrize("character", ["x", "é", "字", "😀"])
async def test_longest_announcement_arrives_complete(
    buses: tuple[Bus, asyncio.Queue[Announcement]], caplog: pytest.LogCaptureFixture, character: str
) -> None:
    bus, received = buses
    longest = of_size(MAX_PAYLOAD_BYTES, character)
    await bus.announce(longest)
    assert await next_announcements(received, 1) == [longest]
    assert caplog.records == []


async def test_longer_announcement_is_sent_without_its_frame_and_logged(
    buses: tuple[Bus, asyncio.Queue[Announcement]], caplog: pytest.LogCaptureFixture
) -> None:
    bus, received = buses
    other = of_size(100_000, "😀")._replace(conversation_id="d")
    for announcement in (of_size(MAX_PAYLOAD_BYTES + 1), other, Announcement("after")):
        await bus.announce(announcement)
    assert await next_announcements(received, 3) == [Announcement("c"), Announcement("d"), Announcement("after")]
    assert [record.levelno for record in caplog.records] == 2 * [logging.WARNING]
    assert caplog.messages[0] == "c: too long to announce, not delivered: MESSAGE text/plain i"


@pytest.mark.parametrize("content", ["\ud800", "a\x00b", "\u2028 \"'\\"])
async def test_odd_characters_do_not_stop_the_bus(
    buses: tuple[Bus, asyncio.Queue[Announcement]], caplog: pytest.LogCaptureFixture, content: str
) -> None:
    bus, received = buses
    await bus.announce(Announcement("c", {"Content": content}))
    await bus.announce(Announcement("after"))
    frame: dict[str, Any] = {"Content": content.replace("\ud800", "?")}
    assert await next_announcements(received, 2) == [Announcement("c", frame), Announcement("after")]
    assert caplog.records == []


async def test_announcements_in_quick_succession_keep_their_order(
    buses: tuple[Bus, asyncio.Queue[Announcement]],
) -> None:
    bus, received = buses
    announcements = [Announcement(str(number)) for number in range(3 * MAX_BATCH)]
    for announcement in announcements:
        await bus.announce(announcement)
    assert await next_announcements(received, len(announcements)) == announcements


async def test_bus_listens_again_after_a_restart_before_anything_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_bus, "PING_SECONDS", 600)  # it notices by itself, and asks no server for it
    received: asyncio.Queue[Announcement] = asyncio.Queue()
    with postgres.own_server() as server:
        async with postgres.database(server.url) as url:
            sender, receiver = PostgresBus(url), PostgresBus(url)
            receiver.subscribe(received.put_nowait)
            async with run_in_background(sender, receiver):
                assert await next_announcements(received, 1) == [ANNOUNCEMENTS_LOST]
                server.stop()
                await asyncio.to_thread(server.start)
                assert await next_announcements(received, 1) == [ANNOUNCEMENTS_LOST]
                await sender.announce(Announcement("after"))
                assert await next_announcements(received, 1) == [Announcement("after")]


class FailingConnection:
    """A connection of which one method fails as long as there are errors left."""

    def __init__(self, connection: Any, method: str, errors: list[Exception]) -> None:
        self._connection = connection
        self._method = method
        self._errors = errors

    def __getattr__(self, name: str) -> Any:
        if name != self._method or not self._errors:
            return getattr(self._connection, name)

        async def fail(*_: Any) -> NoReturn:
            raise self._errors.pop()

        return fail


@pytest.mark.parametrize("method", ["add_listener", "execute"])
@pytest.mark.parametrize(
    "error", [ConnectionError("lost"), asyncpg.InternalClientError("lost"), asyncpg.AdminShutdownError("lost")]
)
async def test_announcement_is_sent_over_the_next_connection(
    postgresql_server: str, method: str, error: Exception
) -> None:
    """Whatever error the driver raises when the first one is lost."""
    received: asyncio.Queue[Announcement] = asyncio.Queue()
    errors = [error]

    async def connect(*arguments: Any, **options: Any) -> FailingConnection:
        return FailingConnection(await asyncpg.connect(*arguments, **options), method, errors)

    async with postgres.database(postgresql_server) as url:
        sender, receiver = PostgresBus(url, connect), PostgresBus(url)
        receiver.subscribe(received.put_nowait)
        async with run_in_background(sender, receiver):
            assert await next_announcements(received, 1) == [ANNOUNCEMENTS_LOST]
            await sender.announce(Announcement("once"))
            assert await next_announcements(received, 1) == [Announcement("once")]
            assert errors == []
