from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import schema
from store.board.offers import offer_next, offers_to, overdue, revoke, told, untold
from store.board.presence import set_presence
from store.board.reserving import push
from store.board.routing import Queue, choose, heads
from store.board.values import Method, Outcome, Presence, Rules, Stage
from store.database import Database
from tests.store.making import INSTANCE, START, after
from tests.store.on_board import (
    QUEUE,
    agent,
    all_offered,
    answer,
    move,
    offer_of,
    offered,
    placement,
    put,
    staff,
    standing,
    state_of,
    wait_in_line,
)

ROBIN = {"flow-1": Rules(method=Method.ROUND_ROBIN)}


async def test_who_is_ahead_goes_first_then_priority_then_who_waits_the_longest(db: Database) -> None:
    await staff(db, agent("ann", 9))
    await wait_in_line(db, "third", "fourth")
    await put(db, placement("second", priority=1, enqueued_at=after(60)))
    await put(db, placement("last", priority=6, enqueued_at=after(-60)))
    await put(db, placement("first", ahead=True, priority=9, enqueued_at=after(90)))
    line = [conversation for conversation, _ in await all_offered(db)]
    assert line == ["first", "second", "third", "fourth", "last"]


async def test_those_of_one_instant_come_in_one_order(db: Database) -> None:
    await staff(db, agent("ann", 9))
    for id in ("c2", "c3", "c1"):
        await put(db, placement(id))
    assert [conversation for conversation, _ in await all_offered(db)] == ["c1", "c2", "c3"]


async def test_the_agent_with_the_most_free_capacity_is_offered_it(db: Database) -> None:
    await staff(db, agent("ann", 2), agent("bob", 4), agent("cid", 3))
    await wait_in_line(db, *(f"c{n}" for n in range(9)))
    users = [user for _, user in await all_offered(db)]
    assert users[:3] == ["bob", "cid", "bob"]
    assert sorted(users) == ["ann"] * 2 + ["bob"] * 4 + ["cid"] * 3


async def test_of_those_with_as_much_the_longest_idle_is_offered_it(db: Database) -> None:
    await staff(db, agent("ann", 2), agent("bob", 2))
    await wait_in_line(db, "c1", "c2", "c3")
    assert await offered(db, after(1)) == ("c1", "ann")
    await move(db, "c1", after(2), stage=None)
    assert await offered(db, after(3)) == ("c2", "bob")
    await move(db, "c2", after(4), stage=Stage.WORKING, agent="bob")
    await move(db, "c2", after(5), stage=None)
    assert await offered(db, after(6)) == ("c3", "ann")


async def test_in_turn_it_is_whose_last_assignment_is_the_longest_ago(db: Database) -> None:
    await staff(db, agent("ann", 1), agent("bob", 9))
    await wait_in_line(db, "c1", "c2", "c3", "c4")
    assert await offered(db, after(1), ROBIN) == ("c1", "ann")
    assert await offered(db, after(2), ROBIN) == ("c2", "bob")
    await move(db, "c1", after(3), stage=None)
    assert await offered(db, after(4), ROBIN) == ("c3", "ann")
    assert await offered(db, after(5), ROBIN) == ("c4", "bob")


async def test_an_offer_says_what_it_is(db: Database) -> None:
    await staff(db, agent("ann"))
    await put(db, placement("c", contact_id="leg-2"))
    offer = await offer_of(db, after(3), {"flow-1": Rules(offer_for=timedelta(seconds=20))})
    assert (offer.conversation_id, offer.contact_id, offer.user, offer.queue) == ("c", "leg-2", "ann", QUEUE)
    assert (offer.instance, offer.workstream) == (INSTANCE, "flow-1")
    assert (offer.offered_at, offer.until) == (after(3), after(23))
    assert await offers_to(db, INSTANCE, "ann") == [offer]


@pytest.mark.parametrize(
    ("presence", "is_offered"), [(presence, presence in ("available", "busy")) for presence in Presence]
)
async def test_a_presence_is_offered_or_not(db: Database, presence: Presence, is_offered: bool) -> None:
    await staff(db, agent("ann"), presence=presence)
    await wait_in_line(db, "c")
    assert (await offered(db) is not None) is is_offered


async def test_each_workstream_says_which_presences_it_is_offered_to(db: Database) -> None:
    await staff(db, agent("ann"), presence=Presence.AWAY)
    rules = {"urgent": Rules(presences=frozenset({Presence.AWAY})), "flow-1": Rules()}
    await wait_in_line(db, "c1")
    await put(db, placement("c2", workstream="urgent", enqueued_at=after(9)))
    assert await all_offered(db, START, rules) == [("c2", "ann")]


async def test_nobody_has_more_than_their_capacity(db: Database) -> None:
    await staff(db, agent("ann", 3, QUEUE, "other"))
    await wait_in_line(db, "c1", "c2", units=2)
    await put(db, placement("c3", queue="other"))
    assert await all_offered(db) == [("c1", "ann")]
    assert await offered(db, queue="other") == ("c3", "ann")
    assert (await state_of(db, "ann")).load == 3
    assert await all_offered(db) == []


async def test_what_is_too_large_for_everybody_blocks_nobody(db: Database) -> None:
    await staff(db, agent("ann", 2))
    await wait_in_line(db, "large", units=3)
    await wait_in_line(db, "middle", "other", units=2, priority=6)
    await wait_in_line(db, "small", priority=9)
    assert await all_offered(db) == [("middle", "ann")]
    await move(db, "middle", stage=None)
    await move(db, "other", units=1)
    assert await all_offered(db) == [("other", "ann"), ("small", "ann")]


