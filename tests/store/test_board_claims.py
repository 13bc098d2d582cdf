from __future__ import annotations

import asyncio
from typing import Any

import pytest

from store.board.offers import claim, offers_to, revoke, untold
from store.board.presence import set_presence
from store.board.values import Offer, Outcome, Presence, Stage
from store.database import Database
from tests.store.making import INSTANCE, START, after
from tests.store.on_board import (
    agent,
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
from workflows.refusals import RefusalCode


@pytest.fixture(autouse=True)
async def two_agents(db: Database) -> None:
    await staff(db, agent("ann"), agent("bob", 1, "elsewhere"), agent("cid", 2))


async def claimed(db: Database, id: str = "c", user: str = "ann", **ways: Any) -> Offer:
    offer = await claim(db, id, user, START, **ways)
    assert isinstance(offer, Offer), offer
    return offer


async def test_who_picks_has_it_reserved_until_the_conversation_confirms(db: Database) -> None:
    await wait_in_line(db, "c1", "c2")
    offer = await claimed(db, "c2")
    assert await untold(db, after(1)) == [offer]
    assert (await state_of(db, "ann")).load == 1
    await answer(db, offer, Outcome.ACCEPTED)
    row = await standing(db, "c2")
    assert row
    assert (row.stage, row.agent, row.offer_id) == ("working", "ann", None)


async def test_picking_again_is_the_same_pick(db: Database) -> None:
    await wait_in_line(db, "c")
    offer = await claimed(db)
    assert await claimed(db) == offer


async def test_picking_what_one_is_offered_is_that_offer(db: Database) -> None:
    await staff(db, agent("ann"))
    await wait_in_line(db, "c")
    offer = await offer_of(db)
    assert await claimed(db) == offer


async def test_what_another_has_cannot_be_picked(db: Database) -> None:
    await wait_in_line(db, "offered")
    await claimed(db, "offered", "cid")
    await put(db, placement("worked on", stage=Stage.WORKING, agent="cid"))
    await put(db, placement("parked", stage=Stage.PARKED, agent="cid"))
    for id in ("offered", "worked on", "parked"):
        assert await claim(db, id, "ann", START) is RefusalCode.TAKEN


async def test_what_no_longer_waits_cannot_be_picked(db: Database) -> None:
    await put(db, placement("wrapped up", stage=Stage.WRAP_UP, agent="ann"))
    assert await claim(db, "wrapped up", "ann", START) is RefusalCode.NOT_WAITING
    assert await claim(db, "unheard of", "ann", START) is RefusalCode.NOT_WAITING


async def test_who_cannot_have_it_is_told_why(db: Database) -> None:
    await wait_in_line(db, "c", units=2)
    assert await claim(db, "c", "ann", START) is RefusalCode.NO_CAPACITY
    assert await claim(db, "c", "bob", START) is RefusalCode.QUEUE_NOT_SERVED
    assert await claim(db, "c", "nobody", START) is RefusalCode.UNKNOWN_AGENT
    assert await offered(db) == ("c", "cid")


async def test_where_that_is_allowed_they_may_go_beyond_their_capacity_and_presence(db: Database) -> None:
    await set_presence(db, INSTANCE, "ann", Presence.OFFLINE, after(1))
    await wait_in_line(db, "c", units=2, bound_to="cid")
    assert await claim(db, "c", "ann", START) is RefusalCode.NO_CAPACITY
    await claimed(db, "c", "ann", over_capacity=True)
    assert (await state_of(db, "ann")).load == 2
    assert await offered(db) is None


async def test_resuming_takes_capacity_like_everything_else(db: Database) -> None:
    await put(db, placement("c1", stage=Stage.PARKED, agent="ann"))
    await put(db, placement("c2", stage=Stage.PARKED, agent="ann"))
    offer = await claimed(db, "c1")
    assert await claim(db, "c2", "ann", START) is RefusalCode.NO_CAPACITY
    await move(db, "c1", stage=Stage.WORKING)
    assert (await state_of(db, "ann")).load == 1
    assert await offers_to(db, INSTANCE, "ann") == []
    assert await revoke(db, offer, Outcome.WITHDRAWN, START) is False


async def test_what_is_resumed_in_vain_is_parked_again(db: Database) -> None:
    await put(db, placement(stage=Stage.PARKED, agent="ann"))
    await revoke(db, await claimed(db), Outcome.WITHDRAWN, START)
    row = await standing(db, "c")
    assert row
    assert (row.stage, row.agent, row.holder) == ("parked", "ann", None)


async def test_of_those_who_pick_at_once_one_has_it(db: Database, url: str) -> None:
    others = [Database.open(url) for _ in range(3)]
    await staff(db, *(agent(f"a{n}") for n in range(6)))
    for round in range(5):
        await put(db, placement(f"c{round}"))
        got = await asyncio.gather(*(claim(others[n % 3], f"c{round}", f"a{n}", START) for n in range(6)))
        assert sum(isinstance(answer, Offer) for answer in got) == 1
        await move(db, f"c{round}", stage=None)
    await asyncio.gather(*(other.close() for other in others))


async def test_of_what_one_picks_at_once_they_have_as_much_as_they_can_take(db: Database, url: str) -> None:
    others = [Database.open(url) for _ in range(3)]
    for round in range(5):
        await wait_in_line(db, *(ids := [f"c{round}-{n}" for n in range(6)]))
        got = await asyncio.gather(*(claim(others[n % 3], id, "cid", START) for n, id in enumerate(ids)))
        assert sum(isinstance(answer, Offer) for answer in got) == 2
        for id in ids:
            await move(db, id, stage=None)
    await asyncio.gather(*(other.close() for other in others))
