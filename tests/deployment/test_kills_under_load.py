"""`kill -9` of each kind of process under full load: accepted messages are recorded once, in order, and all sockets show them."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from bench.speed.checked_chats import CheckedChats
from bench.speed.client import backend
from bench.speed.processes import Product, apart, embedded

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]

CHATS = 100
"""Each has a customer who writes without a pause, and a socket of its agent."""
MESSAGES = 500
"""As many are accepted before the kill, and again after it."""


@pytest.mark.parametrize("part", ["worker", "api", "temporal"])
async def test_nothing_is_lost_when_one_process_is_killed(tmp_path: Path, part: str) -> None:
    async with apart(tmp_path) as product:
        await write_and_kill(product, part)


@pytest.mark.parametrize("part", ["worker", "api"])
async def test_nothing_is_lost_when_the_all_in_one_process_or_its_worker_is_killed(tmp_path: Path, part: str) -> None:
    with embedded(tmp_path) as product:
        await write_and_kill(product, part)


async def write_and_kill(product: Product, part: str) -> None:
    """Kill a part while customers write, start it again, and compare transcripts and sockets with what was accepted."""
    async with backend(product.address) as shop, CheckedChats.opened(shop, CHATS, both_sides=False) as chats:
        stop = asyncio.Event()
        writing = asyncio.create_task(chats.write(CHATS, stop))
        await chats.wait_for_more(MESSAGES)
        await product.restart(part, signal.SIGKILL)
        await chats.wait_for_more(MESSAGES)
        stop.set()
        await writing
        await chats.wait_until_read()
        await chats.check()
