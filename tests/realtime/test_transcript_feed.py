"""The transcript feed on its own store: agents who leave a chat that goes on, and the resume points of sockets."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.participants import Participant, ParticipantPresence, Role
from domain.transcript import TranscriptItem
from realtime import transcript_feed
from realtime.socket import FrameQueue
from realtime.transcript_feed import TranscriptFeed, TranscriptSubscriber
from runtime.bus import Announcement, LocalBus
from store.agent_identities import begin_identity, end_identities
from store.database import Database
from store.receipts import Acknowledgement, acknowledge
from tests.store.sample_records import AGENT, CUSTOMER, INSTANCE, START, after, item, record, replaced, snapshot
from wire.frames import CHAT_ENDED, LEFT, TRANSFERRED

LEAVES: dict[str, Any] = {"type": "EVENT", "content_type": LEFT, "content": None}
AGENT_LEAVES: dict[str, Any] = {**LEAVES, "participant_id": AGENT.id, "role": "AGENT", "name": "Ann"}


@pytest.fixture
async def db(db: Database) -> Database:
    """The store, whose chat has one item."""
    await record(db, "c", items=[item(1)])
    return db


@pytest.fixture
def feed(db: Database, bus: LocalBus) -> TranscriptFeed:
    return TranscriptFeed(db, bus)


async def subscribed(feed: TranscriptFeed, participant_id: str) -> TranscriptSubscriber:
    subscriber = TranscriptSubscriber(participant_id, "c", FrameQueue(on_overflow=lambda: None))
    assert await feed.join(subscriber)
    return subscriber


async def all_delivered() -> None:
    """Wait until the feed has delivered everything that was announced."""
    deliveries = [
        task
        for task in asyncio.all_tasks()
        if getattr(task.get_coro(), "__qualname__", "") == "Feed._deliver_while_woken"
    ]
    await asyncio.gather(*deliveries)


async def add(db: Database, bus: LocalBus, *items: TranscriptItem) -> None:
    await record(db, "c", items=items)
    await bus.announce(Announcement("c"))


async def received(subscriber: TranscriptSubscriber, until: str) -> list[tuple[str, bool]]:
    """The content or content type of each frame up to this one, and whether the frame is the last.

    The frames count as sent to the client.
    """
    frames: list[tuple[str, bool]] = []
    async with asyncio.timeout(10):
        while not frames or frames[-1][0] != until:
            frame = await subscriber.frames.get()
            subscriber.frames.sent = max(subscriber.frames.sent, frame.seq)
            content = json.loads(json.loads(frame.text)["content"])
            frames.append((content.get("Content") or content["ContentType"], frame.last))
    return frames


@pytest.mark.parametrize("trigger", ["survey", "parked", "released", "agent_disconnected", "participant_idle", "new"])
async def test_agent_who_leaves_a_chat_that_goes_on_receives_its_end(
    db: Database, bus: LocalBus, feed: TranscriptFeed, trigger: str
) -> None:
    customer, agent = await subscribed(feed, CUSTOMER.id), await subscribed(feed, AGENT.id)
    await add(db, bus, item(2, trigger=trigger, **AGENT_LEAVES), item(3))
    assert await received(agent, CHAT_ENDED) == [(LEFT, False), (CHAT_ENDED, True)]
    assert await received(customer, "text 3") == [(LEFT, False), ("text 3", False)]


async def test_agent_who_leaves_with_the_end_of_the_chat_receives_it_once(
    db: Database, bus: LocalBus, feed: TranscriptFeed
) -> None:
    agent = await subscribed(feed, AGENT.id)
    end = item(3, type="EVENT", content_type=CHAT_ENDED, content=None, participant_id=None, role="SYSTEM", name=None)
    await add(db, bus, item(2, **AGENT_LEAVES), end)
    assert await received(agent, CHAT_ENDED) == [(LEFT, False), (CHAT_ENDED, True)]
    assert agent.frames.empty()


async def test_rejoining_agent_does_not_receive_their_own_earlier_departure(
    db: Database, bus: LocalBus, feed: TranscriptFeed
) -> None:
    customer = await subscribed(feed, CUSTOMER.id)
    await all_delivered()
    await record(db, "c", items=[item(2, trigger="parked", **AGENT_LEAVES)])  # the announcement is lost
    agent = await subscribed(feed, AGENT.id)
    await add(db, bus, item(3))
    assert await received(agent, "text 3") == [("text 3", False)]
    assert await received(customer, "text 3") == [(LEFT, False), ("text 3", False)]


async def test_next_socket_resumes_after_the_last_item_that_was_sent(
    db: Database, bus: LocalBus, feed: TranscriptFeed
) -> None:
    first = await subscribed(feed, CUSTOMER.id)
    await add(db, bus, item(2), item(3))
    assert await received(first, "text 2") == [("text 2", False)]
    feed.leave(first)
    await add(db, bus, item(4))
    second = await subscribed(feed, CUSTOMER.id)
    assert await received(second, "text 4") == [("text 3", False), ("text 4", False)]


async def test_second_socket_of_a_connected_participant_starts_with_new_items(
    db: Database, bus: LocalBus, feed: TranscriptFeed
) -> None:
    first = await subscribed(feed, CUSTOMER.id)
    await add(db, bus, item(2))
    await all_delivered()
    second = await subscribed(feed, CUSTOMER.id)
    await add(db, bus, item(3))
    assert await received(first, "text 3") == [("text 2", False), ("text 3", False)]
    assert await received(second, "text 3") == [("text 3", False)]


async def test_second_socket_of_a_connected_participant_gets_the_next_undelivered_item(
    db: Database, bus: LocalBus, feed: TranscriptFeed
) -> None:
    first = await subscribed(feed, CUSTOMER.id)
    await all_delivered()
    await record(db, "c", items=[item(2)])  # not announced: the first socket does not have it yet
    second = await subscribed(feed, CUSTOMER.id)
    for subscriber in (first, second):
        assert await received(subscriber, "text 2") == [("text 2", False)]


async def test_socket_that_replaces_a_dead_one_resumes_after_the_last_confirmed_item(
    db: Database, bus: LocalBus, feed: TranscriptFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = await subscribed(feed, CUSTOMER.id)
    for number in (2, 3, 4):
        await add(db, bus, item(number))
        await received(dead, f"text {number}")
        if number < 4:
            dead.note_heartbeat()
    monkeypatch.setattr(transcript_feed, "HEARTBEAT_TIMEOUT_SECONDS", -1)
    # the second heartbeat confirms what was sent before the first
    second = await subscribed(feed, CUSTOMER.id)
    assert await received(second, "text 4") == [("text 3", False), ("text 4", False)]


async def test_socket_that_replaces_a_dead_one_repeats_nothing_of_which_there_is_a_receipt(
    db: Database, bus: LocalBus, feed: TranscriptFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = await subscribed(feed, CUSTOMER.id)
    dead.note_heartbeat()
    for number in (2, 3, 4):
        await add(db, bus, item(number, participant_id=AGENT.id, role="AGENT", name="Ann"))
        await received(dead, f"text {number}")
    await acknowledge(db, [Acknowledgement("c", CUSTOMER.id, 3, "item-3", "c", read=False, at=datetime.now(UTC))])
    monkeypatch.setattr(transcript_feed, "HEARTBEAT_TIMEOUT_SECONDS", -1)
    second = await subscribed(feed, CUSTOMER.id)
    assert await received(second, "text 4") == [("text 4", False)]


async def test_announced_items_are_delivered_without_reading_the_store(
    db: Database, bus: LocalBus, feed: TranscriptFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscriber = await subscribed(feed, CUSTOMER.id)
    await all_delivered()

    async def no_read(*_: object) -> list[TranscriptItem]:
        raise AssertionError("the store was read")

    monkeypatch.setattr(feed, "read", no_read)
    for seq in (2, 3):
        await bus.announce(Announcement("c", items=(item(seq, content=f"{seq}"),)))
    assert await received(subscriber, until="3") == [("2", False), ("3", False)]
    await bus.announce(Announcement("c", items=(item(3, content="3"),)))
    assert subscriber.frames.empty()


async def test_gap_before_announced_items_is_read_from_the_store(
    db: Database, bus: LocalBus, feed: TranscriptFeed
) -> None:
    subscriber = await subscribed(feed, CUSTOMER.id)
    await all_delivered()
    items = [item(seq, content=f"{seq}") for seq in (2, 3, 4)]
    await record(db, "c", items=items)
    await bus.announce(Announcement("c", items=(items[2],)))
    assert await received(subscriber, until="4") == [("2", False), ("3", False), ("4", False)]


async def test_change_of_the_record_alone_delivers_nothing(
    bus: LocalBus, feed: TranscriptFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    await subscribed(feed, CUSTOMER.id)
    await all_delivered()
    woken: list[str] = []
    monkeypatch.setattr(feed, "wake", woken.append)
    await bus.announce(Announcement("c", record_changed=True))
    assert woken == []


BOT = Participant(id="c-bot", role=Role.CUSTOM_BOT, name="Bot", presence=ParticipantPresence.CONNECTED, joined_at=START)


async def test_bot_who_leaves_receives_nothing_that_is_said_later(
    db: Database, bus: LocalBus, feed: TranscriptFeed
) -> None:
    await record(db, "c", snapshot=snapshot(2, participants=(CUSTOMER, AGENT, BOT)))
    bot, agent = await subscribed(feed, BOT.id), await subscribed(feed, AGENT.id)
    leaves = item(2, participant_id=BOT.id, role="CUSTOM_BOT", name="Bot", **LEAVES)
    await add(db, bus, leaves, item(3))
    assert await received(bot, CHAT_ENDED) == [(LEFT, False), (CHAT_ENDED, True)]
    assert await received(agent, "text 3") == [(LEFT, False), ("text 3", False)]


@pytest.mark.parametrize("announced", [True, False])
async def test_socket_of_an_agent_who_has_left_without_a_word_is_ended(
    db: Database, bus: LocalBus, feed: TranscriptFeed, announced: bool
) -> None:
    """The agent had not joined when they left, or the announcement of their departure was lost."""
    customer, agent = await subscribed(feed, CUSTOMER.id), await subscribed(feed, AGENT.id)
    await record(db, "c", snapshot=snapshot(2, participants=(CUSTOMER, replaced(AGENT, left_at=after(1)))))
    if announced:
        await bus.announce(Announcement("c", record_changed=True))
    else:
        await feed.start()
    assert await received(agent, CHAT_ENDED) == [(CHAT_ENDED, True)]
    await add(db, bus, item(2))
    assert await received(customer, "text 2") == [("text 2", False)]
    assert agent.frames.empty()
    await feed.stop()


async def test_departure_in_the_transcript_is_delivered_before_the_socket_ends(
    db: Database, bus: LocalBus, feed: TranscriptFeed
) -> None:
    agent = await subscribed(feed, AGENT.id)
    await all_delivered()
    leaves, transferred = (
        item(seq, **{**AGENT_LEAVES, "content_type": content_type})
        for seq, content_type in ((2, LEFT), (3, TRANSFERRED))
    )
    gone = snapshot(2, participants=(CUSTOMER, replaced(AGENT, left_at=after(2))))
    await record(db, "c", snapshot=gone, items=[leaves, transferred, item(4)])
    await bus.announce(Announcement("c", record_changed=True))
    assert await received(agent, TRANSFERRED) == [(LEFT, False), (TRANSFERRED, True)]


async def test_socket_ends_with_the_identity_of_its_agent(db: Database, bus: LocalBus, feed: TranscriptFeed) -> None:
    identity = await begin_identity(db, INSTANCE, "ann")
    with pytest.raises(AssertionError):
        await subscribed(feed, AGENT.id)  # without the identity
    agent = TranscriptSubscriber(AGENT.id, "c", FrameQueue(on_overflow=lambda: None), agent_identity=identity)
    assert await feed.join(agent)
    await feed.start()
    async with db.write() as connection:
        await end_identities(connection, INSTANCE, ["ann"])
    await begin_identity(db, INSTANCE, "ann")
    assert await received(agent, CHAT_ENDED) == [(CHAT_ENDED, True)]
    await add(db, bus, item(2))
    assert agent.frames.empty()
    await feed.stop()
