"""Whom the hub sends what when an agent leaves a chat that goes on: the hub alone, on a store of its own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from api.frames import CHAT_ENDED, LEFT
from api.live.hub import Frame, Hub, Subscriber
from runtime.bus import Announcement, LocalBus
from store.database import Database
from store.migrate import migrate
from store.records import Conversation, Item
from tests.store.sample_records import (AGENT, CUSTOMER, item, opening, record, snapshot)
LEAVES: dict[str, Any] = {"type": "EVENT", "content_type": LEFT, "content": None}
THEIRS: dict[str, Any] = {**LEAVES, "participant_id": AGENT.id, "role": "AGENT", "name": "Ann"}


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    db = Database.open(f"sqlite:///{tmp_path / 'store.db'}")
    await migrate(db)
    await record(db, "c", opening=opening(), snapshot=snapshot(1), items=[item(1)])
    yield db
    await db.close()


@pytest.fixture
def bus() -> LocalBus:
    return LocalBus()


@pytest.fixture
def hub(db: Database, bus: LocalBus) -> Hub:
    return Hub(db, bus)


async def joined(hub: Hub, participant_id: str) -> Subscriber:
    def welcome(conversation: Conversation, contact_id: str) -> Sequence[Frame]:
        return []

    subscriber = Subscriber(participant_id, "c", overflow=lambda: None)
    assert await hub.join(subscriber, welcome)
    return subscriber


async def at_rest() -> None:
    """Waits until the hub has nothing more to do."""
    busy = [task for task in asyncio.all_tasks() if getattr(task.get_coro(), "__qualname__", "") == "Hub._serve"]
    await asyncio.gather(*busy)


async def happens(db: Database, bus: LocalBus, *items: Item) -> None:
    await record(db, "c", items=items)
    await bus.announce(Announcement("c"))


async def heard(subscriber: Subscriber, until: str) -> list[tuple[str, bool]]:
    """What a socket got, up to what says this or is of this content type: each with whether it was the last."""
    got: list[tuple[str, bool]] = []
    async with asyncio.timeout(10):
        while not got or got[-1][0] != until:
            frame = await subscriber.frames.get()
            shown = json.loads(json.loads(frame.text)["content"])
            got.append((shown.get("Content") or shown["ContentType"], frame.last))
    return got


@pytest.mark.parametrize("trigger", ["survey", "parked", "released", "agent_disconnected", "participant_idle", "new"])
async def test_whoever_leaves_a_chat_that_goes_on_hears_its_end(
    db: Database, bus: LocalBus, hub: Hub, trigger: str
) -> None:
    customer, agent = await joined(hub, CUSTOMER.id), await joined(hub, AGENT.id)
    await happens(db, bus, item(2, trigger=trigger, **THEIRS), item(3))
    assert await heard(agent, CHAT_ENDED) == [(LEFT, False), (CHAT_ENDED, True)]
    assert await heard(customer, "text 3") == [(LEFT, False), ("text 3", False)]


async def test_leaving_before_the_end_is_not_yet_the_end(db: Database, bus: LocalBus, hub: Hub) -> None:
    agent = await joined(hub, AGENT.id)
    over = item(3, type="EVENT", content_type=CHAT_ENDED, content=None, participant_id=None, role="SYSTEM", name=None)
    await happens(db, bus, item(2, **THEIRS), over)
    assert await heard(agent, CHAT_ENDED) == [(LEFT, False), (CHAT_ENDED, True)]
    assert agent.frames.empty()


async def test_who_is_back_is_not_sent_away_by_what_once_made_them_leave(db: Database, bus: LocalBus, hub: Hub) -> None:
    customer = await joined(hub, CUSTOMER.id)
    await at_rest()
    await record(db, "c", items=[item(2, trigger="parked", **THEIRS)])  # and the announcement is lost
    agent = await joined(hub, AGENT.id)
    await happens(db, bus, item(3))
    assert await heard(agent, "text 3") == [("text 3", False)]
    assert await heard(customer, "text 3") == [(LEFT, False), ("text 3", False)]
