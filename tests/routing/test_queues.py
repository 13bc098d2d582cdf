"""Queues: length, order and wait times."""

from __future__ import annotations

from datetime import timedelta

from domain.routing import OfferOutcome, RoutingStage
from routing.queues import (
    average_wait,
    contacts_ahead,
    delete_waits,
    queued_contacts,
    queues_with_work,
    queues_with_work_for,
)
from routing.records import QueuedContact
from store.database import Database
from tests.routing.routing_records import (
    QUEUE,
    agent,
    enqueue,
    make_offer,
    placement,
    put,
    report_offer_end,
    staff,
    update_placement,
)
from tests.store.sample_records import INSTANCE, START, after


async def test_waiting_contacts_are_listed_in_queue_order(db: Database) -> None:
    await enqueue(db, "c1", "c2")
    await put(db, placement("c3", ahead=True, units=2, priority=1, bound_to="ann", enqueued_at=after(9)))
    await put(db, placement("busy", stage=RoutingStage.WORKING, agent="ann"))
    await put(db, placement("elsewhere", queue="elsewhere"))
    assert await queued_contacts(db, INSTANCE, QUEUE) == [
        QueuedContact("c3", "c3", "flow-1", 2, True, 1, after(9), "ann"),
        QueuedContact("c1", "c1", "flow-1", 1, False, 5, after(0), ""),
        QueuedContact("c2", "c2", "flow-1", 1, False, 5, after(1), ""),
    ]
    assert len(await queued_contacts(db, INSTANCE, QUEUE, limit=2)) == 2


async def test_position_is_the_number_of_contacts_ahead(db: Database) -> None:
    await staff(db, agent("ann"))
    await enqueue(db, "c1", "c2", "c3")
    assert [await contacts_ahead(db, id) for id in ("c1", "c2", "c3")] == [0, 1, 2]
    await make_offer(db)
    assert [await contacts_ahead(db, id) for id in ("c1", "c2", "c3", "nowhere")] == [None, 0, 1, None]


async def test_queues_with_work_are_those_with_waiting_contacts(db: Database) -> None:
    for queue in ("a", "b", "c"):
        await enqueue(db, *(f"{queue}{n}" for n in range(5)), queue=queue)
    await put(db, placement("other", instance="other", queue="a"))
    await put(db, placement("busy", queue="d", stage=RoutingStage.WORKING, agent="ann"))
    assert await queues_with_work(db) == [*((INSTANCE, queue) for queue in "abc"), ("other", "a")]


async def test_agent_queues_are_ordered_by_their_next_contact(db: Database) -> None:
    await staff(db, agent("ann", 1, "a", "b", "c", "empty"))
    for seconds, queue in enumerate("cab"):
        await enqueue(db, f"{queue}1", queue=queue, enqueued_at=after(seconds))
    await enqueue(db, "not served", queue="d")
    assert await queues_with_work_for(db, INSTANCE, "ann") == ["c", "a", "b"]
    await put(db, placement("b2", queue="b", ahead=True, enqueued_at=after(9)))
    assert await queues_with_work_for(db, INSTANCE, "ann") == ["b", "c", "a"]


async def test_average_wait_uses_the_latest_waits(db: Database) -> None:
    await staff(db, agent("ann", 9))
    assert await average_wait(db, INSTANCE, QUEUE, START) is None
    for seconds in (10, 20, 60):
        await put(db, placement(f"c{seconds}"))
        await report_offer_end(db, await make_offer(db), OfferOutcome.ACCEPTED, after(seconds))
    assert await average_wait(db, INSTANCE, QUEUE, START) == timedelta(seconds=30)
    assert await average_wait(db, INSTANCE, QUEUE, START, last=2) == timedelta(seconds=40)
    assert await average_wait(db, INSTANCE, QUEUE, after(60)) == timedelta(seconds=60)
    assert await average_wait(db, INSTANCE, QUEUE, START, at_least=4) is None
    assert await average_wait(db, INSTANCE, "elsewhere", START) is None
    await delete_waits(db, after(20))
    assert await average_wait(db, INSTANCE, QUEUE, START) == timedelta(seconds=40)


async def test_average_wait_counts_only_queued_contacts_that_were_assigned(db: Database) -> None:
    await put(db, placement("c1"))
    await update_placement(db, "c1", after(50), stage=RoutingStage.OFF)
    await put(db, placement("c2", stage=RoutingStage.WORKING, agent="ann"))
    await put(db, placement("c3", stage=RoutingStage.PARKED, agent="ann"))
    await update_placement(db, "c3", after(50), stage=RoutingStage.WORKING)
    assert await average_wait(db, INSTANCE, QUEUE, START) is None
