"""Announcements between a process and its child processes. Each bus here stands for a process."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncGenerator
from datetime import UTC, datetime

import pytest

from domain.participants import Role
from domain.transcript import ItemType, TranscriptItem
from runtime.bus import Announcement
from runtime.periodic import run_in_background
from runtime.socket_bus import MAX_UNSENT_BYTES, SocketBus

ITEM = TranscriptItem(
    id="i",
    seq=1,
    at=datetime(2026, 1, 1, tzinfo=UTC),
    type=ItemType.MESSAGE,
    content_type="text/plain",
    content="é😀 \u2028\n\x00",
    contact_id="c",
    participant_id="p",
    role=Role.CUSTOMER,
    name="Ada",
)


class Process:
    """A bus with what its listener has received."""

    def __init__(self) -> None:
        self.bus = SocketBus()
        self.received: asyncio.Queue[Announcement] = asyncio.Queue()
        self.bus.subscribe(self.received.put_nowait)
        self.losses: asyncio.Queue[None] = asyncio.Queue()

    async def next(self) -> Announcement:
        async with asyncio.timeout(20):
            return await self.received.get()


async def join(parent: Process, child: Process) -> None:
    parents, childs = socket.socketpair()
    await parent.bus.attach(parents, lambda: parent.losses.put_nowait(None))
    await child.bus.attach(childs, lambda: child.losses.put_nowait(None))


@pytest.fixture
async def family() -> AsyncGenerator[tuple[Process, Process, Process]]:
    """A parent and its two children."""
    parent, first, second = Process(), Process(), Process()
    async with run_in_background(parent.bus, first.bus, second.bus):
        await join(parent, first)
        await join(parent, second)
        yield parent, first, second


@pytest.mark.parametrize("sender", [0, 1, 2])
async def test_announcement_reaches_every_process_once(family: tuple[Process, Process, Process], sender: int) -> None:
    announcements = [
        Announcement("c", items=(ITEM, ITEM.model_copy(update={"seq": 2})), record_changed=True),
        Announcement("c", {"Content": "x" * 1_000_000}, "p"),
        Announcement("last"),
    ]
    for announcement in announcements:
        await family[sender].bus.announce(announcement)
    for process in family:
        assert [await process.next() for _ in announcements] == announcements
        assert process.received.empty()


async def test_order_is_kept_in_quick_succession(family: tuple[Process, Process, Process]) -> None:
    announcements = [Announcement(str(number)) for number in range(10_000)]
    for announcement in announcements:
        await family[1].bus.announce(announcement)
    assert [await family[2].next() for _ in announcements] == announcements


async def test_loss_of_the_other_process_is_reported_and_a_stop_here_is_not() -> None:
    parent, child = Process(), Process()
    await join(parent, child)
    await child.bus.stop()
    async with asyncio.timeout(20):
        await parent.losses.get()
    assert child.losses.empty()
    await parent.bus.announce(Announcement("alone"))
    assert await parent.next() == Announcement("alone")


async def test_process_that_does_not_read_costs_bounded_memory(caplog: pytest.LogCaptureFixture) -> None:
    parent = Process()
    parents, silent = socket.socketpair()
    with silent:
        silent.setblocking(False)
        await parent.bus.attach(parents)
        big = Announcement("c", {"Content": "x" * 1_000_000})
        for _ in range(2 * MAX_UNSENT_BYTES // 1_000_000):
            await parent.bus.announce(big)
        assert [record.levelno for record in caplog.records] == [logging.WARNING]
        read = 0
        loop = asyncio.get_running_loop()
        while read < MAX_UNSENT_BYTES:
            async with asyncio.timeout(20):
                read += len(await loop.sock_recv(silent, 1_000_000))
        assert read < MAX_UNSENT_BYTES + 3_000_000
        await parent.bus.announce(Announcement("heard again"))
        async with asyncio.timeout(20):
            while b"heard again" not in await loop.sock_recv(silent, 1_000_000):
                pass
    await parent.bus.stop()
