"""More load than the product can bear: what it accepts is delivered soon, and the rest is refused as throttled."""

from __future__ import annotations

import asyncio
from time import perf_counter

from bench.speed.client import THROTTLED, Refused, open_socket
from bench.speed.context import Bench
from bench.speed.measurements import STARTS_AT_ONCE, concurrently, percentile
from bench.speed.report import Row

CHATS = 50
OFFERED_PER_SECOND = 1_000
"""At least twice of what two cores bear, together with this client."""


async def overload(bench: Bench) -> list[Row]:
    """Send at a constant rate, whatever the answers, and then nothing. Check that nothing accepted is lost."""
    seconds = 20 if bench.is_long else 10
    chats = await concurrently(STARTS_AT_ONCE, [bench.backend.start_with_agent for _ in range(CHATS)])
    sockets = [await open_socket(chat.agent) for chat in chats if chat.agent]
    accepted: dict[int, dict[str, float]] = {number: {} for number in range(CHATS)}
    refused: dict[int, int] = {}

    async def send(number: int, text: str) -> None:
        began = perf_counter()
        try:
            await chats[number].customer.send(text)
        except Refused as error:
            refused[error.status] = refused.get(error.status, 0) + 1
            if error.status != THROTTLED and refused[error.status] == 1:
                print(f"  {error}")
        else:
            accepted[number][text] = began

    began, count = perf_counter(), 0
    async with asyncio.TaskGroup() as group:
        while (now := perf_counter()) < began + seconds:
            while count < (now - began) * OFFERED_PER_SECOND:
                group.create_task(send(count % CHATS, f"overload-{count}"))
                count += 1
            await asyncio.sleep(0.005)
    await asyncio.gather(*(socket.wait_for(len(accepted[number])) for number, socket in enumerate(sockets)))
    recovered = perf_counter()
    await chats[0].customer.send("after")
    await sockets[0].wait_for(len(accepted[0]) + 1)
    recovery = perf_counter() - recovered
    delays = [
        socket.arrivals[text] - sent for number, socket in enumerate(sockets) for text, sent in accepted[number].items()
    ]
    for number, socket in enumerate(sockets):
        assert set(accepted[number]) <= set(socket.messages), "an accepted message is lost"
        assert len(set(socket.messages)) == len(socket.messages), "a frame is doubled"
    await asyncio.gather(*(socket.close() for socket in sockets))
    others = sum(number for status, number in refused.items() if status != THROTTLED)
    return [
        Row("overload: offered/s", [count / seconds]),
        Row("overload: accepted/s", [len(delays) / seconds]),
        Row("overload: refused as throttled/s", [refused.get(THROTTLED, 0) / seconds]),
        Row("overload: other errors", [float(others)], goal=0.0, more_is_better=False),
        Row("overload: accepted to frame, p99 s", [percentile(delays, 0.99)], goal=5.0, more_is_better=False),
        Row("overload: the next message afterwards, s", [recovery], goal=2.0, more_is_better=False),
    ]
