"""Placements: what a conversation writes for routing, and its effect on capacity."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.routing import FOREVER, AgentStatus, EndedOffer, OfferOutcome, RoutingStage
from routing.agent_status import apply_next_statuses, set_agent_status
from routing.offers import end_offer, offers_to_agent
from routing.placement import OfferOver, write_placement
from store.database import Database
from tests.routing.routing_records import (
    agent,
    agent_state,
    enqueue,
    make_offer,
    next_offer,
    placement,
    placement_from,
    put,
    report_offer_end,
    routing_row,
    staff,
    update_placement,
)
from tests.store.sample_records import INSTANCE, START, after, count


async def load_of(db: Database, user: str = "ann", now: datetime = START) -> int:
    return (await agent_state(db, user, now)).load


async def test_placement_of_an_older_revision_changes_nothing(db: Database) -> None:
    await put(db, placement(revision=7, priority=1))
    for revision in (5, 6):
        await put(db, placement(revision=revision, priority=9))
        await put(db, placement(revision=revision, stage=RoutingStage.OFF))
    row = await routing_row(db, "c")
    assert row
    assert (row.revision, row.priority) == (7, 1)


async def test_unchanged_placement_still_advances_the_revision(db: Database) -> None:
    await put(db, placement(revision=1))
    await put(db, placement(revision=3))
    await put(db, placement(revision=2, stage=RoutingStage.PARKED))
    row = await routing_row(db, "c")
    assert row
    assert (row.revision, row.stage) == (3, "queued")


async def test_offer_survives_unrelated_placements(db: Database) -> None:
    await staff(db, agent("ann"))
    await enqueue(db, "c")
    offer = await make_offer(db)
    await update_placement(db, "c")
    await update_placement(db, "c", priority=1)
    await update_placement(db, "c", ended_offers=(EndedOffer(id="another", user="bob", outcome=OfferOutcome.REJECTED),))
    assert await offers_to_agent(db, INSTANCE, "ann") == [offer]
    assert await load_of(db) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"stage": RoutingStage.PARKED},
        {"stage": RoutingStage.OFF},
        {"queue": "elsewhere"},
        {"contact_id": "next-leg"},
        {"enqueued_at": after(5)},
    ],
    ids=["parked", "removed", "transferred", "next contact", "queued again"],
)
async def test_offer_ends_when_its_wait_ends(db: Database, changes: dict[str, Any]) -> None:
    await staff(db, agent("ann"))
    await enqueue(db, "c")
    await make_offer(db)
    await update_placement(db, "c", **changes)
    assert await offers_to_agent(db, INSTANCE, "ann") == []
    assert await load_of(db) == 0


async def test_accepted_offer_keeps_its_capacity(db: Database) -> None:
    await staff(db, agent("ann"))
    await enqueue(db, "c")
    await report_offer_end(db, await make_offer(db, after(1)), OfferOutcome.ACCEPTED, after(2))
    assert await load_of(db) == 1
    assert await offers_to_agent(db, INSTANCE, "ann") == []
    assert (await agent_state(db, "ann")).last_assigned_at == after(1)


@pytest.mark.parametrize("outcome", [OfferOutcome.MISSED, OfferOutcome.WITHDRAWN])
async def test_offer_that_routing_has_ended_cannot_be_accepted(db: Database, outcome: OfferOutcome) -> None:
    """Its capacity can be in use again."""
    await staff(db, agent("ann", capacity=1))
    await enqueue(db, "c1", "c2")
    over = await make_offer(db)
    await end_offer(db, over, outcome, after(1))
    await make_offer(db, after(2))
    with pytest.raises(OfferOver) as error:
        await report_offer_end(db, over, OfferOutcome.ACCEPTED, after(3))
    assert error.value.offer == EndedOffer(id=over.id, user="ann", outcome=outcome)
    assert await load_of(db) == 1


async def test_acceptance_can_be_written_again(db: Database) -> None:
    await staff(db, agent("ann"))
    await enqueue(db, "c")
    offer = await make_offer(db)
    for _ in range(2):
        await report_offer_end(db, offer, OfferOutcome.ACCEPTED, after(1))
    assert await load_of(db) == 1


async def test_offer_of_an_operator_is_not_known_to_routing(db: Database) -> None:
    await staff(db, agent("ann"))
    await enqueue(db, "c")
    by_hand = EndedOffer(id="by-hand", user="ann", outcome=OfferOutcome.ACCEPTED)
    await update_placement(db, "c", after(1), stage=RoutingStage.WORKING, agent="ann", ended_offers=(by_hand,))
    assert await load_of(db) == 1


@pytest.mark.parametrize("outcome", [OfferOutcome.REJECTED, OfferOutcome.MISSED, OfferOutcome.WITHDRAWN])
async def test_offer_that_is_not_accepted_frees_its_capacity(db: Database, outcome: OfferOutcome) -> None:
    await staff(db, agent("ann"))
    await enqueue(db, "c1", "c2")
    await report_offer_end(db, await make_offer(db), outcome)
    assert await load_of(db) == 0
    assert await next_offer(db) == ("c1" if outcome is OfferOutcome.WITHDRAWN else "c2", "ann")


async def test_missed_offer_counts_once_and_acceptance_resets_the_count(db: Database) -> None:
    await staff(db, agent("ann"))
    await enqueue(db, "c1", "c2", "c3")
    missed = await make_offer(db)
    for _ in range(3):
        await report_offer_end(db, missed, OfferOutcome.MISSED, missed_offer_limit=3)
    assert (await agent_state(db, "ann")).missed_offers == 1
    await report_offer_end(db, await make_offer(db), OfferOutcome.MISSED, missed_offer_limit=3)
    assert (await agent_state(db, "ann")).missed_offers == 2
    await report_offer_end(db, await make_offer(db), OfferOutcome.ACCEPTED, missed_offer_limit=3)
    state = await agent_state(db, "ann")
    assert (state.missed_offers, state.status) == (0, AgentStatus.AVAILABLE)


async def test_agent_over_the_missed_offer_limit_is_away_until_they_change_status(db: Database) -> None:
    await staff(db, agent("ann"))
    await enqueue(db, "c1", "c2", "c3")
    for second in (1, 2):
        await report_offer_end(db, await make_offer(db), OfferOutcome.MISSED, after(second), missed_offer_limit=2)
    state = await agent_state(db, "ann")
    assert (state.status, state.status_since, state.missed_offers) == (AgentStatus.AWAY, after(2), 2)
    assert await next_offer(db) is None
    await set_agent_status(db, INSTANCE, "ann", AgentStatus.AVAILABLE, after(3))
    assert (await agent_state(db, "ann")).missed_offers == 0
    assert await next_offer(db) == ("c3", "ann")


async def test_parking_frees_the_agent_at_once(db: Database) -> None:
    await staff(db, agent("ann"))
    await put(db, placement(stage=RoutingStage.WORKING, agent="ann"))
    assert await load_of(db) == 1
    await update_placement(db, "c", after(1), stage=RoutingStage.PARKED)
    assert (await load_of(db), (await agent_state(db, "ann")).idle_since) == (0, after(1))


@pytest.mark.parametrize(
    ("until", "before", "later"),
    [(FOREVER, 2, 2), (None, 0, 0), (after(30), 2, 0)],
    ids=["always", "never", "for a time"],
)
async def test_wrap_up_takes_capacity_until_its_limit(
    db: Database, until: datetime | None, before: int, later: int
) -> None:
    await staff(db, agent("ann", 2))
    await put(db, placement(stage=RoutingStage.WORKING, agent="ann", units=2))
    await enqueue(db, "next")
    await update_placement(db, "c", stage=RoutingStage.WRAP_UP, wrap_up_holds_until=until)
    assert [await load_of(db, now=after(seconds)) for seconds in (29.999, 30)] == [before, later]
    assert (await next_offer(db, after(29.999)) is None) is (before == 2)
    assert (await next_offer(db, after(30)) is None) is (before == 0 or later == 2)
    await update_placement(db, "c", stage=RoutingStage.OFF)
    assert await load_of(db, now=after(30)) == (0 if later == 2 else 1)


async def test_contacts_assigned_without_an_offer_count_and_may_exceed_the_capacity(db: Database) -> None:
    await staff(db, agent("ann"))
    await put(db, placement("c1", stage=RoutingStage.WORKING, agent="ann"), after(1))
    await put(db, placement("c2", stage=RoutingStage.WORKING, agent="ann"), after(2))
    state = await agent_state(db, "ann")
    assert (state.load, state.last_assigned_at) == (2, after(2))


async def test_reassigned_contact_moves_its_load_to_the_new_agent(db: Database) -> None:
    await staff(db, agent("ann"), agent("bob"))
    await put(db, placement(stage=RoutingStage.WORKING, agent="bob"), after(1))
    await update_placement(db, "c", after(2), agent="ann", contact_id="leg-2")
    assert [await load_of(db, user) for user in ("ann", "bob")] == [1, 0]
    assert (await agent_state(db, "bob")).idle_since == after(2)
    assert (await agent_state(db, "ann")).last_assigned_at == after(2)


async def test_deferred_status_applies_when_the_last_contact_leaves(db: Database) -> None:
    await staff(db, agent("ann", 2))
    for id in ("c1", "c2"):
        await put(db, placement(id, stage=RoutingStage.WORKING, agent="ann"))
    await set_agent_status(db, INSTANCE, "ann", AgentStatus.OFFLINE, after(1), when_free=True)
    await update_placement(db, "c1", after(2), stage=RoutingStage.OFF)
    assert (await agent_state(db, "ann")).status == AgentStatus.AVAILABLE
    await update_placement(db, "c2", after(3), stage=RoutingStage.PARKED)
    state = await agent_state(db, "ann")
    assert (state.status, state.status_since, state.next_status) == (AgentStatus.OFFLINE, after(3), None)


async def test_deferred_status_applies_when_wrap_up_stops_taking_capacity(db: Database) -> None:
    await staff(db, agent("ann"))
    await put(db, placement(stage=RoutingStage.WRAP_UP, agent="ann", wrap_up_holds_until=after(9)))
    await set_agent_status(db, INSTANCE, "ann", AgentStatus.AWAY, after(1), when_free=True)
    assert await apply_next_statuses(db, after(8)) == []
    assert await apply_next_statuses(db, after(9)) == [(INSTANCE, "ann")]
    assert (await agent_state(db, "ann")).status == AgentStatus.AWAY


async def test_offer_waits_for_an_uncommitted_assignment(db: Database, url: str) -> None:
    await staff(db, agent("ann"))
    await enqueue(db, "c")
    other = Database.open(url)
    async with db.write() as connection:
        await write_placement(db, connection, placement("assigned", stage=RoutingStage.WORKING, agent="ann"), START)
        offer_task = asyncio.create_task(next_offer(other))
        # enough time to make a wrong offer; on a slow machine the test passes without proof
        await asyncio.wait({offer_task}, timeout=0.3)
    assert await offer_task is None
    await other.close()


async def test_placements_compare_instants_in_whole_milliseconds(db: Database) -> None:
    await staff(db, agent("ann"))
    with_microseconds = START + timedelta(microseconds=789)
    await put(db, placement(enqueued_at=with_microseconds))
    offer = await make_offer(db)
    await put(db, placement(revision=2, enqueued_at=with_microseconds, priority=4))
    assert await offers_to_agent(db, INSTANCE, "ann") == [offer]


async def test_removed_contact_leaves_no_routing_rows(db: Database) -> None:
    await staff(db, agent("ann"))
    await enqueue(db, "c")
    await report_offer_end(db, await make_offer(db), OfferOutcome.MISSED)
    row = await routing_row(db, "c")
    assert row
    await put(db, placement_from(row, stage=RoutingStage.OFF))
    assert [await count(db, name) for name in ("routing", "routing_rejections", "routing_waits")] == [0, 0, 0]
