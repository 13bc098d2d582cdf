from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from store.board.offers import offers_to
from store.board.placing import place
from store.board.presence import follow, set_presence
from store.board.values import Outcome, Presence, Settled, Stage
from store.database import Database
from store.schema import FOREVER
from tests.store.making import INSTANCE, START, after, count
from tests.store.on_board import (
    agent,
    answer,
    move,
    offer_of,
    offered,
    placement,
    put,
    saying,
    staff,
    standing,
    state_of,
    wait_in_line,
)


async def load_of(db: Database, user: str = "ann", now: datetime = START) -> int:
    return (await state_of(db, user, now)).load


async def test_an_older_word_changes_nothing(db: Database) -> None:
    await put(db, placement(revision=7, priority=1))
    for revision in (5, 6):
        await put(db, placement(revision=revision, priority=9))
        await put(db, placement(revision=revision, stage=None))
    row = await standing(db, "c")
    assert row
    assert (row.revision, row.priority) == (7, 1)


async def test_a_word_that_says_nothing_new_still_makes_older_ones_old(db: Database) -> None:
    await put(db, placement(revision=1))
    await put(db, placement(revision=3))
    await put(db, placement(revision=2, stage=Stage.PARKED))
    row = await standing(db, "c")
    assert row
    assert (row.revision, row.stage) == (3, "queued")


async def test_an_offer_stands_while_the_conversation_says_other_things(db: Database) -> None:
    await staff(db, agent("ann"))
    await wait_in_line(db, "c")
    offer = await offer_of(db)
    await move(db, "c")
    await move(db, "c", priority=1)
    await move(db, "c", settled=(Settled("another", Outcome.REJECTED),))
    assert await offers_to(db, INSTANCE, "ann") == [offer]
    assert await load_of(db) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"stage": Stage.PARKED},
        {"stage": None},
        {"queue": "elsewhere"},
        {"contact_id": "next-leg"},
        {"enqueued_at": after(5)},
    ],
    ids=["parked", "gone", "transferred", "next leg", "waits anew"],
)
async def test_an_offer_is_over_with_the_spell_of_waiting(db: Database, changes: dict[str, Any]) -> None:
    await staff(db, agent("ann"))
    await wait_in_line(db, "c")
    await offer_of(db)
    await move(db, "c", **changes)
    assert await offers_to(db, INSTANCE, "ann") == []
    assert await load_of(db) == 0


async def test_what_is_accepted_goes_on_taking_capacity(db: Database) -> None:
    await staff(db, agent("ann"))
    await wait_in_line(db, "c")
    await answer(db, await offer_of(db, after(1)), Outcome.ACCEPTED, after(2))
    assert await load_of(db) == 1
    assert await offers_to(db, INSTANCE, "ann") == []
    assert (await state_of(db, "ann")).last_assigned_at == after(1)


@pytest.mark.parametrize("outcome", [Outcome.REJECTED, Outcome.MISSED, Outcome.WITHDRAWN])
async def test_what_is_not_accepted_holds_no_place(db: Database, outcome: Outcome) -> None:
    await staff(db, agent("ann"))
    await wait_in_line(db, "c1", "c2")
    await answer(db, await offer_of(db), outcome)
    assert await load_of(db) == 0
    assert await offered(db) == ("c1" if outcome is Outcome.WITHDRAWN else "c2", "ann")


async def test_a_missed_offer_is_counted_once_and_an_accepted_one_forgets_them(db: Database) -> None:
    await staff(db, agent("ann"))
    await wait_in_line(db, "c1", "c2", "c3")
    missed = await offer_of(db)
    for _ in range(3):
        await answer(db, missed, Outcome.MISSED, miss_limit=3)
    assert (await state_of(db, "ann")).missed == 1
    await answer(db, await offer_of(db), Outcome.MISSED, miss_limit=3)
    assert (await state_of(db, "ann")).missed == 2
    await answer(db, await offer_of(db), Outcome.ACCEPTED, miss_limit=3)
    state = await state_of(db, "ann")
    assert (state.missed, state.presence) == (0, Presence.AVAILABLE)


async def test_who_misses_too_many_is_away_until_they_say_otherwise(db: Database) -> None:
    await staff(db, agent("ann"))
    await wait_in_line(db, "c1", "c2", "c3")
    for second in (1, 2):
        await answer(db, await offer_of(db), Outcome.MISSED, after(second), miss_limit=2)
    state = await state_of(db, "ann")
    assert (state.presence, state.presence_since, state.missed) == (Presence.AWAY, after(2), 2)
    assert await offered(db) is None
    await set_presence(db, INSTANCE, "ann", Presence.AVAILABLE, after(3))
    assert (await state_of(db, "ann")).missed == 0
    assert await offered(db) == ("c3", "ann")


