"""Agent events: what an agent's client gets to know, and that it is complete and in order."""

from __future__ import annotations

from typing import Any

import pytest

from domain.routing import AgentStatus, EndedOffer, Offer, OfferOutcome, RoutingStage
from routing import agent_events
from routing.agent_status import apply_next_statuses, set_agent_status
from routing.offers import claim_offer, end_offer
from store.conversations import open_conversation
from store.database import Database
from tests.routing.event_reader import ANN, EventReader, event_readers, head_of
from tests.routing.routing_records import (
    agent,
    enqueue,
    make_offer,
    placement,
    put,
    record_placement,
    report_offer_end,
    staff,
    update_placement,
)
from tests.store.sample_records import INSTANCE, START, after, opening, snapshot


async def test_agent_gets_events_for_an_offer_its_end_and_the_contact_stages(db: Database) -> None:
    await staff(db, agent("ann"))
    await enqueue(db, "c")
    reader = await EventReader(db).start()
    offer = await make_offer(db, after(1))
    (event,) = await agent_events.events_after(db, ANN, reader.cursor)
    assert (event.kind, event.at) == ("offer", after(1))
    assert event.body == {
        "offer_id": offer.id,
        "contact_id": "c",
        "initial_contact_id": "c",
        "queue": "support",
        "workstream": "flow-1",
        "until": "2026-03-01T00:02:00.987Z",
        "claimed": False,
    }
    await report_offer_end(db, offer, OfferOutcome.ACCEPTED)
    await update_placement(db, "c", stage=RoutingStage.PARKED)
    await update_placement(db, "c", stage=RoutingStage.WORKING)
    await update_placement(db, "c", stage=RoutingStage.WRAP_UP)
    await update_placement(db, "c", stage=RoutingStage.OFF)
    assert await reader.new_events() == [
        ("offer", offer.id),
        ("offer-over", "accepted"),
        ("assigned", "working"),
        *(("state", stage) for stage in ("parked", "working", "wrap_up", "gone")),
    ]


@pytest.mark.parametrize("outcome", [OfferOutcome.REJECTED, OfferOutcome.MISSED, OfferOutcome.WITHDRAWN])
async def test_agent_gets_the_outcome_of_an_offer_that_is_not_accepted(db: Database, outcome: OfferOutcome) -> None:
    await staff(db, agent("ann"))
    await enqueue(db, "c")
    reader = await EventReader(db).start()
    offer = await make_offer(db)
    await report_offer_end(db, offer, outcome)
    assert await reader.new_events() == [("offer", offer.id), ("offer-over", outcome)]


@pytest.mark.parametrize("changes", [{"stage": RoutingStage.OFF}, {"queue": "elsewhere"}, {"contact_id": "next"}])
async def test_offer_that_ends_with_its_wait_is_reported_as_withdrawn(db: Database, changes: dict[str, Any]) -> None:
    await staff(db, agent("ann"))
    await enqueue(db, "c")
    reader = await EventReader(db).start()
    offer = await make_offer(db)
    await update_placement(db, "c", **changes)
    assert await reader.new_events() == [("offer", offer.id), ("offer-over", "withdrawn")]


async def test_revoked_claim_is_reported_once_as_withdrawn(db: Database) -> None:
    await staff(db, agent("ann"))
    await enqueue(db, "c")
    reader = await EventReader(db).start()
    offer = await claim_offer(db, "c", "ann", START)
    assert isinstance(offer, Offer)
    assert await end_offer(db, offer, OfferOutcome.WITHDRAWN, START)
    assert not await end_offer(db, offer, OfferOutcome.WITHDRAWN, START)
    assert await reader.new_events() == [("offer", offer.id), ("offer-over", "withdrawn")]


async def test_claim_of_a_parked_contact_is_reported_as_accepted(db: Database) -> None:
    """The conversation resumes without naming the offer that the claim made."""
    await staff(db, agent("ann"))
    await put(db, placement(stage=RoutingStage.PARKED, agent="ann"))
    reader = await EventReader(db).start()
    offer = await claim_offer(db, "c", "ann", START)
    assert isinstance(offer, Offer)
    (event,) = await agent_events.events_after(db, ANN, reader.cursor)
    assert event.body["claimed"] is True
    await update_placement(db, "c", stage=RoutingStage.WORKING, agent="ann")
    assert await reader.new_events() == [("offer", offer.id), ("offer-over", "accepted"), ("state", "working")]


async def test_repeated_placement_adds_no_event(db: Database) -> None:
    await staff(db, agent("ann"))
    await enqueue(db, "c")
    reader = await EventReader(db).start()
    offer = await make_offer(db)
    accepted = placement(
        revision=2,
        stage=RoutingStage.WORKING,
        agent="ann",
        ended_offers=(EndedOffer(id=offer.id, user=offer.user, outcome=OfferOutcome.ACCEPTED),),
    )
    for _ in range(3):
        await put(db, accepted)
    await update_placement(db, "c", priority=1)
    assert await reader.new_events() == [("offer", offer.id), ("offer-over", "accepted"), ("assigned", "working")]


