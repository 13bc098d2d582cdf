"""A reconnect storm: the process that serves all sockets is killed and started again, and all clients come back at once."""

from __future__ import annotations

import asyncio
import signal
from time import perf_counter

from bench.speed.checked_chats import CheckedChats
from bench.speed.context import Bench
from bench.speed.report import Row

CHATS = 250
"""Each has a socket of the customer and one of the agent."""
WRITERS = 50
MESSAGES = 500
"""Messages that are accepted before the process is killed."""


async def storm(bench: Bench) -> list[Row]:
    """Kill the process while customers write. Nothing accepted may be lost, doubled or misplaced."""
    async with CheckedChats.opened(bench.backend, CHATS, both_sides=True) as chats:
        stop = asyncio.Event()
        writing = asyncio.create_task(chats.write(WRITERS, stop))
        await chats.wait_for_more(MESSAGES)
        killed = perf_counter()
        stop.set()
        await bench.product.restart("api", signal.SIGKILL)
        answered = perf_counter()
        await asyncio.gather(*(reader.wait_until_caught_up(killed) for reader in chats.readers))
        back = max(reader.connected_at for reader in chats.readers)
        await writing
        await chats.wait_until_read()
        caught_up = perf_counter()
        await chats.check()
    sockets = len(chats.readers)
    return [
        Row(f"{sockets} sockets lost by a kill -9: the process answers again after, s", [answered - killed]),
        Row(f"{sockets} sockets lost: the last is back after, s", [back - answered], goal=5.0, more_is_better=False),
        Row(
            f"{sockets} sockets lost: the last has all {chats.count} messages after, s",
            [caught_up - answered],
            goal=5.0,
            more_is_better=False,
        ),
    ]
