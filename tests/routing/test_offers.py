"""Offers: which contact is offered to which agent, and how offers end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from domain.routing import AgentStatus, OfferOutcome, RoutingStage
from routing.agent_status import set_agent_status
from routing.offer_writes import write_pushed_offer
from routing.offers import (
    end_offer,
    mark_delivered,
    offer_next,
    offers_to_agent,
    overdue_offers,
    undelivered_offers,
)
from routing.records import OfferRules, RoutingMethod
from routing.selection import QueueView, first_of_each_kind, select_offer
from store import schema
from store.database import Database
from store.transaction import Transaction
from tests.routing.routing_records import (
    QUEUE,
    agent,
    agent_state,
    all_offers,
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

ROUND_ROBIN = {"flow-1": OfferRules(method=RoutingMethod.ROUND_ROBIN)}


async def test_queue_order_is_ahead_flag_then_priority_then_waiting_time(db: Database) -> None:
    await staff(db, agent("ann", 9))
    await enqueue(db, "third", "fourth")
    await put(db, placement("second", priority=1, enqueued_at=after(60)))
    await put(db, placement("last", priority=6, enqueued_at=after(-60)))
    await put(db, placement("first", ahead=True, priority=9, enqueued_at=after(90)))
    line = [conversation for conversation, _ in await all_offers(db)]
    assert line == ["first", "second", "third", "fourth", "last"]


async def test_contacts_queued_at_the_same_instant_are_ordered_by_id(db: Database) -> None:
    await staff(db, agent("ann", 9))
    for id in ("c2", "c3", "c1"):
        await put(db, placement(id))
    assert [conversation for conversation, _ in await all_offers(db)] == ["c1", "c2", "c3"]


async def test_agent_with_the_most_free_capacity_gets_the_offer(db: Database) -> None:
    await staff(db, agent("ann", 2), agent("bob", 4), agent("cid", 3))
    await enqueue(db, *(f"c{n}" for n in range(9)))
    users = [user for _, user in await all_offers(db)]
    assert users[:3] == ["bob", "cid", "bob"]
    assert sorted(users) == ["ann"] * 2 + ["bob"] * 4 + ["cid"] * 3


async def test_longest_idle_agent_wins_when_free_capacity_is_equal(db: Database) -> None:
    await staff(db, agent("ann", 2), agent("bob", 2))
    await enqueue(db, "c1", "c2", "c3")
    assert await next_offer(db, after(1)) == ("c1", "ann")
    await update_placement(db, "c1", after(2), stage=RoutingStage.OFF)
    assert await next_offer(db, after(3)) == ("c2", "bob")
    await update_placement(db, "c2", after(4), stage=RoutingStage.WORKING, agent="bob")
    await update_placement(db, "c2", after(5), stage=RoutingStage.OFF)
    assert await next_offer(db, after(6)) == ("c3", "ann")


async def test_round_robin_picks_the_agent_with_the_oldest_assignment(db: Database) -> None:
    await staff(db, agent("ann", 1), agent("bob", 9))
    await enqueue(db, "c1", "c2", "c3", "c4")
    assert await next_offer(db, after(1), ROUND_ROBIN) == ("c1", "ann")
    assert await next_offer(db, after(2), ROUND_ROBIN) == ("c2", "bob")
    await update_placement(db, "c1", after(3), stage=RoutingStage.OFF)
    assert await next_offer(db, after(4), ROUND_ROBIN) == ("c3", "ann")
    assert await next_offer(db, after(5), ROUND_ROBIN) == ("c4", "bob")


async def test_offer_carries_its_contact_agent_queue_and_times(db: Database) -> None:
    await staff(db, agent("ann"))
    await put(db, placement("c", contact_id="leg-2"))
    offer = await make_offer(db, after(3), {"flow-1": OfferRules(offer_duration=timedelta(seconds=20))})
    assert (offer.conversation_id, offer.contact_id, offer.user, offer.queue) == ("c", "leg-2", "ann", QUEUE)
    assert (offer.instance, offer.workstream) == (INSTANCE, "flow-1")
    assert (offer.offered_at, offer.until) == (after(3), after(23))
    assert await offers_to_agent(db, INSTANCE, "ann") == [offer]


@pytest.mark.parametrize(
    ("status", "is_offered"), [(status, status in ("available", "busy")) for status in AgentStatus]
)
async def test_only_available_and_busy_agents_get_offers_by_default(
    db: Database, status: AgentStatus, is_offered: bool
) -> None:
    await staff(db, agent("ann"), status=status)
    await enqueue(db, "c")
    assert (await next_offer(db) is not None) is is_offered


async def test_workstream_sets_the_allowed_agent_statuses(db: Database) -> None:
    await staff(db, agent("ann"), status=AgentStatus.AWAY)
    rules = {"urgent": OfferRules(statuses=frozenset({AgentStatus.AWAY})), "flow-1": OfferRules()}
    await enqueue(db, "c1")
    await put(db, placement("c2", workstream="urgent", enqueued_at=after(9)))
    assert await all_offers(db, START, rules) == [("c2", "ann")]


async def test_offers_never_exceed_the_agent_capacity(db: Database) -> None:
    await staff(db, agent("ann", 3, QUEUE, "other"))
    await enqueue(db, "c1", "c2", units=2)
    await put(db, placement("c3", queue="other"))
    assert await all_offers(db) == [("c1", "ann")]
    assert await next_offer(db, queue="other") == ("c3", "ann")
    assert (await agent_state(db, "ann")).load == 3
    assert await all_offers(db) == []


async def test_contact_too_large_for_all_agents_does_not_block_the_queue(db: Database) -> None:
    await staff(db, agent("ann", 2))
    await enqueue(db, "large", units=3)
    await enqueue(db, "middle", "other", units=2, priority=6)
    await enqueue(db, "small", priority=9)
    assert await all_offers(db) == [("middle", "ann")]
    await update_placement(db, "middle", stage=RoutingStage.OFF)
    await update_placement(db, "other", units=1)
    assert await all_offers(db) == [("other", "ann"), ("small", "ann")]


async def test_agent_gets_no_offers_from_queues_they_do_not_serve(db: Database) -> None:
    await staff(db, agent("ann", 1, "other"))
    await enqueue(db, "c")
    assert await next_offer(db) is None


async def test_agents_get_no_offers_from_another_instance(db: Database) -> None:
    await staff(db, agent("ann"))
    await put(db, placement("c", instance="other"))
    assert await next_offer(db) is None
    assert await offer_next(db, "other", QUEUE, {}, START) is None


async def test_contact_of_a_closed_workstream_waits_and_does_not_block_the_queue(db: Database) -> None:
    await staff(db, agent("ann", 2))
    await enqueue(db, "c1", workstream="closed")
    await enqueue(db, "c2", priority=9)
    rules = {"closed": OfferRules(open=False)}
    assert await all_offers(db, START, rules) == [("c2", "ann")]
    assert await all_offers(db) == [("c1", "ann")]


async def test_agent_gets_a_rejected_or_missed_contact_again_only_after_the_pause(db: Database) -> None:
    await staff(db, agent("ann", 2), agent("bob", 1))
    await enqueue(db, "c1", "c2")
    offer = await make_offer(db)
    assert offer.user == "ann"
    await report_offer_end(db, offer, OfferOutcome.REJECTED)
    assert await all_offers(db) == [("c1", "bob"), ("c2", "ann")]
    offers_to_bob = await offers_to_agent(db, INSTANCE, "bob")
    await report_offer_end(db, offers_to_bob[0], OfferOutcome.MISSED, after(10))
    rules = {"flow-1": OfferRules(pause=timedelta(seconds=60))}
    assert await next_offer(db, after(59), rules) is None
    assert await next_offer(db, after(60), rules) == ("c1", "ann")


async def test_contacts_rejected_by_all_free_agents_do_not_block_the_queue(db: Database) -> None:
    await staff(db, agent("ann", 1), agent("bob", 1), agent("cid", 1))
    await enqueue(db, *(f"c{n}" for n in range(6)))
    for n in range(3):
        for _ in range(3):
            offer = await make_offer(db)
            assert offer.conversation_id == f"c{n}"
            await report_offer_end(db, offer, OfferOutcome.REJECTED)
    assert [conversation for conversation, _ in await all_offers(db)] == ["c3", "c4", "c5"]


async def test_rejection_is_forgotten_when_the_contact_is_queued_again(db: Database) -> None:
    await staff(db, agent("ann"))
    await enqueue(db, "c")
    await report_offer_end(db, await make_offer(db), OfferOutcome.REJECTED)
    await update_placement(db, "c", after(1), enqueued_at=after(1))
    assert await next_offer(db, after(1)) == ("c", "ann")


async def test_offer_not_marked_as_delivered_is_found(db: Database) -> None:
    await staff(db, agent("ann", 2))
    await enqueue(db, "c1", "c2")
    first, second = await make_offer(db, after(1)), await make_offer(db, after(2))
    assert await undelivered_offers(db, after(1)) == []
    assert await undelivered_offers(db, after(2)) == [first]
    await mark_delivered(db, first)
    assert await undelivered_offers(db, after(9)) == [second]


async def test_overdue_offer_is_listed_and_can_be_revoked_once(db: Database) -> None:
    await staff(db, agent("ann"))
    await enqueue(db, "c")
    offer = await make_offer(db)
    assert await overdue_offers(db, offer.until) == []
    assert await overdue_offers(db, offer.until + timedelta(seconds=1)) == [offer]
    assert await end_offer(db, offer, OfferOutcome.MISSED, after(121)) is True
    assert await end_offer(db, offer, OfferOutcome.MISSED, after(121)) is False
    state = await agent_state(db, "ann")
    assert (state.load, state.missed_offers) == (0, 0), "a revoked offer does not count as missed"
    assert await next_offer(db, after(122)) is None
    assert await next_offer(db, after(121) + OfferRules().pause) == ("c", "ann")


async def test_agent_with_a_deferred_status_gets_no_offers(db: Database) -> None:
    await staff(db, agent("ann", 2))
    await enqueue(db, "c1")
    await report_offer_end(db, await make_offer(db), OfferOutcome.ACCEPTED)
    await enqueue(db, "c2")
    await set_agent_status(db, INSTANCE, "ann", AgentStatus.AWAY, after(1), when_free=True)
    assert await next_offer(db, after(2)) is None
    assert (await routing_row(db, "c1")) is not None


CHANGES: dict[str, Callable[[Transaction], Awaitable[Any]]] = {
    "parked": lambda connection: change_contact(connection, stage=RoutingStage.PARKED, agent="bob"),
    "transferred": lambda connection: change_contact(connection, queue="elsewhere"),
    "more units": lambda connection: change_contact(connection, units=2),
    "bound to another agent": lambda connection: change_contact(connection, bound_to="bob"),
    "agent away": lambda connection: change_agent(connection, status="away"),
    "agent has a deferred status": lambda connection: change_agent(connection, next_status="away"),
    "agent without capacity": lambda connection: change_agent(connection, capacity=0),
    "agent got another contact": lambda connection: change_agent(connection, last_assigned_at=after(1)),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_offer_is_not_made_when_contact_or_agent_changed_after_the_choice(db: Database, change: str) -> None:
    await staff(db, agent("ann"))
    await enqueue(db, "c")
    queue = QueueView(INSTANCE, QUEUE, {}, START)
    async with db.write() as connection:
        choice = await select_offer(connection, queue, await first_of_each_kind(connection, queue))
        assert choice
        await CHANGES[change](connection)
        assert await write_pushed_offer(db, connection, queue, choice) is None


async def change_contact(connection: Transaction, **values: Any) -> None:
    await connection.execute(update(schema.routing).values(**values))


async def change_agent(connection: Transaction, **values: Any) -> None:
    await connection.execute(update(schema.agents).values(**values))
