"""Events of the feed that routing writes: offers, and the status of agents."""

from __future__ import annotations

from datetime import timedelta

from domain.routing import AgentStatus, OfferOutcome
from routing.agent_status import set_agent_status
from routing.offers import claim_offer
from store.conversations import open_conversation
from store.database import Database
from store.feed import FeedPosition, StoredEvent, page_of_feed, remove_old_events
from tests.routing.routing_records import (
    agent,
    make_offer,
    next_offer,
    placement,
    record_placement,
    report_offer_end,
    staff,
)
from tests.store.sample_records import INSTANCE, after, opening, snapshot
from wire.cloud_events import cloud_events


async def events(db: Database, kind: str) -> list[StoredEvent]:
    return [event for event in await page_of_feed(db, INSTANCE, FeedPosition(), 1_000) if event.type == kind]


async def queue_chat(db: Database) -> None:
    await open_conversation(db, opening("c"))
    await record_placement(db, snapshot(1, state="OPEN", agent_user=None, placement=placement("c")))


async def test_offer_has_an_event(db: Database) -> None:
    await staff(db, agent("ann"))
    await queue_chat(db)
    offer = await make_offer(db, after(1))
    [event] = await events(db, "contact.offered")
    assert (event.conversation_id, event.contact_id, event.at) == ("c", "c", after(1))
    assert event.data == {"agent": "ann", "queue": "support", "until": "2026-03-01T00:02:00.987Z"}
    await report_offer_end(db, offer, OfferOutcome.MISSED)
    own = [each for each in await page_of_feed(db, INSTANCE, FeedPosition(), 1_000) if each.conversation_id == "c"]
    assert [each.seq for each in own] == list(range(1, len(own) + 1))


async def test_chat_that_nobody_can_take_has_no_event(db: Database) -> None:
    await staff(db, agent("ann"), status=AgentStatus.AWAY)
    await queue_chat(db)
    assert await next_offer(db, after(1)) is None
    assert await events(db, "contact.offered") == []


async def test_chat_that_an_agent_picks_is_not_offered(db: Database) -> None:
    await staff(db, agent("ann"))
    await queue_chat(db)
    await claim_offer(db, "c", "ann", after(1))
    assert await events(db, "contact.offered") == []


async def test_changed_status_has_an_event_once(db: Database) -> None:
    await staff(db, agent("ann"), agent("bob"), status=AgentStatus.OFFLINE)
    for _ in range(2):
        await set_agent_status(db, INSTANCE, "ann", AgentStatus.AVAILABLE, after(1))
    await set_agent_status(db, INSTANCE, "bob", AgentStatus.AVAILABLE, after(2))
    await set_agent_status(db, INSTANCE, "ann", AgentStatus.AWAY, after(3))
    found = await events(db, "agent.presence")
    assert [(each.contact_id, each.seq, each.data["status"]) for each in found] == [
        *(("ann", 1, "available"), ("bob", 1, "available"), ("ann", 2, "away"))
    ]
    assert len({each.id for each in found}) == 3
    [shown, *_] = await cloud_events(db, found, with_content=True)
    assert (shown["subject"], shown["conversation"], shown["seq"]) == ("ann", None, 1)
    assert shown["data"] == {"agent": "ann", "status": "available", "next_status": None}


async def test_numbers_of_an_agent_go_on_after_old_events_are_removed(db: Database) -> None:
    await staff(db, agent("ann"), status=AgentStatus.OFFLINE)
    for second, status in enumerate((AgentStatus.AVAILABLE, AgentStatus.AWAY)):
        await set_agent_status(db, INSTANCE, "ann", status, after(second))
    await remove_old_events(db, INSTANCE, after(60))
    await set_agent_status(db, INSTANCE, "ann", AgentStatus.BUSY, after(60) + timedelta(days=8))
    assert [each.seq for each in await events(db, "agent.presence")][-1] == 3
