"""Claims: an agent picks or resumes a contact without an offer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from domain.refusals import RefusalCode
from domain.routing import AgentStatus, Offer, OfferOutcome, RoutingStage
from routing.agent_status import set_agent_status
from routing.offers import claim_offer, end_offer, offers_to_agent, undelivered_offers
from store.database import Database
from tests.routing.routing_records import (
    agent,
    agent_state,
    enqueue,
    make_offer,
    next_offer,
    placement,
    put,
    report_offer_end,
    routing_row,
    staff,
    update_placement,
)
from tests.store.sample_records import INSTANCE, START, after


@pytest.fixture(autouse=True)
async def two_agents(db: Database) -> None:
    await staff(db, agent("ann"), agent("bob", 1, "elsewhere"), agent("cid", 2))


async def claimed(db: Database, id: str = "c", user: str = "ann", **options: Any) -> Offer:
    offer = await claim_offer(db, id, user, START, **options)
    assert isinstance(offer, Offer), offer
    return offer


async def test_claim_reserves_the_contact_until_the_conversation_confirms(db: Database) -> None:
    await enqueue(db, "c1", "c2")
    offer = await claimed(db, "c2")
    assert await undelivered_offers(db, after(1)) == [offer]
    assert (await agent_state(db, "ann")).load == 1
    await report_offer_end(db, offer, OfferOutcome.ACCEPTED)
    row = await routing_row(db, "c2")
    assert row
    assert (row.stage, row.agent, row.offer_id) == ("working", "ann", None)


async def test_repeated_claim_returns_the_same_offer(db: Database) -> None:
    await enqueue(db, "c")
    offer = await claimed(db)
    assert await claimed(db) == offer


async def test_claim_of_an_offered_contact_returns_that_offer(db: Database) -> None:
    await staff(db, agent("ann"))
    await enqueue(db, "c")
    offer = await make_offer(db)
    assert await claimed(db) == offer


async def test_claim_of_an_assigned_contact_is_refused(db: Database) -> None:
    await enqueue(db, "offered")
    await claimed(db, "offered", "cid")
    await put(db, placement("worked on", stage=RoutingStage.WORKING, agent="cid"))
    await put(db, placement("parked", stage=RoutingStage.PARKED, agent="cid"))
    for id in ("offered", "worked on", "parked"):
        assert await claim_offer(db, id, "ann", START) is RefusalCode.TAKEN


async def test_claim_of_a_contact_that_does_not_wait_is_refused(db: Database) -> None:
    await put(db, placement("wrapped up", stage=RoutingStage.WRAP_UP, agent="ann"))
    assert await claim_offer(db, "wrapped up", "ann", START) is RefusalCode.NOT_WAITING
    assert await claim_offer(db, "unknown", "ann", START) is RefusalCode.NOT_WAITING


async def test_refused_claim_names_the_reason(db: Database) -> None:
    await enqueue(db, "c", units=2)
    assert await claim_offer(db, "c", "ann", START) is RefusalCode.NO_CAPACITY
    assert await claim_offer(db, "c", "bob", START) is RefusalCode.QUEUE_NOT_SERVED
    assert await claim_offer(db, "c", "nobody", START) is RefusalCode.UNKNOWN_AGENT
    assert await next_offer(db) == ("c", "cid")


async def test_claim_may_exceed_capacity_and_ignore_status_when_allowed(db: Database) -> None:
    await set_agent_status(db, INSTANCE, "ann", AgentStatus.OFFLINE, after(1))
    await enqueue(db, "c", units=2, bound_to="cid")
    assert await claim_offer(db, "c", "ann", START) is RefusalCode.NO_CAPACITY
    await claimed(db, "c", "ann", over_capacity=True)
    assert (await agent_state(db, "ann")).load == 2
    assert await next_offer(db) is None


async def test_claim_of_a_parked_contact_takes_capacity(db: Database) -> None:
    await put(db, placement("c1", stage=RoutingStage.PARKED, agent="ann"))
    await put(db, placement("c2", stage=RoutingStage.PARKED, agent="ann"))
    offer = await claimed(db, "c1")
    assert await claim_offer(db, "c2", "ann", START) is RefusalCode.NO_CAPACITY
    await update_placement(db, "c1", stage=RoutingStage.WORKING)
    assert (await agent_state(db, "ann")).load == 1
    assert await offers_to_agent(db, INSTANCE, "ann") == []
    assert await end_offer(db, offer, OfferOutcome.WITHDRAWN, START) is False


async def test_parked_contact_stays_parked_when_its_claim_is_withdrawn(db: Database) -> None:
    await put(db, placement(stage=RoutingStage.PARKED, agent="ann"))
    await end_offer(db, await claimed(db), OfferOutcome.WITHDRAWN, START)
    row = await routing_row(db, "c")
    assert row
    assert (row.stage, row.agent, row.holder) == ("parked", "ann", None)


async def test_concurrent_claims_of_one_contact_have_one_winner(db: Database, url: str) -> None:
    processes = [Database.open(url) for _ in range(3)]
    await staff(db, *(agent(f"a{n}") for n in range(6)))
    for round in range(5):
        await put(db, placement(f"c{round}"))
        results = await asyncio.gather(*(claim_offer(processes[n % 3], f"c{round}", f"a{n}", START) for n in range(6)))
        assert sum(isinstance(result, Offer) for result in results) == 1
        await update_placement(db, f"c{round}", stage=RoutingStage.OFF)
    await asyncio.gather(*(process.close() for process in processes))


async def test_concurrent_claims_by_one_agent_stop_at_their_capacity(db: Database, url: str) -> None:
    processes = [Database.open(url) for _ in range(3)]
    for round in range(5):
        await enqueue(db, *(ids := [f"c{round}-{n}" for n in range(6)]))
        results = await asyncio.gather(*(claim_offer(processes[n % 3], id, "cid", START) for n, id in enumerate(ids)))
        assert sum(isinstance(result, Offer) for result in results) == 2
        for id in ids:
            await update_placement(db, id, stage=RoutingStage.OFF)
    await asyncio.gather(*(process.close() for process in processes))
