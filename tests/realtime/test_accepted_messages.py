"""Accepted messages that are not recorded yet: reads wait for them, and too many of them refuse new ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domain.errors import Throttled
from realtime import accepted_messages as module
from realtime.accepted_messages import AcceptedMessages
from runtime.bus import Announcement, LocalBus
from store.database import Database
from store.migrate import migrate
from tests.store.sample_records import item, opening, record, snapshot

LIMIT = 3


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    db = Database.open(f"sqlite:///{tmp_path / 'store.db'}")
    await migrate(db)
    await record(db, "c", opening=opening(), snapshot=snapshot(1))
    yield db
    await db.close()


@pytest.fixture
def bus() -> LocalBus:
    return LocalBus()


@pytest.fixture
def accepted(db: Database, bus: LocalBus) -> AcceptedMessages:
    return AcceptedMessages(db, bus, LIMIT)


def fill(accepted: AcceptedMessages) -> None:
    for number in range(LIMIT):
        accepted.require_room()
        accepted.add("c", f"m{number}")


async def test_messages_beyond_the_limit_are_throttled_until_some_are_recorded(
    bus: LocalBus, accepted: AcceptedMessages
) -> None:
    fill(accepted)
    with pytest.raises(Throttled):
        accepted.require_room()
    await bus.announce(Announcement("c", record_changed=True))
    await bus.announce(Announcement("other", items=(item(1, id="m0"),)))
    with pytest.raises(Throttled):
        accepted.require_room()
    await bus.announce(Announcement("c", items=(item(1, id="m0"),)))
    accepted.require_room()
    assert accepted.count == LIMIT - 1


async def test_announcement_without_items_counts_all_as_recorded(bus: LocalBus, accepted: AcceptedMessages) -> None:
    fill(accepted)
    await bus.announce(Announcement("c"))
    assert accepted.count == 0


def test_repeated_message_counts_once(accepted: AcceptedMessages) -> None:
    for _ in range(2 * LIMIT):
        accepted.add("c", "m")
    assert accepted.count == 1
    for _ in range(2):
        accepted.remove("c", "m")
    assert accepted.count == 0


def test_old_messages_count_as_recorded(accepted: AcceptedMessages, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(accepted)
    now = module.monotonic()
    monkeypatch.setattr(module, "monotonic", lambda: now + module.MAX_AGE_SECONDS + 1)
    accepted.require_room()
    assert accepted.count == 0


async def test_read_waits_for_the_latest_message(db: Database, bus: LocalBus, accepted: AcceptedMessages) -> None:
    assert not await accepted.wait_until_recorded("c")
    accepted.add("c", "m1")
    waiting = asyncio.create_task(accepted.wait_until_recorded("c"))
    await asyncio.sleep(0)
    assert not waiting.done()
    items = [item(1, id="m1")]
    await record(db, "c", items=items)
    await bus.announce(Announcement("c", items=tuple(items)))
    assert await waiting
    assert accepted.count == 0
    assert not await accepted.wait_until_recorded("c")


async def test_read_finds_a_message_whose_announcement_is_lost(db: Database, accepted: AcceptedMessages) -> None:
    accepted.add("c", "m1")
    await record(db, "c", items=[item(1, id="m1")])
    assert await accepted.wait_until_recorded("c")
    assert accepted.count == 0