async def test_who_does_not_serve_a_queue_is_not_offered_from_it(db: Database) -> None:
    await staff(db, agent("ann", 1, "other"))
    await wait_in_line(db, "c")
    assert await offered(db) is None


async def test_instances_share_nothing(db: Database) -> None:
    await staff(db, agent("ann"))
    await put(db, placement("c", instance="other"))
    assert await offered(db) is None
    assert await offer_next(db, "other", QUEUE, {}, START) is None


async def test_a_closed_workstream_waits_and_blocks_nobody(db: Database) -> None:
    await staff(db, agent("ann", 2))
    await wait_in_line(db, "c1", workstream="closed")
    await wait_in_line(db, "c2", priority=9)
    rules = {"closed": Rules(open=False)}
    assert await all_offered(db, START, rules) == [("c2", "ann")]
    assert await all_offered(db) == [("c1", "ann")]


async def test_who_passed_on_it_is_not_offered_it_again_before_the_pause_is_over(db: Database) -> None:
    await staff(db, agent("ann", 2), agent("bob", 1))
    await wait_in_line(db, "c1", "c2")
    offer = await offer_of(db)
    assert offer.user == "ann"
    await answer(db, offer, Outcome.REJECTED)
    assert await all_offered(db) == [("c1", "bob"), ("c2", "ann")]
    bob_s = await offers_to(db, INSTANCE, "bob")
    await answer(db, bob_s[0], Outcome.MISSED, after(10))
    rules = {"flow-1": Rules(pause=timedelta(seconds=60))}
    assert await offered(db, after(59), rules) is None
    assert await offered(db, after(60), rules) == ("c1", "ann")


async def test_what_everybody_free_has_passed_on_blocks_nobody(db: Database) -> None:
    await staff(db, agent("ann", 1), agent("bob", 1), agent("cid", 1))
    await wait_in_line(db, *(f"c{n}" for n in range(6)))
    for n in range(3):
        for _ in range(3):
            offer = await offer_of(db)
            assert offer.conversation_id == f"c{n}"
            await answer(db, offer, Outcome.REJECTED)
    assert [conversation for conversation, _ in await all_offered(db)] == ["c3", "c4", "c5"]


async def test_passes_are_forgotten_with_the_spell_of_waiting(db: Database) -> None:
    await staff(db, agent("ann"))
    await wait_in_line(db, "c")
    await answer(db, await offer_of(db), Outcome.REJECTED)
    await move(db, "c", after(1), enqueued_at=after(1))
    assert await offered(db, after(1)) == ("c", "ann")


async def test_an_offer_that_nobody_was_told_of_is_found(db: Database) -> None:
    await staff(db, agent("ann", 2))
    await wait_in_line(db, "c1", "c2")
    first, second = await offer_of(db, after(1)), await offer_of(db, after(2))
    assert await untold(db, after(1)) == []
    assert await untold(db, after(2)) == [first]
    await told(db, first)
    assert await untold(db, after(9)) == [second]


async def test_an_offer_that_nobody_ended_is_found_and_taken_back(db: Database) -> None:
    await staff(db, agent("ann"))
    await wait_in_line(db, "c")
    offer = await offer_of(db)
    assert await overdue(db, offer.until) == []
    assert await overdue(db, offer.until + timedelta(seconds=1)) == [offer]
    assert await revoke(db, offer, Outcome.MISSED, after(121)) is True
    assert await revoke(db, offer, Outcome.MISSED, after(121)) is False
    state = await state_of(db, "ann")
    assert (state.load, state.missed) == (0, 0), "nobody knows whose fault it was"
    assert await offered(db, after(122)) is None
    assert await offered(db, after(121) + Rules().pause) == ("c", "ann")


async def test_who_is_about_to_leave_is_offered_nothing_more(db: Database) -> None:
    await staff(db, agent("ann", 2))
    await wait_in_line(db, "c1")
    await answer(db, await offer_of(db), Outcome.ACCEPTED)
    await wait_in_line(db, "c2")
    await set_presence(db, INSTANCE, "ann", Presence.AWAY, after(1), when_free=True)
    assert await offered(db, after(2)) is None
    assert (await standing(db, "c1")) is not None


CHANGES: dict[str, Callable[[AsyncConnection], Awaitable[Any]]] = {
    "parked": lambda connection: says(connection, stage=Stage.PARKED, agent="bob"),
    "transferred": lambda connection: says(connection, queue="elsewhere"),
    "larger": lambda connection: says(connection, units=2),
    "bound to another": lambda connection: says(connection, bound_to="bob"),
    "its agent is away": lambda connection: changes_ann(connection, presence="away"),
    "its agent is leaving": lambda connection: changes_ann(connection, next_presence="away"),
    "its agent can take less": lambda connection: changes_ann(connection, capacity=0),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_what_changes_after_it_was_chosen_is_not_offered(db: Database, change: str) -> None:
    await staff(db, agent("ann"))
    await wait_in_line(db, "c")
    queue = Queue(INSTANCE, QUEUE, {}, START)
    async with db.write() as connection:
        choice = await choose(connection, queue, await heads(connection, queue))
        assert choice
        await CHANGES[change](connection)
        assert await push(db, connection, queue, choice) is None


async def says(connection: AsyncConnection, **values: Any) -> None:
    await connection.execute(update(schema.board).values(**values))


async def changes_ann(connection: AsyncConnection, **values: Any) -> None:
    await connection.execute(update(schema.agents).values(**values))
