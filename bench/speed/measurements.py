"""What is measured of product and floors: rates, latencies, CPU."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, TypeVar
from uuid import uuid4

from temporalio.client import Client, WorkflowHandle

from bench.speed.client import Backend, Chat, Socket, open_socket
from bench.speed.floor import TASK_QUEUE, WORKFLOWS
from bench.speed.processes import OURS, System

T = TypeVar("T")

STARTS_AT_ONCE = 10


@dataclass(frozen=True)
class Load:
    """The result of one load: messages, seconds until the last was delivered, seconds until the last was accepted, CPU."""

    messages: int
    delivered: float
    accepted: float
    cpu: dict[str, float]

    @property
    def delivered_rate(self) -> float:
        """Delivered messages per second."""
        return self.messages / self.delivered

    @property
    def accepted_rate(self) -> float:
        """Accepted messages per second."""
        return self.messages / self.accepted

    def cpu_ms(self, *parts: str) -> float:
        """CPU milliseconds per message in some parts."""
        return 1000 * sum(self.cpu.get(part, 0.0) for part in parts) / self.messages


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of the values lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


async def measure(
    system: System, messages: int, send: Callable[[], Awaitable[None]], arrive: Callable[[], Awaitable[None]]
) -> Load:
    """Measure a load: `send` returns when all messages are accepted, `arrive` when they are delivered."""
    before, began = system.cpu_seconds(), perf_counter()
    await send()
    accepted = perf_counter() - began
    await arrive()
    delivered = perf_counter() - began
    after = system.cpu_seconds()
    return Load(messages, delivered, accepted, {part: after[part] - before[part] for part in after})


class ProductLoad:
    """Chats of the product with open sockets of their agents, for any number of loads."""

    def __init__(self, system: System, chats: list[Chat], sockets: list[Socket]) -> None:
        self._system = system
        self.chats = chats
        self._sockets = sockets

    @classmethod
    async def open(cls, system: System, backend: Backend, count: int) -> ProductLoad:
        """Start chats and open the sockets of their agents."""
        chats = await concurrently(STARTS_AT_ONCE, [backend.start_with_agent for _ in range(count)])
        return cls(system, chats, [await open_socket(chat.agent) for chat in chats if chat.agent])

    async def run(self, senders_per_chat: int, messages_per_sender: int) -> Load:
        """Have every customer send messages, each after the answer to the last one. Check every frame of every agent."""
        run = uuid4().hex[:8]
        starts = [len(socket.messages) for socket in self._sockets]
        per_chat = senders_per_chat * messages_per_sender
        sent: list[list[str]] = [[] for _ in self.chats]

        async def send_all(number: int, sender: int) -> None:
            for count in range(messages_per_sender):
                text = f"{run}-{number}-{sender}-{count}"
                sent[number].append(text)
                await self.chats[number].customer.send_patiently(text)

        async def send() -> None:
            senders = [(number, sender) for number in range(len(self.chats)) for sender in range(senders_per_chat)]
            await asyncio.gather(*(send_all(*each) for each in senders))

        async def arrive() -> None:
            await asyncio.gather(
                *(socket.wait_for(start + per_chat) for socket, start in zip(self._sockets, starts, strict=True))
            )

        load = await measure(self._system, per_chat * len(self.chats), send, arrive)
        for number, (socket, start) in enumerate(zip(self._sockets, starts, strict=True)):
            arrived = socket.messages[start:]
            assert sorted(arrived) == sorted(sent[number]), "a frame is missing or doubled"
            if senders_per_chat == 1:
                assert arrived == sent[number], "a frame is misplaced"
        return load

    async def latencies(self, count: int) -> list[float]:
        """Send messages one at a time, in turn to all chats. Return the seconds from the request to the agent's frame."""
        found: list[float] = []
        for number in range(count):
            index = number % len(self.chats)
            socket, text = self._sockets[index], uuid4().hex
            arrived, began = len(socket.messages), perf_counter()
            await asyncio.gather(self.chats[index].customer.send(text), socket.wait_for(arrived + 1))
            found.append(socket.arrivals[text] - began)
        return found

    async def steady(self, per_second: int, seconds: int) -> list[float]:
        """Send at a constant rate, in turn to all chats. Check every frame. Return the seconds from request to frame."""
        run, count, began = uuid4().hex[:8], per_second * seconds, perf_counter()
        starts = [len(socket.messages) for socket in self._sockets]
        sent: list[list[str]] = [[] for _ in self.chats]
        sent_at: dict[str, float] = {}
        async with asyncio.TaskGroup() as group:
            for number in range(count):
                await asyncio.sleep(began + number / per_second - perf_counter())
                index, text = number % len(self.chats), f"{run}-{number}"
                sent[index].append(text)
                sent_at[text] = perf_counter()
                group.create_task(self.chats[index].customer.send(text))
        for socket, start, texts in zip(self._sockets, starts, sent, strict=True):
            await socket.wait_for(start + len(texts))
            assert sorted(socket.messages[start:]) == sorted(texts), "a frame is missing or doubled"
        return [
            socket.arrivals[text] - sent_at[text]
            for socket, texts in zip(self._sockets, sent, strict=True)
            for text in texts
        ]

    async def close(self) -> None:
        """Close the sockets."""
        await asyncio.gather(*(socket.close() for socket in self._sockets))


