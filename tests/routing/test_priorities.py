"""What a backend sets for the place of a contact: it counts at once, outlives placements, and ends with the contact."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.routing import RoutingStage
from routing.priorities import MAX_PRIORITY, adjust_wait, set_priority
from routing.queues import contacts_ahead, queued_contacts
from store.database import Database
from tests.routing.routing_records import (
    QUEUE,
    agent,
    enqueue,
    next_offer,
    placement,
    put,
    routing_row,
    staff,
    update_placement,
)
from tests.store.sample_records import INSTANCE


async def order(db: Database) -> list[tuple[str, int]]:
    return [(contact.conversation_id, contact.priority) for contact in await queued_contacts(db, INSTANCE, QUEUE)]


async def test_contact_moves_in_its_queue(db: Database) -> None:
    await enqueue(db, "a", "b", "c")
    assert await set_priority(db, "c", "c", 1) == (INSTANCE, QUEUE)
    assert await order(db) == [("c", 1), ("a", 5), ("b", 5)]
    assert await contacts_ahead(db, "a") == 1
    await set_priority(db, "c", "c", 9)
    assert await order(db) == [("a", 5), ("b", 5), ("c", 9)]
    await staff(db, agent("ann", 3))
    await set_priority(db, "b", "b", 2)
    assert await next_offer(db) == ("b", "ann")


@pytest.mark.parametrize("stage", [RoutingStage.QUEUED, RoutingStage.PARKED])
async def test_later_placements_of_the_contact_keep_it(db: Database, stage: RoutingStage) -> None:
    await put(db, placement())
    await set_priority(db, "c", "c", 2)
    await update_placement(db, "c", stage=stage, priority=5)
    row = await routing_row(db, "c")
    assert row
    assert (row.stage, row.priority, row.set_priority) == (stage, 2, 2)


async def test_next_contact_has_the_priority_of_its_placement(db: Database) -> None:
    await put(db, placement())
    await set_priority(db, "c", "c", 2)
    await update_placement(db, "c", contact_id="c-2", priority=7)
    row = await routing_row(db, "c")
    assert row
    assert (row.priority, row.set_priority) == (7, None)
    assert await set_priority(db, "c", "c", 3) is None


async def test_contact_without_a_place_has_none(db: Database) -> None:
    assert await set_priority(db, "nothing", "nothing", 1) is None


async def test_greatest_priority_is_that_of_the_store(db: Database) -> None:
    await put(db, placement())
    await set_priority(db, "c", "c", 2**62)
    assert await order(db) == [("c", MAX_PRIORITY)]


async def test_adjusted_wait_moves_a_contact_among_those_of_its_priority(db: Database) -> None:
    await enqueue(db, "a", "b", "c")  # a second apart
    assert await adjust_wait(db, "c", "c", 1) == (INSTANCE, QUEUE)
    assert [id for id, _ in await order(db)] == ["a", "b", "c"]
    await adjust_wait(db, "c", "c", 60)
    assert [id for id, _ in await order(db)] == ["c", "a", "b"]
    assert await contacts_ahead(db, "a") == 1
    await adjust_wait(db, "c", "c", -60)
    await adjust_wait(db, "b", "b", 60)
    assert [id for id, _ in await order(db)] == ["b", "a", "c"]
    await set_priority(db, "a", "a", 1)
    assert [id for id, _ in await order(db)] == ["a", "b", "c"]
    await staff(db, agent("ann", 3))
    assert [await next_offer(db) for _ in range(3)] == [("a", "ann"), ("b", "ann"), ("c", "ann")]


async def test_adjustment_stays_with_the_contact_and_leaves_its_wait_as_it_is(db: Database) -> None:
    await put(db, placement())
    before = await routing_row(db, "c")
    assert before
    await adjust_wait(db, "c", "c", 90)
    await update_placement(db, "c", stage=RoutingStage.PARKED)
    row = await routing_row(db, "c")
    assert row
    assert (row.time_adjustment, row.enqueued_at) == (90, before.enqueued_at)
    assert row.enqueued_at - row.queued_since == timedelta(seconds=90)
    await update_placement(db, "c", contact_id="c-2")
    row = await routing_row(db, "c")
    assert row
    assert (row.time_adjustment, row.queued_since) == (0, row.enqueued_at)
    assert await adjust_wait(db, "c", "c", 1) is None


@pytest.mark.parametrize("seconds", [2**31 - 1, -(2**31)])
async def test_largest_adjustments_can_be_stored(db: Database, seconds: int) -> None:
    await enqueue(db, "a", "b")
    await adjust_wait(db, "b", "b", seconds)
    assert [id for id, _ in await order(db)] == (["b", "a"] if seconds > 0 else ["a", "b"])
