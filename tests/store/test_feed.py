"""The feed: events come with the write that makes them true, once, in order, and stay for a time."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from domain.checkpoints import Checkpoint
from domain.contacts import EndReason
from domain.participants import ParticipantPresence
from domain.routing import EndedOffer, OfferOutcome
from store.attributes import merge_attributes
from store.checkpoints import Step
from store.conversations import open_conversation, write_conversation
from store.database import Database
from store.feed import FeedPosition, StoredEvent, contents_of, page_of_feed, remove_old_events, start_of_feed
from store.item_writer import ItemWriter
from store.personal_data import erase_conversation
from store.webhooks import WebhookKey, find_webhook, take_webhook
from tests.store.sample_records import (
    AGENT,
    CUSTOMER,
    INSTANCE,
    START,
    after,
    contact,
    item,
    opening,
    record,
    record_chat,
    replaced,
    snapshot,
)

ALL = 1_000


async def feed(db: Database, position: FeedPosition | None = None) -> list[StoredEvent]:
    return await page_of_feed(db, INSTANCE, position or FeedPosition(), ALL)


async def types(db: Database, position: FeedPosition | None = None) -> list[str]:
    return [event.type for event in await feed(db, position)]


def step(number: int) -> Step:
    return Step("c", Checkpoint(run_id="run", number=number, consumed=0, state="{}"), "run")


async def last_position(db: Database) -> FeedPosition:
    return (await feed(db))[-1].position


async def test_new_chat_is_initiated_and_queued_once(db: Database) -> None:
    await open_conversation(db, opening())
    await open_conversation(db, opening())
    await record(db, "c", opening=opening())
    events = await feed(db)
    assert [(event.seq, event.type, event.contact_id) for event in events] == [
        (1, "contact.initiated", "c"),
        (2, "contact.queued", "c"),
    ]
    assert events[0].at == START
    assert events[0].data["workstream"] == "flow-1"


async def test_messages_have_an_event_each_and_only_once(db: Database) -> None:
    await open_conversation(db, opening())
    for _ in range(2):
        await record(db, "c", items=[item(1), item(2, type="EVENT", content_type="x")])
    await record(db, "c", items=[item(1), item(2, type="EVENT", content_type="x"), item(3)])
    messages = [event for event in await feed(db) if event.type == "message.created"]
    assert [(event.id, event.seq, event.item) for event in messages] == [("item-1", 3, 1), ("item-3", 4, 3)]
    assert "content" not in messages[0].data
    assert await contents_of(db, messages) == {("c", 1): ("text 1", "Zoë"), ("c", 3): ("text 3", "Zoë")}


@pytest.mark.parametrize("status", ["APPROVED", "REJECTED"])
async def test_file_has_an_event_with_its_verdict(db: Database, status: str) -> None:
    await open_conversation(db, opening())
    file = {"id": "f", "name": "a.pdf", "content_type": "application/pdf", "size": 3, "status": status}
    attachment = item(1, type="ATTACHMENT", content=None, content_type="application/pdf", attachment=file)
    await record(db, "c", items=[attachment])
    last = (await feed(db))[-1]
    assert (last.type, last.item) == (f"attachment.{status.lower()}", 1)
    assert "a.pdf" not in str(last.data)


async def test_commits_that_share_a_transaction_have_their_events(db: Database) -> None:
    writer = ItemWriter(db)
    names = [f"chat-{number}" for number in range(5)]
    for name in names:
        await open_conversation(db, opening(name))
    numbers = range(1, 6)
    await asyncio.gather(*(writer.append(name, [item(n, contact_id=name)]) for n in numbers for name in names))
    await writer.finish()
    for name in names:
        own = [event for event in await feed(db) if event.conversation_id == name]
        assert [event.seq for event in own] == list(range(1, 8))
        assert [event.item for event in own if event.item] == list(numbers)


async def test_repeated_commit_has_no_events(db: Database) -> None:
    await open_conversation(db, opening())
    for _ in range(3):
        async with db.write() as connection:
            await write_conversation(db, connection, "c", snapshot=snapshot(1), items=[item(1)], step=step(1))
    assert len(await feed(db)) == len({(event.id, event.type) for event in await feed(db)})
    assert [event.seq for event in await feed(db)] == list(range(1, len(await feed(db)) + 1))


async def changes(db: Database, *snapshots: dict[str, object]) -> list[str]:
    """The types of events that the last of some snapshots leads to."""
    await open_conversation(db, opening())
    position = FeedPosition()
    for revision, fields in enumerate(snapshots, 1):
        position = await last_position(db)
        await record(db, "c", snapshot=snapshot(revision, **fields))  # pyright: ignore[reportArgumentType]
    return await types(db, position)


async def test_agent_accepts_and_joins(db: Database) -> None:
    assert await changes(db, {"participants": (CUSTOMER, AGENT)}) == [
        "contact.connected",
        "contact.accepted",
        "contact.agent_joined",
        "customer.connected",
    ]


async def test_customer_is_lost_and_comes_back(db: Database) -> None:
    away = replaced(CUSTOMER, presence=ParticipantPresence.AWAY)
    present: dict[str, object] = {"participants": (CUSTOMER, AGENT)}
    lost: dict[str, object] = {"participants": (away, AGENT)}
    assert await changes(db, present, lost) == ["customer.lost"]


async def test_chat_is_parked_and_returns(db: Database) -> None:
    assert await changes(db, {}, {"state": "WAITING"}) == ["contact.parked"]


async def test_chat_returns_to_its_queue(db: Database) -> None:
    assert await changes(db, {}, {"state": "WAITING"}, {"state": "OPEN"}) == ["contact.returned", "contact.queued"]


async def test_transfer_ends_a_contact_and_begins_another(db: Database) -> None:
    first = contact(ended_at=after(90), end_reason=EndReason.TRANSFERRED, last_seq=1, wrapped_up_at=after(90))
    second = contact(
        "c2",
        initiation_method="TRANSFER",
        previous_contact_id="c",
        agent_user=None,
        agent_connected_at=None,
        initiated_at=after(91),
    )
    found = await changes(db, {}, {"contacts": (first, second), "state": "OPEN"})
    assert sorted(found) == ["contact.completed", "contact.initiated", "contact.queued", "contact.transferred"]


async def test_missed_and_rejected_offers(db: Database) -> None:
    ended = tuple(
        EndedOffer(id=outcome, user="ann", outcome=outcome) for outcome in (OfferOutcome.MISSED, OfferOutcome.REJECTED)
    )
    placement = replaced(snapshot(2).placement, ended_offers=ended)
    found = await changes(db, {"state": "OPEN"}, {"state": "OPEN", "placement": placement})
    assert found == ["contact.offer_missed", "contact.offer_rejected"]


async def test_end_of_a_chat(db: Database) -> None:
    ended = {"state": "CLOSED", "ended_at": after(100), "closed_at": after(120), "end_reason": EndReason.AGENT_ENDED}
    assert await changes(db, {}, {**ended}) == ["contact.disconnected", "contact.completed", "conversation.closed"]


async def test_survey_answers_and_attributes_are_named_without_their_values(db: Database) -> None:
    assert await changes(db, {}, {"answers": {"score": "5"}}) == ["survey.answered"]
    await merge_attributes(db, INSTANCE, "c", {"mood": "calm"}, limit=1_000)
    answered, updated = (await feed(db))[-2:]
    assert answered.data == {"questions": ["score"]}
    assert (updated.type, updated.data) == ("contact.data_updated", {"attributes": ["mood"]})


async def test_rehydrated_chat_names_its_past(db: Database) -> None:
    past = {"contact_id": "old", "association_id": "a", "conversation_id": "old", "seq": 1, "items": 1}
    await open_conversation(db, opening("old"))
    position = await last_position(db)
    await open_conversation(db, opening(past=past))
    assert await types(db, position) == ["contact.initiated", "conversation.rehydrated", "contact.queued"]


async def test_page_goes_on_after_a_position_and_knows_only_its_instance(db: Database) -> None:
    await open_conversation(db, opening("other", instance="another"))
    await record_chat(db, 1, 2, 3)
    found: list[StoredEvent] = []
    position = FeedPosition()
    while page := await page_of_feed(db, INSTANCE, position, 2):
        assert len(page) <= 2
        found += page
        position = page[-1].position
    assert [event.seq for event in found] == list(range(1, len(found) + 1))
    assert {event.conversation_id for event in found} == {"c"}


async def test_old_events_are_removed_and_the_numbers_go_on(db: Database) -> None:
    await record_chat(db, 1, 2, 3)
    await record(db, "c", items=[item(90_000)])
    count = len(await feed(db))
    before = await start_of_feed(db, INSTANCE)
    await remove_old_events(db, INSTANCE, START + timedelta(days=4000))
    start = await start_of_feed(db, INSTANCE)
    assert start > before
    assert await feed(db, start) == []
    await record(db, "c", items=[item(90_001)])
    assert [event.seq for event in await feed(db, start)] == [count + 1]
    assert len(await feed(db)) == 2  # the last one of the removed stays for its number


async def test_recent_events_stay(db: Database) -> None:
    await record_chat(db, 1)
    count = len(await feed(db))
    await remove_old_events(db, INSTANCE, START)
    assert len(await feed(db)) == count


async def test_numbers_go_on_in_a_chat_that_is_closed(db: Database) -> None:
    """A backend changes attributes also after the end."""
    await changes(db, {}, {"state": "CLOSED", "ended_at": after(100), "closed_at": after(120)})
    count = len(await feed(db))
    await remove_old_events(db, INSTANCE, START + timedelta(days=4000))
    start = await start_of_feed(db, INSTANCE)
    await merge_attributes(db, INSTANCE, "c", {"mood": "calm"}, limit=1_000)
    assert [event.seq for event in await feed(db, start)] == [count + 1]


async def test_webhook_that_is_behind_goes_on_from_the_start_of_the_feed(db: Database) -> None:
    """It gets none of the events that only stay for their numbers. Those of other instances, and ahead, stay where they are."""
    behind, ahead, other = (WebhookKey(*key) for key in ((INSTANCE, "behind"), (INSTANCE, "ahead"), ("other", "hook")))
    for key in (behind, other):
        assert await take_webhook(db, key, "process", after(1), START)
    await open_conversation(db, opening())
    await record(db, "c", items=[item(1), item(2)])
    assert await take_webhook(db, ahead, "process", after(1), START)
    await merge_attributes(db, INSTANCE, "c", {"mood": "calm"}, limit=1_000)  # it happens now
    before = {key: await find_webhook(db, key) for key in (ahead, other)}
    await remove_old_events(db, INSTANCE, START + timedelta(days=2))
    found = await find_webhook(db, behind)
    assert found
    assert found.position == await start_of_feed(db, INSTANCE)
    assert [event.type for event in await feed(db, found.position)] == ["contact.data_updated"]
    assert {key: await find_webhook(db, key) for key in (ahead, other)} == before


async def test_erased_conversation_has_no_events(db: Database) -> None:
    await record_chat(db, 1)
    await erase_conversation(db, "c")
    assert await feed(db) == []


async def test_position_is_read_as_it_is_written(db: Database) -> None:
    await record_chat(db, 1)
    for event in await feed(db):
        assert FeedPosition.parse(str(event.position)) == event.position
    for text in ("", "-", "1", "1-", "-1", "1-2-3", "a-b", "1-٣", "1-" + "9" * 19):
        assert FeedPosition.parse(text) is None
