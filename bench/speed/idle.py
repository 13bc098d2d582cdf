"""What exists and does nothing: sockets with heartbeats, and conversations. It ought to cost nearly nothing."""

from __future__ import annotations

import asyncio
from time import perf_counter

from bench.speed.client import Chat, Socket, open_socket
from bench.speed.context import Bench
from bench.speed.measurements import STARTS_AT_ONCE, concurrently, rate
from bench.speed.processes import OURS
from bench.speed.report import Row

SETTLE_SECONDS = 5.0
"""Time that processes get to settle before their memory is measured."""
SETTLED_SHARE = 0.2
"""Processes that use less than this share of a core, all together, have settled."""
MAX_SETTLE_SECONDS = 120.0
IDLE_SECONDS = 10.0
"""Time between two heartbeats of a socket, as ChatJS sends them, while the load is measured."""
CONVERSATIONS = 10_000


async def idle_sockets(bench: Bench) -> list[Row]:
    """Open many sockets, then only heartbeats."""
    count = 2_000 if bench.is_long else 500
    chats = await concurrently(STARTS_AT_ONCE, [bench.backend.start for _ in range(count)])
    await asyncio.sleep(SETTLE_SECONDS)
    memory = {part: bench.product.memory_bytes(part) for part in OURS}
    began = perf_counter()

    async def open_one(chat: Chat) -> Socket:
        await chat.customer.connect()
        return await open_socket(chat.customer)

    sockets = await concurrently(20, [lambda chat=chat: open_one(chat) for chat in chats])
    opened = count / (perf_counter() - began)
    settled = await _settled(bench)
    each = {part: (bench.product.memory_bytes(part) - memory[part]) / count / 1024 for part in OURS}
    before, began = bench.product.cpu_seconds(), perf_counter()
    for _ in range(2):
        await asyncio.gather(*(socket.heartbeat() for socket in sockets))
        await asyncio.sleep(IDLE_SECONDS)
    seconds, after = perf_counter() - began, bench.product.cpu_seconds()
    share = 100 * sum(after[part] - before[part] for part in after) / seconds
    assert not any(socket.ended.is_set() for socket in sockets), "a socket was lost"
    await asyncio.gather(*(socket.close() for socket in sockets))
    return [
        Row(f"{count} sockets, opened/s", [opened], goal=200.0),
        Row(f"{count} sockets, settled after the last, s", [settled], goal=5.0, more_is_better=False),
        Row(
            f"{count} idle sockets with heartbeats, all processes, % of a core", [share], goal=5.0, more_is_better=False
        ),
        Row("memory of a socket in the API, KB", [each["api"]], goal=60.0, more_is_better=False),
        Row("memory of its participant's connection in the worker's cache, KB", [each["worker"]]),
    ]


async def _settled(bench: Bench) -> float:
    """Wait until the processes have done what the sockets have led to. Returns the seconds that it took."""
    began = perf_counter()
    while True:
        seconds, used = perf_counter() - began, sum(bench.product.cpu_seconds().values())
        await asyncio.sleep(1)
        if sum(bench.product.cpu_seconds().values()) - used < SETTLED_SHARE:
            return seconds
        assert seconds < MAX_SETTLE_SECONDS, "the processes do not settle"


async def idle_conversations(bench: Bench) -> list[Row]:
    """The memory of many conversations that wait for a message, over a product that has none. It must run first."""
    await rate(bench.backend.start, 20, STARTS_AT_ONCE)  # what a first request loads counts as empty
    await asyncio.sleep(SETTLE_SECONDS)
    empty = bench.product.memory_bytes(*OURS)
    await rate(bench.backend.start, CONVERSATIONS, STARTS_AT_ONCE)
    await asyncio.sleep(SETTLE_SECONDS)
    more = (bench.product.memory_bytes(*OURS) - empty) / 2**20
    return [
        Row(
            f"{CONVERSATIONS} idle conversations, memory of our processes, MB", [more], goal=100.0, more_is_better=False
        )
    ]
