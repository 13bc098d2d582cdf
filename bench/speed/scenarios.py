"""The scenarios of the benchmark. Each returns rows of the table."""

from __future__ import annotations

import asyncio
import signal
from collections import defaultdict
from collections.abc import Awaitable, Callable
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any
from uuid import uuid4

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from bench.speed.client import Chat, open_socket
from bench.speed.context import Bench
from bench.speed.floor import TASK_QUEUE
from bench.speed.inserts import ROWS_AT_ONCE, insert_load
from bench.speed.measurements import (
    Load,
    ProductLoad,
    cpu_of,
    floor_latencies,
    floor_load,
    percentile,
    rate,
)
from bench.speed.processes import OURS
from bench.speed.report import Row

TYPING = "application/vnd.amazonaws.connect.event.typing"
SOCKETS = 5


async def throughput(bench: Bench) -> list[Row]:
    """100 chats with one sender each: every message is recorded and on the other side's socket."""
    product = await ProductLoad.open(bench.product, bench.backend, 100)
    messages = 10 * bench.scale
    runs: dict[str, Callable[[], Awaitable[Load]]] = {
        "F1": partial(floor_load, bench.floors, bench.client, "F1", 100, 1, messages),
        "product": partial(product.run, 1, messages),
        "R1": partial(floor_load, bench.floors, bench.client, "R1", 100, 1, messages),
        "F2": partial(floor_load, bench.floors, bench.client, "F2", 100, 1, messages),
        "F3, one row a transaction": partial(insert_load, bench.product.store, 100, messages, 1),
        f"F3, {ROWS_AT_ONCE} rows": partial(insert_load, bench.product.store, 100, messages, ROWS_AT_ONCE),
        **{rival.name: partial(rival.load, 100, messages) for rival in bench.rivals if rival.load},
    }
    loads: defaultdict[str, list[Load]] = defaultdict(list)
    await product.run(1, 3)
    for _ in range(bench.rounds):
        for name, run in runs.items():
            loads[name].append(await run())
    await product.close()
    ours, f1 = loads.pop("product"), loads["F1"]
    delivered = [load.delivered_rate for load in ours]
    goals = {"F1": bench.goal_100, "R1": 2.0} | {rival.name: rival.goal for rival in bench.rivals}
    what = "100 chats, delivered/s"
    return [
        *(
            Row(what, delivered, [load.delivered_rate for load in of], name, goals.get(name))
            for name, of in loads.items()
        ),
        *(Row(what, delivered, against=f"{rival.name}: {rival.problem}") for rival in bench.rivals if not rival.load),
        Row(
            "100 chats, CPU of our processes, ms/message",
            *([load.cpu_ms(*OURS) for load in ours], [load.cpu_ms("floor") for load in f1]),
            "F1",
            3.0,
            more_is_better=False,
        ),
        Row("100 chats, CPU of Temporal, ms/message", [load.cpu_ms("temporal") for load in ours]),
    ]


async def one_chat(bench: Bench) -> list[Row]:
    """One chat: one sender back to back, then 50 senders."""
    product = await ProductLoad.open(bench.product, bench.backend, 1)
    back, crowd = 60 * bench.scale, 6 * bench.scale
    results: dict[str, list[float]] = {name: [] for name in ("ours", "floor", "our crowd", "floor crowd")}
    await product.run(1, 20)
    for _ in range(bench.rounds):
        results["floor"].append((await floor_load(bench.floors, bench.client, "F1", 1, 1, back)).accepted_rate)
        results["ours"].append((await product.run(1, back)).accepted_rate)
        results["floor crowd"].append((await floor_load(bench.floors, bench.client, "F1", 1, 50, crowd)).accepted_rate)
        results["our crowd"].append((await product.run(50, crowd)).accepted_rate)
    await product.close()
    return [
        Row("one chat back to back, accepted/s", results["ours"], results["floor"], "F1", 0.5),
        Row("one chat with 50 senders, accepted/s", results["our crowd"], results["floor crowd"], "F1"),
    ]


async def latency(bench: Bench) -> list[Row]:
    """Nothing else is going on: from SendMessage to the frame of the other side."""
    product = await ProductLoad.open(bench.product, bench.backend, 10)
    await product.latencies(30)
    ours = [await product.latencies(100 * bench.scale)]
    floor = [await floor_latencies(bench.client, 100 * bench.scale)]
    for _ in range(bench.rounds - 1):
        floor.append(await floor_latencies(bench.client, 100 * bench.scale))
        ours.append(await product.latencies(100 * bench.scale))
    await product.close()
    p50 = [1000 * median(found) for found in ours]
    p99 = [1000 * percentile(found, 0.99) for found in ours]
    round_trip = [1000 * median(found) for found in floor]
    return [
        Row("unloaded, send to frame, p50 ms", p50, round_trip, "F1 round trip", 3.0, more_is_better=False),
        Row("unloaded, send to frame, p99 ms", p99, p50, "p50", 4.0, more_is_better=False),
    ]