async def floor_load(
    system: System, client: Client, floor: str, chats: int, senders_per_chat: int, messages_per_sender: int
) -> Load:
    """Signal workflows of a floor until each has done its part for all messages."""
    run, per_chat = uuid4().hex[:8], senders_per_chat * messages_per_sender
    handles: list[WorkflowHandle[Any, Any]] = [
        await client.start_workflow(
            WORKFLOWS[floor].run,  # pyright: ignore[reportArgumentType]
            per_chat,
            id=f"{floor}-{run}-{number}",
            task_queue=TASK_QUEUE,
        )
        for number in range(chats)
    ]

    async def send_all(handle: WorkflowHandle[Any, Any], name: str) -> None:
        for count in range(messages_per_sender):
            await handle.signal("message", f"{name}-{count}")

    async def send() -> None:
        await asyncio.gather(
            *(send_all(handle, f"{sender}") for handle in handles for sender in range(senders_per_chat))
        )

    async def arrive() -> None:
        await asyncio.gather(*(handle.result() for handle in handles))

    return await measure(system, per_chat * chats, send, arrive)


async def floor_latencies(client: Client, count: int) -> list[float]:
    """Signal one workflow of F1, one signal at a time. Return the seconds of each round trip."""
    handle = await client.start_workflow(
        WORKFLOWS["F1"].run,  # pyright: ignore[reportArgumentType]
        count,
        id=f"latency-{uuid4().hex[:8]}",
        task_queue=TASK_QUEUE,
    )
    found: list[float] = []
    for number in range(count):
        began = perf_counter()
        await handle.signal("message", str(number))
        found.append(perf_counter() - began)
    return found


async def rate(call: Callable[[], Awaitable[object]], count: int, at_once: int) -> float:
    """Calls per second: `count` calls, `at_once` at the same time."""
    remaining = count

    async def repeat() -> None:
        nonlocal remaining
        while remaining > 0:
            remaining -= 1
            await call()

    began = perf_counter()
    await asyncio.gather(*(repeat() for _ in range(at_once)))
    return count / (perf_counter() - began)


async def cpu_of(
    system: System, call: Callable[[], Awaitable[object]], count: int, at_once: int
) -> tuple[float, float]:
    """Calls per second, and CPU milliseconds of Perennial for each call."""
    before = system.cpu_seconds()
    calls_per_second = await rate(call, count, at_once)
    after = system.cpu_seconds()
    spent = sum(after[part] - before[part] for part in OURS if part in after)
    return calls_per_second, 1000 * spent / count


async def concurrently(limit: int, calls: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    """The results of all calls, `limit` at the same time."""
    slots = asyncio.Semaphore(limit)

    async def run(call: Callable[[], Awaitable[T]]) -> T:
        async with slots:
            return await call()

    return await asyncio.gather(*(run(call) for call in calls))
