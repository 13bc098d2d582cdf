"""Agent events: complete, in order and numbered without gaps, so that a reader can resume."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from domain.routing import AgentStatus, EndedOffer, Offer, OfferOutcome, RoutingStage
from routing import agent_events, disconnected_agents
from routing.agent_events import AgentId
from routing.agent_status import apply_next_statuses, set_agent_status
from routing.agents import configure_agents
from routing.offers import claim_offer, end_offer
from store.connections import add_connection, mark_connection_lost
from store.conversations import open_conversation
from store.database import Database
from tests.routing.routing_records import (
    agent,
    agent_state,
    enqueue,
    make_offer,
    next_offer,
    placement,
    put,
    record_placement,
    report_offer_end,
    staff,
    update_placement,
)
from tests.store.sample_records import INSTANCE, START, after, opening, snapshot

ANN, BOB = AgentId(INSTANCE, "ann"), AgentId(INSTANCE, "bob")
ANN_CONNECTIONS = "/".join(ANN)


async def head_of(db: Database, who: AgentId = ANN) -> int:
    return (await agent_events.event_heads(db, [who]))[who].seq


class EventReader:
    """Reads the events of an agent from now on."""

    def __init__(self, db: Database, who: AgentId = ANN) -> None:
        self._db, self._who, self.cursor = db, who, -1

    async def start(self) -> EventReader:
        self.cursor = await head_of(self._db, self._who)
        return self

    async def new_events(self) -> list[tuple[str, Any]]:
        """The kind and the main field of each new event. Asserts that the numbers have no gaps."""
        events = await agent_events.events_after(self._db, self._who, self.cursor)
        assert [event.seq for event in events] == [self.cursor + 1 + i for i in range(len(events))]
        self.cursor = events[-1].seq if events else self.cursor
        names = ("outcome", "stage", "bound", "status", "offer_id")
        return [(event.kind, next(event.body[name] for name in names if name in event.body)) for event in events]


async def event_readers(db: Database) -> tuple[EventReader, EventReader]:
    return await EventReader(db).start(), await EventReader(db, BOB).start()


async def test_agent_gets_events_for_an_offer_its_end_and_the_contact_stages(db: Database) -> None:
    await staff(db, agent("ann"))
    await enqueue(db, "c")
    reader = await EventReader(db).start()
    offer = await make_offer(db, after(1))
    (event,) = await agent_events.events_after(db, ANN, reader.cursor)
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
    await report_offer_end(db, offer, OfferOutcome.ACCEPTED)
    await update_placement(db, "c", stage=RoutingStage.PARKED)
    await update_placement(db, "c", stage=RoutingStage.WORKING)
    await update_placement(db, "c", stage=RoutingStage.WRAP_UP)
    await update_placement(db, "c", stage=RoutingStage.OFF)
    assert await reader.new_events() == [
        ("offer", offer.id),
        ("offer-over", "accepted"),
        ("assigned", "working"),
        *(("state", stage) for stage in ("parked", "working", "wrap_up", "gone")),
    ]


@pytest.mark.parametrize("outcome", [OfferOutcome.REJECTED, OfferOutcome.MISSED, OfferOutcome.WITHDRAWN])
async def test_agent_gets_the_outcome_of_an_offer_that_is_not_accepted(db: Database, outcome: OfferOutcome) -> None:
    await staff(db, agent("ann"))
    await enqueue(db, "c")
    reader = await EventReader(db).start()
    offer = await make_offer(db)
    await report_offer_end(db, offer, outcome)
    assert await reader.new_events() == [("offer", offer.id), ("offer-over", outcome)]


@pytest.mark.parametrize("changes", [{"stage": RoutingStage.OFF}, {"queue": "elsewhere"}, {"contact_id": "next"}])
async def test_offer_that_ends_with_its_wait_is_reported_as_withdrawn(db: Database, changes: dict[str, Any]) -> None:
    await staff(db, agent("ann"))
    await enqueue(db, "c")
    reader = await EventReader(db).start()
    offer = await make_offer(db)
    await update_placement(db, "c", **changes)
    assert await reader.new_events() == [("offer", offer.id), ("offer-over", "withdrawn")]


async def test_revoked_claim_is_reported_once_as_withdrawn(db: Database) -> None:
    await staff(db, agent("ann"))
    await enqueue(db, "c")
    reader = await EventReader(db).start()
    offer = await claim_offer(db, "c", "ann", START)
    assert isinstance(offer, Offer)
    assert await end_offer(db, offer, OfferOutcome.WITHDRAWN, START)
    assert not await end_offer(db, offer, OfferOutcome.WITHDRAWN, START)
    assert await reader.new_events() == [("offer", offer.id), ("offer-over", "withdrawn")]


async def test_claim_of_a_parked_contact_is_reported_as_accepted(db: Database) -> None:
    """The conversation resumes without naming the offer that the claim made."""
    await staff(db, agent("ann"))
    await put(db, placement(stage=RoutingStage.PARKED, agent="ann"))
    reader = await EventReader(db).start()
    offer = await claim_offer(db, "c", "ann", START)
    assert isinstance(offer, Offer)
    (event,) = await agent_events.events_after(db, ANN, reader.cursor)
    assert event.body["claimed"] is True
    await update_placement(db, "c", stage=RoutingStage.WORKING, agent="ann")
    assert await reader.new_events() == [("offer", offer.id), ("offer-over", "accepted"), ("state", "working")]


async def test_repeated_placement_adds_no_event(db: Database) -> None:
    await staff(db, agent("ann"))
    await enqueue(db, "c")
    reader = await EventReader(db).start()
    offer = await make_offer(db)
    accepted = placement(
        revision=2,
        stage=RoutingStage.WORKING,
        agent="ann",
        ended_offers=(EndedOffer(id=offer.id, user=offer.user, outcome=OfferOutcome.ACCEPTED),),
    )
    for _ in range(3):
        await put(db, accepted)
    await update_placement(db, "c", priority=1)
    assert await reader.new_events() == [("offer", offer.id), ("offer-over", "accepted"), ("assigned", "working")]


async def test_reassigned_contact_adds_events_for_both_agents(db: Database) -> None:
    await staff(db, agent("ann"), agent("bob"))
    ann, bob = await event_readers(db)
    await put(db, placement(stage=RoutingStage.WORKING, agent="ann"))
    await update_placement(db, "c", agent="bob", contact_id="leg-2")
    await update_placement(db, "c", agent=None, contact_id="leg-3", stage=RoutingStage.QUEUED)
    assert await ann.new_events() == [("assigned", "working"), ("state", "gone")]
    assert await bob.new_events() == [("assigned", "working"), ("state", "gone")]


async def park_and_return(db: Database, bound_to: str | None = None) -> None:
    """Ann parks a contact, then its customer writes."""
    await open_conversation(db, opening())
    parked = placement(revision=2, stage=RoutingStage.PARKED, agent="ann")
    await record_placement(db, snapshot(2, placement=parked))
    back = placement(revision=3, enqueued_at=after(9), bound_to=bound_to)
    await record_placement(db, snapshot(3, placement=back))


@pytest.mark.parametrize("bound", [True, False])
async def test_return_of_a_parked_contact_is_reported_to_its_agent(db: Database, bound: bool) -> None:
    await staff(db, agent("ann"), agent("bob"))
    ann, bob = await event_readers(db)
    await park_and_return(db, bound_to="ann" if bound else None)
    await put(db, placement(revision=4, stage=RoutingStage.WORKING, agent="ann"))
    assert await ann.new_events() == [("assigned", "parked"), ("returned", bound), ("assigned", "working")]
    assert await bob.new_events() == []


@pytest.mark.parametrize("status", [AgentStatus.AWAY, AgentStatus.OFFLINE])
async def test_returned_contact_is_not_reserved_for_an_unavailable_agent(db: Database, status: AgentStatus) -> None:
    await staff(db, agent("ann"), status=status)
    reader = await EventReader(db).start()
    await park_and_return(db, bound_to="ann")
    assert await reader.new_events() == [("assigned", "parked"), ("returned", False)]


async def test_returned_contact_is_reported_gone_when_another_agent_takes_it(db: Database) -> None:
    await staff(db, agent("ann"), agent("bob"))
    ann, bob = await event_readers(db)
    await park_and_return(db)
    await put(db, placement(revision=4, enqueued_at=after(9), priority=1))
    assert await ann.new_events() == [("assigned", "parked"), ("returned", False)]
    await put(db, placement(revision=5, stage=RoutingStage.WORKING, agent="bob", contact_id="leg-2"))
    assert await ann.new_events() == [("state", "gone")]
    assert await bob.new_events() == [("assigned", "working")]
    events = await agent_events.events_after(db, ANN, ann.cursor - 1)
    assert events[-1].body["contact_id"] == "c"


async def test_every_status_change_adds_an_event(db: Database) -> None:
    await staff(db, agent("ann"))
    reader = await EventReader(db).start()
    await set_agent_status(db, INSTANCE, "ann", AgentStatus.BUSY, START)
    await set_agent_status(db, INSTANCE, "ann", AgentStatus.BUSY, START)
    await put(db, placement(stage=RoutingStage.WRAP_UP, agent="ann", wrap_up_holds_until=after(9)))
    await set_agent_status(db, INSTANCE, "ann", AgentStatus.AWAY, after(1), when_free=True)
    assert (await agent_events.events_after(db, ANN, await head_of(db) - 1))[0].body == {
        "status": "busy",
        "next_status": "away",
    }
    await apply_next_statuses(db, after(9))
    assert await reader.new_events() == [
        ("status", "busy"),
        ("assigned", "wrap_up"),
        ("status", "busy"),
        ("status", "away"),
    ]


async def test_missed_offer_limit_adds_a_status_event(db: Database) -> None:
    await staff(db, agent("ann"))
    await enqueue(db, "c1", "c2")
    reader = await EventReader(db).start()
    for _ in range(2):
        await report_offer_end(db, await make_offer(db), OfferOutcome.MISSED, missed_offer_limit=2)
    assert [kind for kind, _ in await reader.new_events()] == ["offer", "offer-over"] * 2 + ["status"]


async def test_unknown_agent_gets_no_events(db: Database) -> None:
    await put(db, placement(stage=RoutingStage.WORKING, agent="ann"))
    assert await agent_events.events_after(db, ANN, -1) == []
    assert await agent_events.event_heads(db, [ANN]) == {}


async def test_failed_write_adds_no_event(db: Database) -> None:
    await staff(db, agent("ann"))
    before = await head_of(db)

    async def fail() -> None:
        async with db.write() as connection:
            await agent_events.write_event(connection, *ANN, "state", {}, START)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert (await head_of(db), await agent_events.events_after(db, ANN, before)) == (before, [])


async def test_concurrent_writers_number_events_without_gaps(db: Database, url: str) -> None:
    """A concurrent reader never sees a number before all lower numbers."""
    await staff(db, agent("ann", 100), agent("bob", 100))
    ann, bob = await event_readers(db)
    processes = [Database.open(url) for _ in range(3)]

    async def write(number: int) -> None:
        process = processes[number % 3]
        for round in range(5):
            id = f"c{number}-{round}"
            await put(process, placement(id, stage=RoutingStage.WORKING, agent="ann"))
            await update_placement(process, id, agent="bob", contact_id="leg-2")
            await update_placement(process, id, agent="ann", contact_id="leg-3")

    count = 0
    writing = asyncio.gather(*(write(number) for number in range(6)))
    while not writing.done():
        count += len(await ann.new_events())
        await asyncio.sleep(0.002)
    await writing
    count += len(await ann.new_events())
    assert (count, len(await bob.new_events())) == (6 * 5 * 3, 6 * 5 * 2)
    assert (ann.cursor, bob.cursor) == (await head_of(db), await head_of(db, BOB))
    for other in processes:
        await other.close()


async def test_is_kept_is_true_only_for_positions_in_the_stored_range(db: Database) -> None:
    await staff(db, agent("ann"))
    first = await head_of(db)
    for seconds, status in enumerate([AgentStatus.BUSY, AgentStatus.AWAY, AgentStatus.AVAILABLE]):
        await set_agent_status(db, INSTANCE, "ann", status, after(seconds))
    head = await head_of(db)
    assert head == first + 3
    await agent_events.delete_events(db, after(1))
    kept = [
        await agent_events.are_events_kept(db, ANN, number, head)
        for number in (first, first + 1, head, head + 1, -1, 2**70)
    ]
    assert kept == [False, True, True, False, False, False]


async def test_event_numbers_grow_when_an_agent_is_removed_and_configured_again(db: Database) -> None:
    await configure_agents(db, INSTANCE, [agent("ann")], START)
    for status in (AgentStatus.BUSY, AgentStatus.AWAY):
        await set_agent_status(db, INSTANCE, "ann", status, START)
    before = await head_of(db)
    await configure_agents(db, INSTANCE, [], after(1))
    await configure_agents(db, INSTANCE, [agent("ann")], after(2))
    assert await head_of(db) > before


class TestAgentDisconnects:
    async def disconnect(self, db: Database, at: float = 0) -> bool:
        await add_connection(db, ANN_CONNECTIONS, "a-connection", "process")
        await mark_connection_lost(db, ANN_CONNECTIONS, "process", after(at))
        return await disconnected_agents.mark_agent_disconnected(db, ANN, ANN_CONNECTIONS, after(at))

    @pytest.mark.parametrize("bound", [None, "ann"])
    async def test_disconnected_agent_gets_no_offers_until_they_reconnect(
        self, db: Database, bound: str | None
    ) -> None:
        await staff(db, agent("ann"))
        await enqueue(db, "c", bound_to=bound)
        assert await self.disconnect(db)
        assert await next_offer(db) is None
        assert (await agent_state(db, "ann")).status == AgentStatus.AVAILABLE
        await disconnected_agents.mark_agent_connected(db, ANN)
        assert await next_offer(db) == ("c", "ann")

    async def test_preferred_contact_of_a_disconnected_agent_goes_to_another_agent(self, db: Database) -> None:
        await staff(db, agent("ann"), agent("bob"))
        await enqueue(db, "c", bound_to="ann", bound_until=after(60))
        await self.disconnect(db)
        assert await next_offer(db) == ("c", "bob")

    async def test_agent_who_stays_disconnected_goes_offline_and_gets_an_event(self, db: Database) -> None:
        await staff(db, agent("ann"))
        reader = await EventReader(db).start()
        await self.disconnect(db)
        assert await disconnected_agents.set_offline_after_grace(db, START, after(150)) == []
        assert await disconnected_agents.set_offline_after_grace(db, START + timedelta(milliseconds=1), after(150)) == [
            ANN
        ]
        assert await disconnected_agents.set_offline_after_grace(db, after(999), after(999)) == []
        state = await agent_state(db, "ann")
        assert (state.status, state.status_since) == (AgentStatus.OFFLINE, after(150))
        assert await reader.new_events() == [("status", "offline")]

    async def test_agent_with_another_connection_is_not_disconnected(self, db: Database) -> None:
        await staff(db, agent("ann"))
        await add_connection(db, ANN_CONNECTIONS, "a-connection", "other")
        assert not await disconnected_agents.mark_agent_disconnected(db, ANN, ANN_CONNECTIONS, START)

    async def test_offline_agent_is_not_marked_as_disconnected(self, db: Database) -> None:
        await staff(db, agent("ann"), status=AgentStatus.OFFLINE)
        assert not await self.disconnect(db)
        assert await disconnected_agents.set_offline_after_grace(db, after(999), after(999)) == []
