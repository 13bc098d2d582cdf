"""What agents are told: in the order in which it happens, without gaps, and where to go on."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from store.board import absence, desk
from store.board.agents import configure
from store.board.desk import AgentId
from store.board.offers import claim, revoke
from store.board.presence import follow, set_presence
from store.board.values import Offer, Outcome, Presence, Settled, Stage
from store.connections import add_connection, mark_disconnected
from store.conversations import open_conversation, record
from store.database import Database
from tests.store.making import INSTANCE, START, after, facts, opening
from tests.store.on_board import agent, answer, move, offer_of, offered, placement, put, staff, state_of, wait_in_line

ANN, BOB = AgentId(INSTANCE, "ann"), AgentId(INSTANCE, "bob")
ANNS_DESK = "/".join(ANN)


async def head_of(db: Database, who: AgentId = ANN) -> int:
    return (await desk.heads(db, [who]))[who].seq


class Ear:
    """Hears what an agent is told from now on."""

    def __init__(self, db: Database, who: AgentId = ANN) -> None:
        self._db, self._who, self.cursor = db, who, -1

    async def start(self) -> Ear:
        self.cursor = await head_of(self._db, self._who)
        return self

    async def news(self) -> list[tuple[str, Any]]:
        """Kinds and what matters most about each, since the last time; numbers must follow each other."""
        events = await desk.events(self._db, self._who, self.cursor)
        assert [event.seq for event in events] == [self.cursor + 1 + i for i in range(len(events))]
        self.cursor = events[-1].seq if events else self.cursor
        names = ("outcome", "stage", "bound", "presence", "offer_id")
        return [(event.kind, next(event.body[name] for name in names if name in event.body)) for event in events]


async def ears(db: Database) -> tuple[Ear, Ear]:
    return await Ear(db).start(), await Ear(db, BOB).start()


async def test_an_offer_its_end_and_what_becomes_of_it(db: Database) -> None:
    await staff(db, agent("ann"))
    await wait_in_line(db, "c")
    ear = await Ear(db).start()
    offer = await offer_of(db, after(1))
    (event,) = await desk.events(db, ANN, ear.cursor)
    assert (event.kind, event.at) == ("offer", after(1))
    assert event.body == {
        "offer_id": offer.id,
        "contact_id": "c",
        "initial_contact_id": "c",
        "queue": "support",
        "workstream": "flow-1",
        "until": "2026-03-01T00:02:00.987Z",
        "claimed": False,
    }
    await answer(db, offer, Outcome.ACCEPTED)
    await move(db, "c", stage=Stage.PARKED)
    await move(db, "c", stage=Stage.WORKING)
    await move(db, "c", stage=Stage.WRAP_UP)
    await move(db, "c", stage=None)
    assert await ear.news() == [
        ("offer", offer.id),
        ("offer-over", "accepted"),
        ("assigned", "working"),
        *(("state", stage) for stage in ("parked", "working", "wrap_up", "gone")),
    ]


@pytest.mark.parametrize("outcome", [Outcome.REJECTED, Outcome.MISSED, Outcome.WITHDRAWN])
async def test_an_offer_that_is_not_accepted(db: Database, outcome: Outcome) -> None:
    await staff(db, agent("ann"))
    await wait_in_line(db, "c")
    ear = await Ear(db).start()
    offer = await offer_of(db)
    await answer(db, offer, outcome)
    assert await ear.news() == [("offer", offer.id), ("offer-over", outcome)]


@pytest.mark.parametrize("changes", [{"stage": None}, {"queue": "elsewhere"}, {"contact_id": "next"}])
async def test_an_offer_that_is_over_with_the_waiting(db: Database, changes: dict[str, Any]) -> None:
    await staff(db, agent("ann"))
    await wait_in_line(db, "c")
    ear = await Ear(db).start()
    offer = await offer_of(db)
    await move(db, "c", **changes)
    assert await ear.news() == [("offer", offer.id), ("offer-over", "withdrawn")]


async def test_an_offer_that_the_board_takes_back_and_one_that_is_claimed(db: Database) -> None:
    await staff(db, agent("ann"))
    await wait_in_line(db, "c")
    ear = await Ear(db).start()
    offer = await claim(db, "c", "ann", START)
    assert isinstance(offer, Offer)
    assert await revoke(db, offer, Outcome.WITHDRAWN, START)
    assert not await revoke(db, offer, Outcome.WITHDRAWN, START)
    assert await ear.news() == [("offer", offer.id), ("offer-over", "withdrawn")]


async def test_what_an_agent_takes_themselves_is_accepted(db: Database) -> None:
    """As when they take up what they parked: the conversation has never heard of an offer."""
    await staff(db, agent("ann"))
    await put(db, placement(stage=Stage.PARKED, agent="ann"))
    ear = await Ear(db).start()
    offer = await claim(db, "c", "ann", START)
    assert isinstance(offer, Offer)
    (event,) = await desk.events(db, ANN, ear.cursor)
    assert event.body["claimed"] is True
    await move(db, "c", stage=Stage.WORKING, agent="ann")
    assert await ear.news() == [("offer", offer.id), ("offer-over", "accepted"), ("state", "working")]


async def test_saying_it_again_tells_nobody_again(db: Database) -> None:
    await staff(db, agent("ann"))
    await wait_in_line(db, "c")
    ear = await Ear(db).start()
    offer = await offer_of(db)
    done = placement(revision=2, stage=Stage.WORKING, agent="ann", settled=(Settled(offer.id, Outcome.ACCEPTED),))
    for _ in range(3):
        await put(db, done)
    await move(db, "c", priority=1)
    assert await ear.news() == [("offer", offer.id), ("offer-over", "accepted"), ("assigned", "working")]


async def test_a_conversation_that_changes_hands(db: Database) -> None:
    await staff(db, agent("ann"), agent("bob"))
    ann, bob = await ears(db)
    await put(db, placement(stage=Stage.WORKING, agent="ann"))
    await move(db, "c", agent="bob", contact_id="leg-2")
    await move(db, "c", agent=None, contact_id="leg-3", stage=Stage.QUEUED)
    assert await ann.news() == [("assigned", "working"), ("state", "gone")]
    assert await bob.news() == [("assigned", "working"), ("state", "gone")]


async def parked_and_back(db: Database, bound_to: str | None = None) -> None:
    """Ann has parked it, and its customer has written."""
    await open_conversation(db, opening())
    parked = placement(revision=2, stage=Stage.PARKED, agent="ann")
    await record(db, "c", facts=facts(2), placement=parked)
    back = placement(revision=3, enqueued_at=after(9), bound_to=bound_to)
    await record(db, "c", facts=facts(3), placement=back)


@pytest.mark.parametrize("bound", [True, False])
async def test_the_customer_of_what_they_parked_returns(db: Database, bound: bool) -> None:
    await staff(db, agent("ann"), agent("bob"))
    ann, bob = await ears(db)
    await parked_and_back(db, bound_to="ann" if bound else None)
    await put(db, placement(revision=4, stage=Stage.WORKING, agent="ann"))
    assert await ann.news() == [("assigned", "parked"), ("returned", bound), ("assigned", "working")]
    assert await bob.news() == []


@pytest.mark.parametrize("presence", [Presence.AWAY, Presence.OFFLINE])
async def test_what_returns_to_who_is_not_there_is_not_kept_for_them(db: Database, presence: Presence) -> None:
    await staff(db, agent("ann"), presence=presence)
    ear = await Ear(db).start()
    await parked_and_back(db, bound_to="ann")
    assert await ear.news() == [("assigned", "parked"), ("returned", False)]


async def test_what_has_returned_is_theirs_until_another_has_it(db: Database) -> None:
    await staff(db, agent("ann"), agent("bob"))
    ann, bob = await ears(db)
    await parked_and_back(db)
    await put(db, placement(revision=4, enqueued_at=after(9), priority=1))
    assert await ann.news() == [("assigned", "parked"), ("returned", False)]
    await put(db, placement(revision=5, stage=Stage.WORKING, agent="bob", contact_id="leg-2"))
    assert await ann.news() == [("state", "gone")]
    assert await bob.news() == [("assigned", "working")]
    events = await desk.events(db, ANN, ann.cursor - 1)
    assert events[-1].body["contact_id"] == "c"


async def test_presence_however_it_changes(db: Database) -> None:
    await staff(db, agent("ann"))
    ear = await Ear(db).start()
    await set_presence(db, INSTANCE, "ann", Presence.BUSY, START)
    await set_presence(db, INSTANCE, "ann", Presence.BUSY, START)
    await put(db, placement(stage=Stage.WRAP_UP, agent="ann", wrap_up_holds_until=after(9)))
    await set_presence(db, INSTANCE, "ann", Presence.AWAY, after(1), when_free=True)
    assert (await desk.events(db, ANN, await head_of(db) - 1))[0].body == {"presence": "busy", "next_presence": "away"}
    await follow(db, after(9))
    assert await ear.news() == [
        ("presence", "busy"),
        ("assigned", "wrap_up"),
        ("presence", "busy"),
        ("presence", "away"),
    ]


async def test_too_many_missed_offers(db: Database) -> None:
    await staff(db, agent("ann"))
    await wait_in_line(db, "c1", "c2")
    ear = await Ear(db).start()
    for _ in range(2):
        await answer(db, await offer_of(db), Outcome.MISSED, miss_limit=2)
    assert [kind for kind, _ in await ear.news()] == ["offer", "offer-over"] * 2 + ["presence"]


async def test_who_is_no_agent_is_told_nothing(db: Database) -> None:
    await put(db, placement(stage=Stage.WORKING, agent="ann"))
    assert await desk.events(db, ANN, -1) == []
    assert await desk.heads(db, [ANN]) == {}


async def test_a_write_that_fails_tells_nobody(db: Database) -> None:
    await staff(db, agent("ann"))
    before = await head_of(db)

    async def fail() -> None:
        async with db.write() as connection:
            await desk.tell(connection, *ANN, "state", {}, START)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert (await head_of(db), await desk.events(db, ANN, before)) == (before, [])


async def test_numbers_follow_each_other_for_all_who_write_at_once(db: Database, url: str) -> None:
    """And whoever reads meanwhile never sees a number without all before it."""
    await staff(db, agent("ann", 100), agent("bob", 100))
    ann, bob = await ears(db)
    others = [Database.open(url) for _ in range(3)]

    async def write(number: int) -> None:
        mine = others[number % 3]
        for round in range(5):
            id = f"c{number}-{round}"
            await put(mine, placement(id, stage=Stage.WORKING, agent="ann"))
            await move(mine, id, agent="bob", contact_id="leg-2")
            await move(mine, id, agent="ann", contact_id="leg-3")

    heard = 0
    writing = asyncio.gather(*(write(number) for number in range(6)))
    while not writing.done():
        heard += len(await ann.news())
        await asyncio.sleep(0.002)
    await writing
    heard += len(await ann.news())
    assert (heard, len(await bob.news())) == (6 * 5 * 3, 6 * 5 * 2)
    assert (ann.cursor, bob.cursor) == (await head_of(db), await head_of(db, BOB))
    for other in others:
        await other.close()


async def test_what_is_still_known(db: Database) -> None:
    await staff(db, agent("ann"))
    first = await head_of(db)
    for seconds, presence in enumerate([Presence.BUSY, Presence.AWAY, Presence.AVAILABLE]):
        await set_presence(db, INSTANCE, "ann", presence, after(seconds))
    head = await head_of(db)
    assert head == first + 3
    await desk.forget(db, after(1))
    kept = [await desk.is_kept(db, ANN, number, head) for number in (first, first + 1, head, head + 1, -1, 2**70)]
    assert kept == [False, True, True, False, False, False]


async def test_an_agent_who_is_configured_again_is_told_under_higher_numbers(db: Database) -> None:
    await configure(db, INSTANCE, [agent("ann")], START)
    for presence in (Presence.BUSY, Presence.AWAY):
        await set_presence(db, INSTANCE, "ann", presence, START)
    before = await head_of(db)
    await configure(db, INSTANCE, [], after(1))
    await configure(db, INSTANCE, [agent("ann")], after(2))
    assert await head_of(db) > before


class TestAbsence:
    async def gone(self, db: Database, at: float = 0) -> bool:
        await add_connection(db, ANNS_DESK, "desk", "process")
        await mark_disconnected(db, ANNS_DESK, "process", after(at))
        return await absence.lost(db, ANN, ANNS_DESK, after(at))

    @pytest.mark.parametrize("bound", [None, "ann"])
    async def test_who_is_lost_is_offered_nothing_until_they_are_back(self, db: Database, bound: str | None) -> None:
        await staff(db, agent("ann"))
        await wait_in_line(db, "c", bound_to=bound)
        assert await self.gone(db)
        assert await offered(db) is None
        assert (await state_of(db, "ann")).presence == Presence.AVAILABLE
        await absence.back(db, ANN)
        assert await offered(db) == ("c", "ann")

    async def test_what_another_may_have_too_does_not_wait_for_who_is_lost(self, db: Database) -> None:
        await staff(db, agent("ann"), agent("bob"))
        await wait_in_line(db, "c", bound_to="ann", bound_until=after(60))
        await self.gone(db)
        assert await offered(db) == ("c", "bob")

    async def test_who_stays_away_is_offline_and_told_so(self, db: Database) -> None:
        await staff(db, agent("ann"))
        ear = await Ear(db).start()
        await self.gone(db)
        assert await absence.give_up(db, START, after(150)) == []
        assert await absence.give_up(db, START + timedelta(milliseconds=1), after(150)) == [ANN]
        assert await absence.give_up(db, after(999), after(999)) == []
        state = await state_of(db, "ann")
        assert (state.presence, state.presence_since) == (Presence.OFFLINE, after(150))
        assert await ear.news() == [("presence", "offline")]

    async def test_who_has_another_connection_is_not_lost(self, db: Database) -> None:
        await staff(db, agent("ann"))
        await add_connection(db, ANNS_DESK, "desk", "other")
        assert not await absence.lost(db, ANN, ANNS_DESK, START)

    async def test_who_is_offline_is_not_lost(self, db: Database) -> None:
        await staff(db, agent("ann"), presence=Presence.OFFLINE)
        assert not await self.gone(db)
        assert await absence.give_up(db, after(999), after(999)) == []
