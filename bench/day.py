"""A simulated day at a contact centre, in a minute or two: real engine, store and dispatcher, scripted agents and customers.

It has shifts, rejected and missed offers, parked chats and returns, transfers, releases, and agents who lose their connection.
The routing state is checked all the time; at the end every chat must be accounted for.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import tempfile
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

from sqlalchemy import select

from bench.day_checks import RoutingMonitor, final_problems, unfinished_chats
from bench.simulated_people import SimulatedPeople
from store import schema
from tests import sqlite
from tests.distribution.contact_centre import ContactCentre, open_contact_centre
from tests.workflows.engine import Engine
from tests.workflows.server import time_skipping_server

QUEUES = ("orders", "returns", "billing", "repairs", "advice")
SERVED = 3
COUNTED = (
    "accepted",
    "rejected",
    "missed",
    "parked",
    "returned",
    "transferred",
    "released",
    "lost",
    "never connected",
    "repeated commands",
)


class Size(NamedTuple):
    """The size of a day: people, chats at the same time, and the lengths of shifts, talks and the whole."""

    agents: int
    customers: int
    at_once: int
    shift_seconds: float
    talk_seconds: float
    limit_seconds: float


OtherProcesses = Callable[[ContactCentre], AbstractContextManager[object]]


def no_other_processes(_: ContactCentre) -> AbstractContextManager[object]:
    """Run nothing else."""
    return nullcontext()


DAY = Size(agents=50, customers=1_000, at_once=36, shift_seconds=90, talk_seconds=6, limit_seconds=600)
SMALL = Size(agents=5, customers=40, at_once=15, shift_seconds=3, talk_seconds=0.5, limit_seconds=90)
MOST_NEW = 2
"""At most this many customers start a chat in a fifth of a second."""


def _workstreams() -> dict[str, Any]:
    quick = {"offer_within": "PT5S", "agent_grace": "PT1S", "wrap_up": "PT2S", "same_agent_wait": "PT2S"}
    live = {queue: {"mode": "live", "queue": queue, **quick} for queue in QUEUES}
    return {
        **live,
        "live": {"mode": "live", "queue": QUEUES[0], **quick},
        "urgent": {"mode": "live", "queue": QUEUES[1], **quick, "priority": 1},
        "long": {"mode": "persistent", "queue": QUEUES[2], **quick, "wrap_up_holds": "never"},
        "big": {"mode": "persistent", "queue": QUEUES[3], **quick, "units": 2},
        "own": {"mode": "persistent", "queue": QUEUES[4], **quick, "same_agent": "required"},
    }


def _agents(count: int) -> dict[str, Any]:
    served = len(QUEUES) if count < 2 * len(QUEUES) else SERVED
    return {
        f"a{n:02}": {"capacity": 2 + n % 2, "queues": [QUEUES[(n + k) % len(QUEUES)] for k in range(served)]}
        for n in range(count)
    }


async def simulate_day(
    engine: Engine, size: Size, seed: int = 1, beside: OtherProcesses = no_other_processes
) -> list[str]:
    """Simulate a day and print its figures. Return all problems.

    Args:
        engine: the Temporal server and the store.
        size: the size of the day.
        seed: seed of all random decisions.
        beside: runs other processes on the same server and store for the time of the day.
    """
    agents, began = _agents(size.agents), perf_counter()
    async with open_contact_centre(engine, agents, away=tuple(agents), **_workstreams()) as here:
        people, monitor = SimulatedPeople(here, Random(seed), size.talk_seconds), RoutingMonitor(here)
        with beside(here):
            async with _activity(people, monitor, size):
                problems = await _run_customers(people, size)
        problems += monitor.problems + people.faults + await final_problems(here, people.cases.values())
        _print(people, monitor, await _waits(here), perf_counter() - began)
    return problems


@asynccontextmanager
async def _activity(people: SimulatedPeople, monitor: RoutingMonitor, size: Size) -> AsyncGenerator[None]:
    activities = (people.answer_offers(), people.keep_shifts(size.shift_seconds), monitor.run())
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(activity) for activity in activities]
            yield
            for task in tasks:
                task.cancel()
    finally:
        await people.stop()


async def _run_customers(people: SimulatedPeople, size: Size) -> list[str]:
    """Start all chats, within the limits of the size. Return when all are closed, or the open ones when time is up."""
    workstreams, open_chats = list(_workstreams()), list[str]()
    try:
        async with asyncio.timeout(size.limit_seconds):
            remaining, all_started = size.customers, False
            while open_chats or not all_started:
                all_started = people.done["chats"] == size.customers
                open_chats = await unfinished_chats(people.centre)
                new = max(0, min(remaining, size.at_once - len(open_chats), MOST_NEW))
                for _ in range(new):
                    people.spawn(people.start_chat(people.random.choice(workstreams)))
                remaining -= new
                await asyncio.sleep(0.2)
    except TimeoutError:
        return [f"{id} is not closed" for id in open_chats]
    return []


async def _waits(here: ContactCentre) -> list[int]:
    waits = schema.routing_waits.c
    async with here.engine.db.read() as connection:
        found = await connection.execute(select(waits.milliseconds).where(waits.instance == here.name))
        return list(found.scalars())


def _print(people: SimulatedPeople, monitor: RoutingMonitor, waits: list[int], seconds: float) -> None:
    done = people.done
    rows = {
        "agents": len(people.centre.instance.agents),
        "chats": f"{done['chats']:,}, of which {done['left']} ended by customers",
        "messages accepted": f"{done['messages']:,}",
        **{what: f"{done[what]:,}" for what in COUNTED},
        "median wait": f"{median(waits) / 1_000:.2f} s" if waits else "-",
        "longest wait": f"{max(waits, default=0) / 1_000:.1f} s",
        "most at once": f"{monitor.most_waiting} waiting, {monitor.most_load} units in use",
        "checks of the routing state": monitor.checks,
        "waited despite a free agent": f"{monitor.longest_neglect:.1f} s at most",
        "the day took": f"{seconds:.0f} s",
    }
    for name, value in rows.items():
        print(f"{name:<28}{value}")


async def run(size: Size) -> list[str]:
    """Simulate a day on a new server and store. Return all problems."""
    logging.basicConfig(level=logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        async with sqlite.store(Path(folder)) as db, time_skipping_server(Path(folder)) as environment:
            return await simulate_day(Engine(environment.client, db), size)


if __name__ == "__main__":
    found = asyncio.run(run(SMALL if "small" in sys.argv else DAY))
    if found:
        sys.exit("\n".join([f"\n{len(found)} problems:", *found[:20]]))
    print("\nEvery chat is accounted for.")
