"""SendMessage under a constant load of events, while a webhook gets all of them and its receiver never answers."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack, suppress
from functools import partial
from time import perf_counter
from uuid import uuid4

from bench.speed.client import BACKEND, INSTANCE, Chat, Refused, open_socket
from bench.speed.context import Bench
from bench.speed.measurements import STARTS_AT_ONCE, concurrently, percentile
from bench.speed.report import Row

CHATS = 50
MESSAGES_PER_SECOND = 40
"""With a reading of each by the agent, twice as many events: what two slow cores bear beside this client without a queue."""
READ_AFTER = 4 * CHATS
"""So many messages later a message is recorded, and can be read."""
WARM_UP_SECONDS = 8
READ = "application/vnd.amazonaws.connect.event.message.read"
HOOK = f"/v1/instances/{INSTANCE}/webhooks/dead"


async def dead_webhook(bench: Bench) -> list[Row]:
    """The p99 of SendMessage with a dead webhook against without one, in turn."""
    seconds = 30 if bench.is_long else 10
    chats = await concurrently(STARTS_AT_ONCE, [bench.backend.start_with_agent for _ in range(CHATS)])
    await _send_steadily(chats, WARM_UP_SECONDS, reads=False)
    found: dict[str, list[float]] = {"with": [], "without": []}
    reached = asyncio.Event()
    silent = await asyncio.start_server(partial(_never_answer, reached), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    http = chats[0].customer.http
    async with AsyncExitStack() as sockets:
        for chat in chats:
            assert chat.agent
            sockets.push_async_callback((await open_socket(chat.agent)).close)
        for _ in range(bench.rounds):
            found["without"].append(1000 * percentile(await _send_steadily(chats, seconds), 0.99))
            await http.call("PUT", HOOK, {"url": f"http://127.0.0.1:{port}/"}, **BACKEND)
            reached.clear()
            while not reached.is_set():  # until a worker knows the webhook
                await _send_steadily(chats, 1, reads=False)
            found["with"].append(1000 * percentile(await _send_steadily(chats, seconds), 0.99))
            await http.call("DELETE", HOOK, **BACKEND)
    silent.close()
    return [
        Row("events/s beside a dead webhook", [2.0 * MESSAGES_PER_SECOND]),
        Row(
            "SendMessage beside a dead webhook, p99 ms",
            found["with"],
            found["without"],
            "without one",
            1.1,
            more_is_better=False,
        ),
    ]


async def _send_steadily(chats: list[Chat], seconds: int, *, reads: bool = True) -> list[float]:
    """Send at a constant rate, and have the agent read earlier messages. Return the seconds of the calls of SendMessage."""
    run, taken, messages = uuid4().hex[:8], list[float](), dict[int, str]()

    async def send(number: int) -> None:
        chat, began = chats[number % len(chats)], perf_counter()
        messages[number] = await chat.customer.send(f"{run}-{number}")
        taken.append(perf_counter() - began)
        if reads and number >= READ_AFTER:
            assert chat.agent
            with suppress(Refused):  # a chat that begins a new run is recorded later
                await chat.agent.send_event(READ, json.dumps({"messageId": messages[number - READ_AFTER]}))

    began = perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(MESSAGES_PER_SECOND * seconds):
            await asyncio.sleep(began + number / MESSAGES_PER_SECOND - perf_counter())
            group.create_task(send(number))
    return taken


async def _never_answer(reached: asyncio.Event, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    reached.set()
    while await reader.read(65_536):
        pass
    writer.close()
