from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from store.board.offers import revoke
from store.board.presence import set_presence
from store.board.values import Outcome, Presence, Rules, Stage
from store.database import Database
from tests.store.making import INSTANCE, after
from tests.store.on_board import (
    agent,
    all_offered,
    answer,
    move,
    offer_of,
    offered,
    placement,
    put,
    staff,
    wait_in_line,
)

RULES = {"flow-1": Rules(patience=timedelta(seconds=60), pause=timedelta(seconds=30))}
PREFERRED: dict[str, Any] = {"bound_to": "ann", "bound_until": after(40)}
REQUIRED: dict[str, Any] = {"bound_to": "ann"}
both = pytest.mark.parametrize("binding", [PREFERRED, REQUIRED], ids=["preferred", "required"])


@pytest.fixture(autouse=True)
async def two_agents(db: Database) -> None:
    await staff(db, agent("ann"), agent("bob", 3))


async def fill(db: Database, user: str = "ann") -> None:
    await put(db, placement("busy", stage=Stage.WORKING, agent=user))


@both
async def test_it_goes_to_its_agent_before_all_others(db: Database, binding: dict[str, Any]) -> None:
    await wait_in_line(db, "c1")
    await put(db, placement("c2", ahead=True, enqueued_at=after(9), **binding))
    assert await all_offered(db, after(9)) == [("c2", "ann"), ("c1", "bob")]


@both
async def test_it_waits_for_its_agent_while_others_are_free_and_blocks_nobody(
    db: Database, binding: dict[str, Any]
) -> None:
    await fill(db)
    await wait_in_line(db, "c1", **binding)
    await wait_in_line(db, "c2", priority=9)
    assert await all_offered(db, after(39), RULES) == [("c2", "bob")]
    await move(db, "busy", stage=None)
    assert await offered(db, after(39), RULES) == ("c1", "ann")


async def test_a_preference_is_over_after_its_time(db: Database) -> None:
    await fill(db)
    await wait_in_line(db, "c1", "c2", **PREFERRED)
    await wait_in_line(db, "c3", bound_to="ann", bound_until=after(50))
    assert await offered(db, after(39.999), RULES) is None
    assert await all_offered(db, after(40), RULES) == [("c1", "bob"), ("c2", "bob")]
    assert await offered(db, after(50), RULES) == ("c3", "bob")


async def test_a_requirement_is_not(db: Database) -> None:
    await fill(db)
    await wait_in_line(db, "c", **REQUIRED)
    assert await offered(db, after(10_000_000), RULES) is None


@pytest.mark.parametrize("presence", [Presence.DO_NOT_DISTURB, Presence.AWAY, Presence.OFFLINE])
async def test_a_preference_is_over_at_once_when_its_agent_is_not_there(db: Database, presence: Presence) -> None:
    await set_presence(db, INSTANCE, "ann", presence, after(1))
    await wait_in_line(db, "c", **PREFERRED)
    assert await offered(db, after(1), RULES) == ("c", "bob")


async def test_a_preference_is_over_when_its_agent_is_about_to_leave(db: Database) -> None:
    await fill(db)
    await set_presence(db, INSTANCE, "ann", Presence.AWAY, after(1), when_free=True)
    await wait_in_line(db, "c1", **PREFERRED)
    await wait_in_line(db, "c2", **REQUIRED)
    assert await all_offered(db, after(1), RULES) == [("c1", "bob")]


@pytest.mark.parametrize("presence", [Presence.AWAY, Presence.OFFLINE])
async def test_a_requirement_is_over_when_its_agent_is_gone_for_too_long(db: Database, presence: Presence) -> None:
    await set_presence(db, INSTANCE, "ann", presence, after(1))
    await wait_in_line(db, "c", **REQUIRED)
    assert await offered(db, after(60.999), RULES) is None
    assert await offered(db, after(61), RULES) == ("c", "bob")


async def test_a_requirement_holds_when_its_agent_is_back_in_time(db: Database) -> None:
    await set_presence(db, INSTANCE, "ann", Presence.AWAY, after(1))
    await wait_in_line(db, "c", **REQUIRED)
    await set_presence(db, INSTANCE, "ann", Presence.AVAILABLE, after(60))
    assert await offered(db, after(100), RULES) == ("c", "ann")


@both
@pytest.mark.parametrize("others", [["bob"], ["ann", "bob"]], ids=["gone", "serves another queue"])
async def test_it_is_over_when_its_agent_is_no_longer_there(
    db: Database, binding: dict[str, Any], others: list[str]
) -> None:
    await wait_in_line(db, "c", **binding)
    await staff(db, *(agent(user, 1, "elsewhere" if user == "ann" else "support") for user in others))
    assert await offered(db, after(1), RULES) == ("c", "bob")


@both
async def test_it_is_over_when_there_never_was_such_an_agent(db: Database, binding: dict[str, Any]) -> None:
    await wait_in_line(db, "c", **{**binding, "bound_to": "nobody"})
    assert await offered(db, after(1), RULES) is not None


async def test_a_preference_is_over_when_its_agent_passes_on_it(db: Database) -> None:
    await wait_in_line(db, "c", **PREFERRED)
    offer = await offer_of(db, after(1), RULES)
    await answer(db, offer, Outcome.REJECTED, after(2), **PREFERRED)
    await move(db, "c", after(2), priority=1, **PREFERRED)
    assert await offered(db, after(2), RULES) == ("c", "bob")


async def test_a_preference_is_over_too_when_a_missed_offer_is_taken_back(db: Database) -> None:
    await wait_in_line(db, "c", **PREFERRED)
    await revoke(db, await offer_of(db, after(1), RULES), Outcome.MISSED, after(2))
    assert await offered(db, after(2), RULES) == ("c", "bob")


async def test_a_required_agent_who_passed_is_asked_again_after_the_pause_and_others_pass_by(db: Database) -> None:
    await wait_in_line(db, "c1", "c2", **REQUIRED)
    await answer(db, await offer_of(db, after(1), RULES), Outcome.REJECTED, after(2), **REQUIRED)
    assert await offered(db, after(2), RULES) == ("c2", "ann")
    await move(db, "c2", stage=None)
    assert await offered(db, after(31), RULES) is None
    assert await offered(db, after(32), RULES) == ("c1", "ann")


async def test_a_hundred_that_are_bound_to_others_are_passed_by(db: Database) -> None:
    await fill(db)
    await wait_in_line(db, *(f"b{n:03}" for n in range(100)), **REQUIRED)
    await wait_in_line(db, "last", priority=9)
    assert await all_offered(db, after(1), RULES) == [("last", "bob")]