async def test_reassigned_contact_adds_events_for_both_agents(db: Database) -> None:
    await staff(db, agent("ann"), agent("bob"))
    ann, bob = await event_readers(db)
    await put(db, placement(stage=RoutingStage.WORKING, agent="ann"))
    await update_placement(db, "c", agent="bob", contact_id="leg-2")
    await update_placement(db, "c", agent=None, contact_id="leg-3", stage=RoutingStage.QUEUED)
    assert await ann.new_events() == [("assigned", "working"), ("state", "gone")]
    assert await bob.new_events() == [("assigned", "working"), ("state", "gone")]


async def park_and_return(db: Database, bound_to: str | None = None) -> None:
    """Ann parks a contact, then its customer writes."""
    await open_conversation(db, opening())
    parked = placement(revision=2, stage=RoutingStage.PARKED, agent="ann")
    await record_placement(db, snapshot(2, placement=parked))
    back = placement(revision=3, enqueued_at=after(9), bound_to=bound_to)
    await record_placement(db, snapshot(3, placement=back))


@pytest.mark.parametrize("bound", [True, False])
async def test_return_of_a_parked_contact_is_reported_to_its_agent(db: Database, bound: bool) -> None:
    await staff(db, agent("ann"), agent("bob"))
    ann, bob = await event_readers(db)
    await park_and_return(db, bound_to="ann" if bound else None)
    await put(db, placement(revision=4, stage=RoutingStage.WORKING, agent="ann"))
    assert await ann.new_events() == [("assigned", "parked"), ("returned", bound), ("assigned", "working")]
    assert await bob.new_events() == []


@pytest.mark.parametrize("status", [AgentStatus.AWAY, AgentStatus.OFFLINE])
async def test_returned_contact_is_not_reserved_for_an_unavailable_agent(db: Database, status: AgentStatus) -> None:
    await staff(db, agent("ann"), status=status)
    reader = await EventReader(db).start()
    await park_and_return(db, bound_to="ann")
    assert await reader.new_events() == [("assigned", "parked"), ("returned", False)]


async def test_returned_contact_is_reported_gone_when_another_agent_takes_it(db: Database) -> None:
    await staff(db, agent("ann"), agent("bob"))
    ann, bob = await event_readers(db)
    await park_and_return(db)
    await put(db, placement(revision=4, enqueued_at=after(9), priority=1))
    assert await ann.new_events() == [("assigned", "parked"), ("returned", False)]
    await put(db, placement(revision=5, stage=RoutingStage.WORKING, agent="bob", contact_id="leg-2"))
    assert await ann.new_events() == [("state", "gone")]
    assert await bob.new_events() == [("assigned", "working")]
    events = await agent_events.events_after(db, ANN, ann.cursor - 1)
    assert events[-1].body["contact_id"] == "c"


async def test_every_status_change_adds_an_event(db: Database) -> None:
    await staff(db, agent("ann"))
    reader = await EventReader(db).start()
    await set_agent_status(db, INSTANCE, "ann", AgentStatus.BUSY, START)
    await set_agent_status(db, INSTANCE, "ann", AgentStatus.BUSY, START)
    await put(db, placement(stage=RoutingStage.WRAP_UP, agent="ann", wrap_up_holds_until=after(9)))
    await set_agent_status(db, INSTANCE, "ann", AgentStatus.AWAY, after(1), when_free=True)
    assert (await agent_events.events_after(db, ANN, await head_of(db) - 1))[0].body == {
        "status": "busy",
        "next_status": "away",
    }
    await apply_next_statuses(db, after(9))
    assert await reader.new_events() == [
        ("status", "busy"),
        ("assigned", "wrap_up"),
        ("status", "busy"),
        ("status", "away"),
    ]


async def test_missed_offer_limit_adds_a_status_event(db: Database) -> None:
    await staff(db, agent("ann"))
    await enqueue(db, "c1", "c2")
    reader = await EventReader(db).start()
    for _ in range(2):
        await report_offer_end(db, await make_offer(db), OfferOutcome.MISSED, missed_offer_limit=2)
    assert [kind for kind, _ in await reader.new_events()] == ["offer", "offer-over"] * 2 + ["status"]


async def test_unknown_agent_gets_no_events(db: Database) -> None:
    await put(db, placement(stage=RoutingStage.WORKING, agent="ann"))
    assert await agent_events.events_after(db, ANN, -1) == []
    assert await agent_events.event_heads(db, [ANN]) == {}
