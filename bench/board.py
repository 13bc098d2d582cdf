"""The board with 1,000 agents and 100 queues: assignments per second, and what the length of a queue costs.

Two shapes of staff: every agent serves ten queues, and the worst case, every agent serves every queue. In both, nine agents of
ten are full, all others have room for one. An assignment is one offer; what it takes to accept it, to finish it and to fill
the queue again is not measured. For the cost of length, a queue with ten conversations and one with ten thousand are asked in
turn, so that whatever else the machine does hits both.
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

from store import schema
from store.board.agents import configure
from store.board.offers import offer_next
from store.board.placing import place
from store.board.values import Agent, Offer, Placement, Presence
from store.database import Database
from store.migrate import migrate
from tests import postgres

AGENTS, QUEUES, SERVED = 1_000, 100, 10
CAPACITY = 4
FULL_IN_TEN = 9
"""Of ten agents as many work on four conversations already, the others on three."""
WAITING = 20
"""Conversations that wait in each queue."""
SHORT, LONG = 10, 10_000
ROUNDS = 200
WORKERS = 8
TARGET = 2.0
START = datetime(2026, 1, 1, tzinfo=UTC)
INSTANCE = "demo"
_numbers = count(1)


def staff(served: int) -> list[Agent]:
    """Agents who each serve that many queues; all of them serve the two queues that differ in length."""
    return [
        Agent(
            f"a{n:04}",
            f"Agent {n}",
            CAPACITY,
            frozenset({f"q{(n + k) % QUEUES}" for k in range(served)} | {"short", "long"}),
        )
        for n in range(AGENTS)
    ]


def waiting(queue: str) -> dict[str, Any]:
    """A row of one more conversation, behind all others of its queue."""
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
        "told": False,
        **values,
    }


def working(user: str, conversations: int) -> Iterable[dict[str, Any]]:
    """Rows of what an agent works on."""
    for _ in range(conversations):
        yield _row(next(_numbers), "q0", stage="working", agent=user, holder=user, holds_until=schema.FOREVER)


async def fill(db: Database, served: int) -> None:
    """Puts everything on the board."""
    agents = staff(served)
    await configure(db, INSTANCE, agents, START)
    rows = [waiting(f"q{queue}") for queue in range(QUEUES) for _ in range(WAITING)]
    rows += [waiting("short") for _ in range(SHORT)] + [waiting("long") for _ in range(LONG)]
    for n, agent in enumerate(agents):
        rows += working(agent.user, CAPACITY if n % 10 < FULL_IN_TEN else CAPACITY - 1)
    async with db.write() as connection:
        await connection.execute(update(schema.agents).values(presence=Presence.AVAILABLE))
        await connection.execute(insert(schema.board), rows)
        if db.is_postgres:
            # the server does so itself about a minute after so much was written
            await connection.execute(text("ANALYZE"))


async def undo(db: Database, offer: Offer) -> None:
    """Takes an assigned conversation off the board and puts another one into its queue."""
    over = Placement(
        conversation_id=offer.conversation_id,
        revision=2,
        instance=INSTANCE,
        queue=offer.queue,
        workstream=offer.workstream,
        contact_id=offer.contact_id,
        stage=None,
        enqueued_at=START,
    )
    async with db.write() as connection:
        await place(db, connection, over, START)
        await connection.execute(insert(schema.board), [waiting(offer.queue)])


async def assign(db: Database, queue: str) -> float:
    """The seconds of one assignment."""
    began = perf_counter()
    offer = await offer_next(db, INSTANCE, queue, {}, START)
    took = perf_counter() - began
    assert offer, queue
    await undo(db, offer)
    return took


async def by_length(db: Database) -> tuple[float, float]:
    """The median seconds of an assignment from the short queue and from the long one."""
    short: list[float] = []
    long: list[float] = []
    for n in range(ROUNDS):
        # each is first half of the time
        for queue, seconds in sorted([("short", short), ("long", long)], reverse=bool(n % 2)):
            seconds.append(await assign(db, queue))
    return median(short), median(long)


async def one_after_the_other(db: Database) -> float:
    """The median seconds of an assignment from any of the queues."""
    return median([await assign(db, f"q{n % QUEUES}") for n in range(ROUNDS)])


async def at_once(db: Database) -> float:
    """Assignments per second of several workers, each for queues of its own."""

    async def work(which: int) -> list[Offer | None]:
        return [await offer_next(db, INSTANCE, f"q{queue}", {}, START) for queue in range(which, QUEUES, WORKERS)]

    began = perf_counter()
    made = await asyncio.gather(*(work(n) for n in range(WORKERS)))
    took = perf_counter() - began
    offers = [offer for some in made for offer in some if offer]
    for offer in offers:
        await undo(db, offer)
    return len(offers) / took


async def measure(backend: str, shape: str, db: Database) -> bool:
    """Prints a line of the table; whether it is within the target."""
    for queue in ("short", "long"):
        await assign(db, queue)
    one = await one_after_the_other(db)
    many = median([await at_once(db) for _ in range(5)])
    short, long = await by_length(db)
    line = f"{1 / one:>12.0f} /s{many:>12.0f} /s{short * 1_000:>13.2f} ms{long * 1_000:>13.2f} ms{long / short:>8.2f}"
    print(f"{backend:<12}{shape:<12}{line}", flush=True)
    return long / short <= TARGET


@asynccontextmanager
async def opened(url: str, served: int) -> AsyncGenerator[Database]:
    """A store with everything in it."""
    db = Database.open(url)
    try:
        await migrate(db)
        await fill(db, served)
        yield db
    finally:
        await db.close()


async def run() -> bool:
    """Measures on both backends; whether all is within the target."""
    print(
        f"Assignments with {AGENTS:,} agents and {QUEUES} queues, and from a queue of {SHORT} or of {LONG:,}; medians.\n"
    )
    print(
        f"{'backend':<12}{'served':<12}{'one by one':>15}{f'{WORKERS} at once':>15}{SHORT:>16}{LONG:>16,}{'ratio':>8}"
    )
    good = True
    shapes = {f"{SERVED} queues": SERVED, "all queues": QUEUES}
    with postgres.server() as server, tempfile.TemporaryDirectory() as folder:
        for shape, served in shapes.items():
            async with opened(f"sqlite:///{Path(folder) / f'{served}.db'}", served) as db:
                good &= await measure("SQLite", shape, db)
            async with postgres.database(server) as url, opened(url, served) as db:
                good &= await measure("PostgreSQL", shape, db)
    return good


if __name__ == "__main__":
    if not asyncio.run(run()):
        sys.exit(f"An assignment from a long queue takes more than {TARGET} times as long.")
