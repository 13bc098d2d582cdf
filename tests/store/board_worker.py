"""A process of its own that does with the board what workers and API processes do: `python -m tests.store.board_worker`."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from random import Random

from store.board.offers import claim, offer_next, told
from store.board.presence import set_presence
from store.board.values import Offer, Outcome, Presence, Rules, Settled, Stage
from store.database import Database
from tests.store.making import INSTANCE
from tests.store.on_board import placement, put, saying, standing

QUEUES = ("north", "south", "west")
USERS = tuple(f"a{n}" for n in range(8))
RULES = {"flow-1": Rules(pause=timedelta(milliseconds=50), patience=timedelta(milliseconds=200))}


def now() -> datetime:
    return datetime.now(UTC)


class Owner:
    """Conversations of one worker, each as its workflow would run it: it alone says what becomes of them."""

    def __init__(self, db: Database, name: str, ids: list[str]) -> None:
        self.db, self.random, self.ids = db, Random(name), ids
        self.known: dict[str, str] = {}

    async def run(self, steps: int) -> None:
        for _ in range(steps):
            happening = self.random.choices([self.proceed, self.offer, self.pick, self.appear], [6, 3, 1, 1])
            await happening[0]()

    async def offer(self) -> None:
        await offer_next(self.db, INSTANCE, self.random.choice(QUEUES), RULES, now())

    async def pick(self) -> None:
        got = await claim(self.db, self.random.choice(self.ids), self.random.choice(USERS), now())
        if isinstance(got, Offer):
            await told(self.db, got)

    async def appear(self) -> None:
        presence = self.random.choice([*Presence, *[Presence.AVAILABLE] * 5])
        user, when_free = self.random.choice(USERS), self.random.random() < 0.3
        await set_presence(self.db, INSTANCE, user, presence, now(), when_free=when_free)

    async def proceed(self) -> None:
        """A conversation begins, answers an offer, is parked, returns, is wrapped up or closed."""
        id = self.random.choice(self.ids)
        row = await standing(self.db, id)
        if row is None:
            await put(self.db, self.anew(id), now())
        elif row.offer:
            # nobody has taken the offer back or made another one meanwhile
            assert self.known.setdefault(id, row.offer.id) == row.offer.id
            outcome = self.random.choice([*Outcome, Outcome.ACCEPTED])
            takes = {"stage": Stage.WORKING, "agent": row.offer.user} if outcome is Outcome.ACCEPTED else {}
            await put(self.db, saying(row, settled=(Settled(row.offer.id, outcome),), **takes), now())
            del self.known[id]
        elif row.stage == Stage.WORKING:
            stage = self.random.choice([Stage.PARKED, Stage.WRAP_UP, None])
            await put(self.db, saying(row, stage=stage, wrap_up_holds_until=now() + timedelta(milliseconds=30)), now())
        elif row.stage == Stage.PARKED:
            returns = saying(row, stage=Stage.QUEUED, agent=None, ahead=True, enqueued_at=now(), bound_to=row.agent)
            await put(self.db, returns, now())
        elif row.stage == Stage.WRAP_UP or self.random.random() < 0.1:
            await put(self.db, saying(row, stage=None), now())
        else:
            await put(self.db, saying(row), now())

    def anew(self, id: str):
        return placement(
            id,
            queue=self.random.choice(QUEUES),
            enqueued_at=now(),
            units=self.random.choice([1, 1, 2]),
            bound_to=self.random.choice([None, None, *USERS]),
            bound_until=now() + timedelta(milliseconds=self.random.randint(0, 100)),
        )


async def live(url: str, name: str, owners: int, steps: int) -> None:
    """Several workers in this process, each with a store of its own."""
    stores = [Database.open(url, pool_size=2) for _ in range(owners)]
    people = [Owner(db, f"{name}{n}", [f"{name}{n}-{k}" for k in range(6)]) for n, db in enumerate(stores)]
    await asyncio.gather(*(owner.run(steps) for owner in people))
    await asyncio.gather(*(db.close() for db in stores))


async def drain(url: str, queue: str) -> None:
    """Offers what waits in a queue, lets it be accepted and finished, and so on until nothing is left."""
    db, random = Database.open(url), Random(queue)
    while True:
        offer = await offer_next(db, INSTANCE, queue, RULES, now())
        if offer is None:
            break
        row = await standing(db, offer.conversation_id)
        assert row
        accepted = (Settled(offer.id, Outcome.ACCEPTED),)
        await put(db, saying(row, stage=Stage.WORKING, agent=offer.user, settled=accepted), now())
        if random.random() < 0.8:
            row = await standing(db, offer.conversation_id)
            assert row
            await put(db, saying(row, stage=Stage.WRAP_UP), now())
    await db.close()


async def offer_for_ever(url: str, queue: str) -> None:
    """Once it is told to, offers and tells, and prints what was told, until it is killed."""
    db, random = Database.open(url), Random(queue)
    await standing(db, "")
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    while True:
        offer = await offer_next(db, INSTANCE, queue, RULES, now())
        if offer and random.random() < 0.5:
            await told(db, offer)
            print(offer.id, flush=True)
        # so that something is left when it is killed
        await asyncio.sleep(0.005)


if __name__ == "__main__":
    what, *args = sys.argv[1:]
    if what == "live":
        asyncio.run(live(args[0], args[1], 4, int(args[2])))
    elif what == "drain":
        asyncio.run(drain(args[0], args[1]))
    else:
        asyncio.run(offer_for_ever(args[0], args[1]))