async def starts(bench: Bench) -> list[Row]:
    """StartChatContact, ten at once, against raw starts."""

    def raw() -> Awaitable[object]:
        return bench.client.start_workflow("Counter", 1, id=uuid4().hex, task_queue=TASK_QUEUE)

    ours: list[float] = []
    floor: list[float] = []
    await rate(bench.backend.start, 20, 10)
    for _ in range(bench.rounds):
        floor.append(await rate(raw, 100 * bench.scale, 10))
        await asyncio.sleep(1)  # the floor's workflows finish their first tasks
        ours.append(await rate(bench.backend.start, 60 * bench.scale, 10))
        await asyncio.sleep(1)
    return [Row("StartChatContact/s", ours, floor, "raw starts", 0.5)]


async def transcripts(bench: Bench) -> list[Row]:
    """GetTranscript, pages of 15."""
    product = await ProductLoad.open(bench.product, bench.backend, 1)
    await product.run(1, 60)
    rates: list[float] = []
    cpu: list[float] = []
    for _ in range(bench.rounds):
        found = await cpu_of(bench.product, product.chats[0].customer.transcript, 200 * bench.scale, 10)
        rates.append(found[0])
        cpu.append(found[1])
    await product.close()
    return [
        Row("GetTranscript, pages of 15, per s", rates),
        Row("GetTranscript, CPU, ms", cpu, goal=3.0, more_is_better=False),
    ]


async def fan_out(bench: Bench) -> list[Row]:
    """One item to five sockets against one, and typing events."""
    chat = await bench.backend.start_with_agent()
    assert chat.agent
    sockets = [await open_socket(chat.agent)]
    one = await _until_all(chat, sockets, 50 * bench.scale)
    for _ in range(SOCKETS - 1):
        await chat.agent.connect()
        sockets.append(await open_socket(chat.agent))
    five = await _until_all(chat, sockets, 50 * bench.scale)
    before, count = len(sockets[0].events), 200 * bench.scale
    began = perf_counter()
    await asyncio.gather(*(_repeat(lambda: chat.customer.send_event(TYPING), count // 10) for _ in range(10)))
    await sockets[0].wait_for_events(before + count)
    typing = count / (perf_counter() - began)
    await asyncio.gather(*(socket.close() for socket in sockets))
    return [
        Row("to 5 sockets, p50 ms", [1000 * median(five)], [1000 * median(one)], "1 socket", 1.3, more_is_better=False),
        Row("typing events to 5 sockets, per s", [typing]),
    ]


async def history(bench: Bench) -> list[Row]:
    """Events of history for a message, alone and in a burst."""
    product = await ProductLoad.open(bench.product, bench.backend, 1)
    handle = (await Client.connect(bench.product.temporal)).get_workflow_handle(product.chats[0].contact_id)
    rows: list[Row] = []
    for what, senders, messages, goal in (("alone", 1, 50, 5.0), ("in a burst", 50, 10, 1.0)):
        before = len((await handle.fetch_history()).events)
        load = await product.run(senders, messages)
        events = (await handle.fetch_history()).events[before:]
        assert all(event.event_type != EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED for event in events)
        per_message = len(events) / load.messages
        rows.append(Row(f"events of history, a message {what}", [per_message], goal=goal, more_is_better=False))
    await product.close()
    return rows


async def long_conversation(bench: Bench) -> list[Row]:
    """The latency of a message late in a long conversation against one early in it."""
    length = 20_000 if bench.is_long else 3_000
    product = await ProductLoad.open(bench.product, bench.backend, 1)
    await product.run(1, 100)
    early = await product.latencies(100)
    await product.run(50, length // 50)
    late = await product.latencies(100)
    await product.close()
    what = f"send to frame after {length} messages, p50 ms"
    ours, before = [1000 * median(late)], [1000 * median(early)]
    return [Row(what, ours, before, "after 100", 1.2, more_is_better=False)]


async def cold_conversations(bench: Bench) -> list[Row]:
    """The first message of conversations that no worker has in its cache, against the second."""
    chats = [await bench.backend.start_with_agent() for _ in range(20)]
    await bench.product.restart("worker", signal.SIGTERM)
    cold: list[float] = []
    warm: list[float] = []
    for chat in chats:
        socket = await open_socket(chat.agent) if chat.agent else None
        assert socket
        for found in (cold, warm):
            text, arrived, began = uuid4().hex, len(socket.messages), perf_counter()
            await asyncio.gather(chat.customer.send(text), socket.wait_for(arrived + 1))
            found.append(socket.arrivals[text] - began)
        await socket.close()
    ours, floor = [1000 * median(cold)], [1000 * median(warm)]
    return [Row("first message into a cold conversation, p50 ms", ours, floor, "warm", 2.0, more_is_better=False)]


async def _until_all(chat: Chat, sockets: list[Any], count: int) -> list[float]:
    found: list[float] = []
    for _ in range(count):
        text, before, began = uuid4().hex, [len(socket.messages) for socket in sockets], perf_counter()
        arrived = (socket.wait_for(seen + 1) for socket, seen in zip(sockets, before, strict=True))
        await asyncio.gather(chat.customer.send(text), *arrived)
        found.append(max(socket.arrivals[text] for socket in sockets) - began)
    return found


async def _repeat(call: Callable[[], Awaitable[object]], count: int) -> None:
    for _ in range(count):
        await call()
