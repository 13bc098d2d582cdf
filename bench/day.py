"""A day at a contact centre, in a minute or two: real engine, store and dispatching; scripted agents and customers.

There are shifts, rejections, misses, parked chats and returns, transfers, releases, and agents who are lost. While it goes on
the board is watched; at the end every chat must be accounted for.
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

from bench.people import People
from bench.watching import Watch, accounted_for, unfinished
from store import schema
from store.database import Database
from store.migrate import migrate
from tests.board.floor import Floor, open_floor
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
    "asked again",
)


class Size(NamedTuple):
    """A day: how many people, how many chats at once at most, and how long shifts and talks are and all may take."""

    agents: int
    customers: int
    at_once: int
    shift_seconds: float
    talk_seconds: float
    limit_seconds: float


Beside = Callable[[Floor], AbstractContextManager[object]]


def nobody(_: Floor) -> AbstractContextManager[object]:
    """Nothing else works there."""
    return nullcontext()


DAY = Size(agents=50, customers=1_000, at_once=36, shift_seconds=90, talk_seconds=6, limit_seconds=600)
SMALL = Size(agents=5, customers=40, at_once=15, shift_seconds=3, talk_seconds=0.5, limit_seconds=90)
AT_A_TIME = 2
"""So many customers come in a fifth of a second at most."""


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


async def live_through(engine: Engine, size: Size, seed: int = 1, beside: Beside = nobody) -> list[str]:
    """Plays a day and prints what it was like. Returns everything that was wrong.

    Args:
        beside: runs what else works on the same floor: other processes.
    """
    agents, began = _agents(size.agents), perf_counter()
    async with open_floor(engine, agents, away=tuple(agents), **_workstreams()) as here:
        people, watch = People(here, Random(seed), size.talk_seconds), Watch(here)
        with beside(here):
            async with _at_work(people, watch, size):
                problems = await _customers_come(people, size)
        problems += watch.problems + people.faults + await accounted_for(here, people.cases.values())
        _print(people, watch, await _waits(here), perf_counter() - began)
    return problems


@asynccontextmanager
async def _at_work(people: People, watch: Watch, size: Size) -> AsyncGenerator[None]:
    doing = (people.answer_offers(), people.keep_shifts(size.shift_seconds), watch.watch())
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(what) for what in doing]
            yield
            for task in tasks:
                task.cancel()
    finally:
        await people.stop()


async def _customers_come(people: People, size: Size) -> list[str]:
    """All customers, as there is room for them; returns when all chats are closed, or who is left when time is up."""
    kinds, left = list(_workstreams()), list[str]()
    try:
        async with asyncio.timeout(size.limit_seconds):
            coming, all_came = size.customers, False
            while left or not all_came:
                all_came = people.done["chats"] == size.customers
                left = await unfinished(people.floor)
                now = max(0, min(coming, size.at_once - len(left), AT_A_TIME))
                for _ in range(now):
                    people.begin(people.come(people.random.choice(kinds)))
                coming -= now
                await asyncio.sleep(0.2)
    except TimeoutError:
        return [f"{id} is not over" for id in left]
    return []


async def _waits(here: Floor) -> list[int]:
    waits = schema.board_waits.c
    async with here.engine.db.read() as connection:
        found = await connection.execute(select(waits.milliseconds).where(waits.instance == here.name))
        return list(found.scalars())


def _print(people: People, watch: Watch, waits: list[int], seconds: float) -> None:
    done = people.done
    rows = {
        "agents": len(people.floor.instance.agents),
        "chats": f"{done['chats']:,}, of which {done['left']} customers left",
        "messages accepted": f"{done['messages']:,}",
        **{what: f"{done[what]:,}" for what in COUNTED},
        "median wait": f"{median(waits) / 1_000:.2f} s" if waits else "-",
        "longest wait": f"{max(waits, default=0) / 1_000:.1f} s",
        "most at once": f"{watch.most_waiting} waiting, {watch.most_load} units taken",
        "looks at the board": watch.looks,
        "waited beside a free agent": f"{watch.longest_neglect:.1f} s at most",
        "the day took": f"{seconds:.0f} s",
    }
    for name, value in rows.items():
        print(f"{name:<28}{value}")


async def run(size: Size) -> list[str]:
    """A day on a server and a store of its own."""
    logging.basicConfig(level=logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        db = Database.open(f"sqlite:///{Path(folder) / 'store.db'}")
        await migrate(db)
        try:
            async with time_skipping_server(Path(folder)) as environment:
                return await live_through(Engine(environment.client, db), size)
        finally:
            await db.close()


if __name__ == "__main__":
    wrong = asyncio.run(run(SMALL if "small" in sys.argv else DAY))
    if wrong:
        sys.exit("\n".join([f"\n{len(wrong)} problems:", *wrong[:20]]))
    print("\nEvery chat is accounted for.")
