"""A separate process that uses routing as workers and API processes do: `python -m tests.routing.routing_process`."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from random import Random

from domain.routing import AgentStatus, EndedOffer, Offer, OfferOutcome, RoutingStage
from routing.agent_status import set_agent_status
from routing.offers import claim_offer, mark_delivered, offer_next
from routing.records import OfferRules
from store.database import Database
from tests.routing.routing_records import ROUTING_OUTCOMES, placement, placement_from, put, routing_row
from tests.store.sample_records import INSTANCE

QUEUES = ("north", "south", "west")
USERS = tuple(f"a{n}" for n in range(8))
RULES = {"flow-1": OfferRules(pause=timedelta(milliseconds=50), required_agent_timeout=timedelta(milliseconds=200))}


def now() -> datetime:
    return datetime.now(UTC)


class Worker:
    """The conversations of one worker. As in a workflow, only this worker writes their placements."""

    def __init__(self, db: Database, name: str, ids: list[str]) -> None:
        self.db, self.random, self.ids = db, Random(name), ids
        self.offer_ids: dict[str, str] = {}

    async def run(self, steps: int) -> None:
        for _ in range(steps):
            action = self.random.choices([self.advance, self.offer, self.claim, self.set_status], [6, 3, 1, 1])
            await action[0]()

    async def offer(self) -> None:
        await offer_next(self.db, INSTANCE, self.random.choice(QUEUES), RULES, now())

    async def claim(self) -> None:
        result = await claim_offer(self.db, self.random.choice(self.ids), self.random.choice(USERS), now())
        if isinstance(result, Offer):
            await mark_delivered(self.db, result)

    async def set_status(self) -> None:
        status = self.random.choice([*AgentStatus, *[AgentStatus.AVAILABLE] * 5])
        user, when_free = self.random.choice(USERS), self.random.random() < 0.3
        await set_agent_status(self.db, INSTANCE, user, status, now(), when_free=when_free)

    async def advance(self) -> None:
        """A contact is queued, ends an offer, is parked, returns, is wrapped up or closed."""
        id = self.random.choice(self.ids)
        row = await routing_row(self.db, id)
        if row is None:
            await put(self.db, self.new_placement(id), now())
        elif row.offer:
            # no other process has revoked or replaced the offer
            assert self.offer_ids.setdefault(id, row.offer.id) == row.offer.id
            outcome = self.random.choice([*ROUTING_OUTCOMES, OfferOutcome.ACCEPTED])
            assigned = (
                {"stage": RoutingStage.WORKING, "agent": row.offer.user} if outcome is OfferOutcome.ACCEPTED else {}
            )
            await put(
                self.db,
                placement_from(
                    row, ended_offers=(EndedOffer(id=row.offer.id, user=row.offer.user, outcome=outcome),), **assigned
                ),
                now(),
            )
            del self.offer_ids[id]
        elif row.stage == RoutingStage.WORKING:
            stage = self.random.choice([RoutingStage.PARKED, RoutingStage.WRAP_UP, RoutingStage.OFF])
            await put(
                self.db, placement_from(row, stage=stage, wrap_up_holds_until=now() + timedelta(milliseconds=30)), now()
            )
        elif row.stage == RoutingStage.PARKED:
            returned = placement_from(
                row, stage=RoutingStage.QUEUED, agent=None, ahead=True, enqueued_at=now(), bound_to=row.agent
            )
            await put(self.db, returned, now())
        elif row.stage == RoutingStage.WRAP_UP or self.random.random() < 0.1:
            await put(self.db, placement_from(row, stage=RoutingStage.OFF), now())
        else:
            await put(self.db, placement_from(row), now())

    def new_placement(self, id: str):
        return placement(
            id,
            queue=self.random.choice(QUEUES),
            enqueued_at=now(),
            units=self.random.choice([1, 1, 2]),
            bound_to=self.random.choice([None, None, *USERS]),
            bound_until=now() + timedelta(milliseconds=self.random.randint(0, 100)),
        )


async def run_workers(url: str, name: str, count: int, steps: int) -> None:
    """Run several workers in this process, each with its own database pool."""
    stores = [Database.open(url, pool_size=2) for _ in range(count)]
    workers = [Worker(db, f"{name}{n}", [f"{name}{n}-{k}" for k in range(6)]) for n, db in enumerate(stores)]
    await asyncio.gather(*(worker.run(steps) for worker in workers))
    await asyncio.gather(*(db.close() for db in stores))


async def drain(url: str, queue: str) -> None:
    """Offer the contacts of a queue, accept them and move most of them to wrap-up, until nothing can be offered."""
    db, random = Database.open(url), Random(queue)
    while True:
        offer = await offer_next(db, INSTANCE, queue, RULES, now())
        if offer is None:
            break
        row = await routing_row(db, offer.conversation_id)
        assert row
        accepted = (EndedOffer(id=offer.id, user=offer.user, outcome=OfferOutcome.ACCEPTED),)
        await put(db, placement_from(row, stage=RoutingStage.WORKING, agent=offer.user, ended_offers=accepted), now())
        if random.random() < 0.8:
            row = await routing_row(db, offer.conversation_id)
            assert row
            await put(db, placement_from(row, stage=RoutingStage.WRAP_UP), now())
    await db.close()


async def offer_forever(url: str, queue: str) -> None:
    """After a line on stdin, make offers, mark half of them as delivered and print their ids, until the process is killed."""
    db, random = Database.open(url), Random(queue)
    await routing_row(db, "")
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    while True:
        offer = await offer_next(db, INSTANCE, queue, RULES, now())
        if offer and random.random() < 0.5:
            await mark_delivered(db, offer)
            print(offer.id, flush=True)
        # leaves contacts in the queue when the process is killed
        await asyncio.sleep(0.005)


if __name__ == "__main__":
    command, *args = sys.argv[1:]
    if command == "run-workers":
        asyncio.run(run_workers(args[0], args[1], 4, int(args[2])))
    elif command == "drain":
        asyncio.run(drain(args[0], args[1]))
    else:
        asyncio.run(offer_forever(args[0], args[1]))
