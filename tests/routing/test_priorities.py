"""The priority that a backend sets for a contact: it counts at once, outlives placements, and ends with the contact."""

from __future__ import annotations

import pytest

from domain.routing import RoutingStage
from routing.priorities import MAX_PRIORITY, set_priority
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
