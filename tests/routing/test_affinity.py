"""Affinity: a returning conversation is offered to its last agent first, or only to them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from domain.routing import AgentStatus, OfferOutcome, RoutingStage
from routing.agent_status import set_agent_status
from routing.offers import end_offer
from routing.records import OfferRules
from store.database import Database
from tests.routing.routing_records import (
    agent,
    all_offers,
    enqueue,
    make_offer,
    next_offer,
    placement,
    put,
    report_offer_end,
    staff,
    update_placement,
)
from tests.store.sample_records import INSTANCE, after

RULES = {"flow-1": OfferRules(required_agent_timeout=timedelta(seconds=60), pause=timedelta(seconds=30))}
PREFERRED: dict[str, Any] = {"bound_to": "ann", "bound_until": after(40)}
REQUIRED: dict[str, Any] = {"bound_to": "ann"}
both_kinds = pytest.mark.parametrize("binding", [PREFERRED, REQUIRED], ids=["preferred", "required"])


@pytest.fixture(autouse=True)
async def two_agents(db: Database) -> None:
    await staff(db, agent("ann"), agent("bob", 3))


async def fill(db: Database, user: str = "ann") -> None:
    await put(db, placement("busy", stage=RoutingStage.WORKING, agent=user))


@both_kinds
async def test_contact_with_affinity_goes_to_its_agent_first(db: Database, binding: dict[str, Any]) -> None:
    await enqueue(db, "c1")
    await put(db, placement("c2", ahead=True, enqueued_at=after(9), **binding))
    assert await all_offers(db, after(9)) == [("c2", "ann"), ("c1", "bob")]


@both_kinds
async def test_contact_with_affinity_waits_for_its_agent_and_blocks_no_other_contact(
    db: Database, binding: dict[str, Any]
) -> None:
    await fill(db)
    await enqueue(db, "c1", **binding)
    await enqueue(db, "c2", priority=9)
    assert await all_offers(db, after(39), RULES) == [("c2", "bob")]
    await update_placement(db, "busy", stage=RoutingStage.OFF)
    assert await next_offer(db, after(39), RULES) == ("c1", "ann")


async def test_preferred_affinity_ends_at_its_expiry(db: Database) -> None:
    await fill(db)
    await enqueue(db, "c1", "c2", **PREFERRED)
    await enqueue(db, "c3", bound_to="ann", bound_until=after(50))
    assert await next_offer(db, after(39.999), RULES) is None
    assert await all_offers(db, after(40), RULES) == [("c1", "bob"), ("c2", "bob")]
    assert await next_offer(db, after(50), RULES) == ("c3", "bob")


async def test_required_affinity_has_no_expiry(db: Database) -> None:
    await fill(db)
    await enqueue(db, "c", **REQUIRED)
    assert await next_offer(db, after(10_000_000), RULES) is None


@pytest.mark.parametrize("status", [AgentStatus.DO_NOT_DISTURB, AgentStatus.AWAY, AgentStatus.OFFLINE])
async def test_preferred_affinity_ends_at_once_when_the_agent_status_is_not_allowed(
    db: Database, status: AgentStatus
) -> None:
    await set_agent_status(db, INSTANCE, "ann", status, after(1))
    await enqueue(db, "c", **PREFERRED)
    assert await next_offer(db, after(1), RULES) == ("c", "bob")


async def test_preferred_affinity_ends_when_the_agent_has_a_deferred_status(db: Database) -> None:
    await fill(db)
    await set_agent_status(db, INSTANCE, "ann", AgentStatus.AWAY, after(1), when_free=True)
    await enqueue(db, "c1", **PREFERRED)
    await enqueue(db, "c2", **REQUIRED)
    assert await all_offers(db, after(1), RULES) == [("c1", "bob")]


@pytest.mark.parametrize("status", [AgentStatus.AWAY, AgentStatus.OFFLINE])
async def test_required_affinity_ends_when_the_agent_is_unavailable_beyond_the_patience(
    db: Database, status: AgentStatus
) -> None:
    await set_agent_status(db, INSTANCE, "ann", status, after(1))
    await enqueue(db, "c", **REQUIRED)
    assert await next_offer(db, after(60.999), RULES) is None
    assert await next_offer(db, after(61), RULES) == ("c", "bob")


async def test_required_affinity_holds_when_the_agent_returns_in_time(db: Database) -> None:
    await set_agent_status(db, INSTANCE, "ann", AgentStatus.AWAY, after(1))
    await enqueue(db, "c", **REQUIRED)
    await set_agent_status(db, INSTANCE, "ann", AgentStatus.AVAILABLE, after(60))
    assert await next_offer(db, after(100), RULES) == ("c", "ann")


@both_kinds
@pytest.mark.parametrize("others", [["bob"], ["ann", "bob"]], ids=["agent removed", "agent serves another queue"])
async def test_affinity_ends_when_the_agent_no_longer_serves_the_queue(
    db: Database, binding: dict[str, Any], others: list[str]
) -> None:
    await enqueue(db, "c", **binding)
    await staff(db, *(agent(user, 1, "elsewhere" if user == "ann" else "support") for user in others))
    assert await next_offer(db, after(1), RULES) == ("c", "bob")


@both_kinds
async def test_affinity_to_an_unknown_agent_has_no_effect(db: Database, binding: dict[str, Any]) -> None:
    await enqueue(db, "c", **{**binding, "bound_to": "nobody"})
    assert await next_offer(db, after(1), RULES) is not None


async def test_preferred_affinity_ends_when_the_agent_rejects_the_offer(db: Database) -> None:
    await enqueue(db, "c", **PREFERRED)
    offer = await make_offer(db, after(1), RULES)
    await report_offer_end(db, offer, OfferOutcome.REJECTED, after(2), **PREFERRED)
    await update_placement(db, "c", after(2), priority=1, **PREFERRED)
    assert await next_offer(db, after(2), RULES) == ("c", "bob")


async def test_preferred_affinity_ends_when_a_missed_offer_is_revoked(db: Database) -> None:
    await enqueue(db, "c", **PREFERRED)
    await end_offer(db, await make_offer(db, after(1), RULES), OfferOutcome.MISSED, after(2))
    assert await next_offer(db, after(2), RULES) == ("c", "bob")


async def test_required_agent_gets_a_rejected_contact_again_after_the_pause(db: Database) -> None:
    await enqueue(db, "c1", "c2", **REQUIRED)
    await report_offer_end(db, await make_offer(db, after(1), RULES), OfferOutcome.REJECTED, after(2), **REQUIRED)
    assert await next_offer(db, after(2), RULES) == ("c2", "ann")
    await update_placement(db, "c2", stage=RoutingStage.OFF)
    assert await next_offer(db, after(31), RULES) is None
    assert await next_offer(db, after(32), RULES) == ("c1", "ann")


async def test_contact_is_offered_behind_a_hundred_bound_contacts(db: Database) -> None:
    await fill(db)
    await enqueue(db, *(f"b{n:03}" for n in range(100)), **REQUIRED)
    await enqueue(db, "last", priority=9)
    assert await all_offers(db, after(1), RULES) == [("last", "bob")]