async def test_parking_frees_at_once(db: Database) -> None:
    await staff(db, agent("ann"))
    await put(db, placement(stage=Stage.WORKING, agent="ann"))
    assert await load_of(db) == 1
    await move(db, "c", after(1), stage=Stage.PARKED)
    assert (await load_of(db), (await state_of(db, "ann")).idle_since) == (0, after(1))


@pytest.mark.parametrize(
    ("until", "before", "later"),
    [(FOREVER, 2, 2), (None, 0, 0), (after(30), 2, 0)],
    ids=["always", "never", "for a time"],
)
async def test_wrap_up_takes_capacity(db: Database, until: datetime | None, before: int, later: int) -> None:
    await staff(db, agent("ann", 2))
    await put(db, placement(stage=Stage.WORKING, agent="ann", units=2))
    await wait_in_line(db, "next")
    await move(db, "c", stage=Stage.WRAP_UP, wrap_up_holds_until=until)
    assert [await load_of(db, now=after(seconds)) for seconds in (29.999, 30)] == [before, later]
    assert (await offered(db, after(29.999)) is None) is (before == 2)
    assert (await offered(db, after(30)) is None) is (before == 0 or later == 2)
    await move(db, "c", stage=None)
    assert await load_of(db, now=after(30)) == (0 if later == 2 else 1)


async def test_what_is_given_without_an_offer_counts_too_and_may_be_too_much(db: Database) -> None:
    await staff(db, agent("ann"))
    await put(db, placement("c1", stage=Stage.WORKING, agent="ann"), after(1))
    await put(db, placement("c2", stage=Stage.WORKING, agent="ann"), after(2))
    state = await state_of(db, "ann")
    assert (state.load, state.last_assigned_at) == (2, after(2))


async def test_a_conversation_that_changes_hands_frees_one_and_takes_the_other(db: Database) -> None:
    await staff(db, agent("ann"), agent("bob"))
    await put(db, placement(stage=Stage.WORKING, agent="bob"), after(1))
    await move(db, "c", after(2), agent="ann", contact_id="leg-2")
    assert [await load_of(db, user) for user in ("ann", "bob")] == [1, 0]
    assert (await state_of(db, "bob")).idle_since == after(2)
    assert (await state_of(db, "ann")).last_assigned_at == after(2)


async def test_who_wanted_to_leave_leaves_with_the_last_conversation(db: Database) -> None:
    await staff(db, agent("ann", 2))
    for id in ("c1", "c2"):
        await put(db, placement(id, stage=Stage.WORKING, agent="ann"))
    await set_presence(db, INSTANCE, "ann", Presence.OFFLINE, after(1), when_free=True)
    await move(db, "c1", after(2), stage=None)
    assert (await state_of(db, "ann")).presence == Presence.AVAILABLE
    await move(db, "c2", after(3), stage=Stage.PARKED)
    state = await state_of(db, "ann")
    assert (state.presence, state.presence_since, state.next_presence) == (Presence.OFFLINE, after(3), None)


async def test_who_wanted_to_leave_leaves_when_wrap_up_stops_counting(db: Database) -> None:
    await staff(db, agent("ann"))
    await put(db, placement(stage=Stage.WRAP_UP, agent="ann", wrap_up_holds_until=after(9)))
    await set_presence(db, INSTANCE, "ann", Presence.AWAY, after(1), when_free=True)
    assert await follow(db, after(8)) == []
    assert await follow(db, after(9)) == [(INSTANCE, "ann")]
    assert (await state_of(db, "ann")).presence == Presence.AWAY


async def test_what_is_offered_meanwhile_sees_what_is_given(db: Database, url: str) -> None:
    await staff(db, agent("ann"))
    await wait_in_line(db, "c")
    other = Database.open(url)
    async with db.write() as connection:
        await place(db, connection, placement("given", stage=Stage.WORKING, agent="ann"), START)
        offering = asyncio.create_task(offered(other))
        # time enough to offer it; where it is not, the test finds nothing wrong
        await asyncio.wait({offering}, timeout=0.3)
    assert await offering is None
    await other.close()


async def test_instants_are_compared_as_the_store_keeps_them(db: Database) -> None:
    await staff(db, agent("ann"))
    fine = START + timedelta(microseconds=789)
    await put(db, placement(enqueued_at=fine))
    offer = await offer_of(db)
    await put(db, placement(revision=2, enqueued_at=fine, priority=4))
    assert await offers_to(db, INSTANCE, "ann") == [offer]


async def test_nothing_of_a_placement_outlives_the_write_it_stands_in(db: Database) -> None:
    await staff(db, agent("ann"))
    await wait_in_line(db, "c")
    await answer(db, await offer_of(db), Outcome.MISSED)
    row = await standing(db, "c")
    assert row
    await put(db, saying(row, stage=None))
    assert [await count(db, name) for name in ("board", "board_passes", "board_waits")] == [0, 0, 0]
