"""Assignments with 1,000 agents and 100 queues: how many per second, and how the length of a queue changes them.

There are two shapes of staff: every agent serves ten queues, or, the worst case, every queue. In both, nine of ten agents are
full and the others have capacity for one conversation. An assignment is one offer; accepting it, ending the conversation and
refilling the queue are not measured. To compare lengths, assignments from a queue of ten conversations and from one of ten
thousand alternate, so that other load on the machine affects both.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from sqlalchemy import insert, text, update

from domain.routing import FOREVER, AgentStatus, Offer, Placement, RoutingStage
from routing.agents import configure_agents
from routing.offers import offer_next
from routing.placement import write_placement
from routing.records import RoutedAgent
from store import schema
from store.database import Database
from store.migrate import open_store
from tests import postgres

AGENTS, QUEUES, SERVED = 1_000, 100, 10
CAPACITY = 4
FULL_IN_TEN = 9
"""This many of ten agents have four conversations, the others have three."""
WAITING = 20
"""Waiting conversations in each queue."""
SHORT, LONG = 10, 10_000
ROUNDS = 200
WORKERS = 8
TARGET = 2.0
START = datetime(2026, 1, 1, tzinfo=UTC)
INSTANCE = "demo"
_numbers = count(1)


def staff(served: int) -> list[RoutedAgent]:
    """Return agents who serve this number of queues each, and the two queues of different lengths."""
    return [
        RoutedAgent(
            f"a{n:04}",
            f"Agent {n}",
            CAPACITY,
            frozenset({f"q{(n + k) % QUEUES}" for k in range(served)} | {"short", "long"}),
        )
        for n in range(AGENTS)
    ]


def waiting(queue: str) -> dict[str, Any]:
    """Return the row of another conversation, at the end of its queue."""
    number = next(_numbers)
    return _row(number, queue, stage="queued", agent=None, holder=None, holds_until=None)


def _row(number: int, queue: str, **values: Any) -> dict[str, Any]:
    return {
        "conversation_id": f"c{number:08}",
        "revision": 1,
        "instance": INSTANCE,
        "queue": queue,
        "workstream": "live",
        "contact_id": f"c{number:08}",
        "units": 1,
        "in_turn": True,
        "priority": 5,
        "enqueued_at": START + timedelta(milliseconds=number),
        "bound_to": "",
        "delivered": False,
        **values,
    }


def working(user: str, conversations: int) -> Iterable[dict[str, Any]]:
    """Yield the rows of an agent's conversations."""
    for _ in range(conversations):
        yield _row(next(_numbers), "q0", stage="working", agent=user, holder=user, holds_until=FOREVER)


async def fill(db: Database, served: int) -> None:
    """Write all agents and conversations."""
    agents = staff(served)
    await configure_agents(db, INSTANCE, agents, START)
    rows = [waiting(f"q{queue}") for queue in range(QUEUES) for _ in range(WAITING)]
    rows += [waiting("short") for _ in range(SHORT)] + [waiting("long") for _ in range(LONG)]
    for n, agent in enumerate(agents):
        rows += working(agent.user, CAPACITY if n % 10 < FULL_IN_TEN else CAPACITY - 1)
    async with db.write(limited=False) as connection:
        await connection.execute(update(schema.agents).values(status=AgentStatus.AVAILABLE))
        await connection.execute(insert(schema.routing), rows)
        if db.is_postgres:
            # the server does this itself about a minute after a large write
            await connection.execute(text("ANALYZE"))


async def undo(db: Database, offer: Offer) -> None:
    """Remove an assigned conversation and put another one into its queue."""
    removed = Placement(
        conversation_id=offer.conversation_id,
        revision=2,
        instance=INSTANCE,
        queue=offer.queue,
        workstream=offer.workstream,
        contact_id=offer.contact_id,
        stage=RoutingStage.OFF,
        enqueued_at=START,
    )
    async with db.write() as connection:
        await write_placement(db, connection, removed, START)
        await connection.execute(insert(schema.routing), [waiting(offer.queue)])


async def assign(db: Database, queue: str) -> float:
    """Assign once. Return the seconds that it took."""
    began = perf_counter()
    offer = await offer_next(db, INSTANCE, queue, {}, START)
    took = perf_counter() - began
    assert offer, queue
    await undo(db, offer)
    return took


async def seconds_by_length(db: Database) -> tuple[float, float]:
    """Return the median seconds of an assignment from the short queue and from the long one."""
    short: list[float] = []
    long: list[float] = []
    for n in range(ROUNDS):
        # each is first in half of the rounds
        for queue, seconds in sorted([("short", short), ("long", long)], reverse=bool(n % 2)):
            seconds.append(await assign(db, queue))
    return median(short), median(long)


async def sequential_seconds(db: Database) -> float:
    """Return the median seconds of an assignment when there is one at a time."""
    return median([await assign(db, f"q{n % QUEUES}") for n in range(ROUNDS)])


async def concurrent_rate(db: Database) -> float:
    """Return the assignments per second of several workers with separate queues."""

    async def work(which: int) -> list[Offer | None]:
        return [await offer_next(db, INSTANCE, f"q{queue}", {}, START) for queue in range(which, QUEUES, WORKERS)]

    began = perf_counter()
    results = await asyncio.gather(*(work(n) for n in range(WORKERS)))
    took = perf_counter() - began
    offers = [offer for result in results for offer in result if offer]
    for offer in offers:
        await undo(db, offer)
    return len(offers) / took


async def measure(backend: str, shape: str, db: Database) -> bool:
    """Print a line of the table. Return whether it is within the target."""
    for queue in ("short", "long"):
        await assign(db, queue)
    one = await sequential_seconds(db)
    many = median([await concurrent_rate(db) for _ in range(5)])
    short, long = await seconds_by_length(db)
    line = f"{1 / one:>12.0f} /s{many:>12.0f} /s{short * 1_000:>13.2f} ms{long * 1_000:>13.2f} ms{long / short:>8.2f}"
    print(f"{backend:<12}{shape:<12}{line}", flush=True)
    return long / short <= TARGET


@asynccontextmanager
async def opened(url: str, served: int) -> AsyncGenerator[Database]:
    """Open a filled store for the time of the block."""
    async with open_store(url, pool_size=10, durable=False) as db:
        await fill(db, served)
        yield db


async def run() -> bool:
    """Measure on both backends. Return whether all results are within the target."""
    print(
        f"Assignments with {AGENTS:,} agents and {QUEUES} queues, and from a queue of {SHORT} or of {LONG:,}; medians.\n"
    )
    print(
        f"{'backend':<12}{'served':<12}{'one at a time':>15}{f'{WORKERS} at a time':>15}{SHORT:>16}{LONG:>16,}{'ratio':>8}"
    )
    within_target = True
    shapes = {f"{SERVED} queues": SERVED, "all queues": QUEUES}
    with postgres.server() as server, tempfile.TemporaryDirectory() as folder:
        for shape, served in shapes.items():
            async with opened(f"sqlite:///{Path(folder) / f'{served}.db'}", served) as db:
                within_target &= await measure("SQLite", shape, db)
            async with postgres.database(server) as url, opened(url, served) as db:
                within_target &= await measure("PostgreSQL", shape, db)
    return within_target


if __name__ == "__main__":
    if not asyncio.run(run()):
        sys.exit(f"An assignment from a long queue takes more than {TARGET} times as long.")
