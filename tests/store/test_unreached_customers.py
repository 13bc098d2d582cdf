"""Customers who are away while messages wait for them: who counts, when the event is written, and what cancels it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from configuration.current import Configuration
from configuration.schema.instances import InstanceSettings
from engine import unreached_customers
from engine.unreached_customers import ReconnectLink, UnreachedCustomers
from runtime.bus import LocalBus
from store.absences import due_absences
from store.connections import add_connection, mark_connection_lost
from store.database import Database
from store.feed import FeedPosition, StoredEvent, page_of_feed
from tests.store.sample_records import AGENT, CUSTOMER, INSTANCE, after, item, opening, read, record, snapshot

PROCESS = "process"
BY_AGENT: dict[str, Any] = {"participant_id": AGENT.id, "role": "AGENT", "name": "Ann"}


def watch(db: Database, **workstream: Any) -> UnreachedCustomers:
    """The watch of a workstream that waits for ten minutes."""
    rules = {"mode": "persistent", "queue": "support", "unreached_after": "PT10M", **workstream}
    instances = {INSTANCE: InstanceSettings.model_validate({"workstreams": {"flow-1": rules}})}
    configuration = Configuration(instances, db, LocalBus())
    return UnreachedCustomers(db, configuration, lambda chat, page: ReconnectLink(f"to {chat}", page and f"{page}?x"))


async def lose(db: Database, at: datetime | None = None, participant: str = CUSTOMER.id, **loss: Any) -> None:
    """Have a participant connect, and then lose the last connection."""
    await add_connection(db, participant, "c", PROCESS)
    assert await mark_connection_lost(db, participant, PROCESS, at or after(10), **loss)


async def told(db: Database) -> list[StoredEvent]:
    events = await page_of_feed(db, INSTANCE, FeedPosition(), 1_000)
    return [event for event in events if event.type == "customer.unreached"]


@pytest.fixture(autouse=True)
async def _chat(db: Database) -> None:
    await record(db, "c", opening=opening(), snapshot=snapshot(1))


async def test_backend_hears_of_words_that_wait_once(db: Database) -> None:
    await lose(db)
    await record(db, "c", items=[item(20, **BY_AGENT), item(30, **BY_AGENT)])
    for _ in range(2):
        await watch(db, reconnection={"portal_url": "https://example.org/chat"}).look()
    await record(db, "c", items=[item(40, **BY_AGENT)])
    await watch(db).look()
    [event] = await told(db)
    assert (event.conversation_id, event.contact_id) == ("c", "c")
    assert event.data == {
        "participant_id": CUSTOMER.id,
        "lost_at": "2026-03-01T00:00:09.987000Z",
        "waiting_since": "2026-03-01T00:00:19.987000Z",
        "message_id": "item-20",
        "reconnect_id": "to c",
        "reconnect_url": "https://example.org/chat?x",
    }


async def test_each_absence_counts(db: Database) -> None:
    for start in (10, 100):
        await lose(db, after(start))
        await record(db, "c", items=[item(start + 1, **BY_AGENT)])
        await watch(db).look()
    assert len({event.id for event in await told(db)}) == 2


@pytest.mark.parametrize(
    "words",
    [
        {"participant_id": None, "role": "SYSTEM", "name": "SYSTEM"},
        {},
        {**BY_AGENT, "type": "EVENT", "content": None},
    ],
)
async def test_only_words_of_agents_and_bots_count(db: Database, words: dict[str, Any]) -> None:
    await lose(db)
    await record(db, "c", items=[item(20, **words)])
    await watch(db).look()
    assert await told(db) == []


async def test_words_of_a_bot_count(db: Database) -> None:
    await lose(db)
    await record(db, "c", items=[item(20, participant_id="bot", role="CUSTOM_BOT", name="Bot")])
    await watch(db).look()
    assert len(await told(db)) == 1


async def test_words_before_the_loss_do_not_count(db: Database) -> None:
    await record(db, "c", items=[item(9, **BY_AGENT), item(10, **BY_AGENT)])
    await lose(db)
    await watch(db).look()
    assert await told(db) == []


async def test_loss_counts_from_the_last_sign_of_life(db: Database) -> None:
    await record(db, "c", items=[item(9, **BY_AGENT)])
    await lose(db, silent_since=after(8))
    await watch(db).look()
    assert len(await told(db)) == 1


async def test_words_that_the_customer_has_read_elsewhere_do_not_wait(db: Database) -> None:
    await lose(db)
    await record(db, "c", items=[item(20, **BY_AGENT)])
    await read(db, 20, 21, CUSTOMER.id)
    await watch(db).look()
    assert await told(db) == []


async def test_customer_who_returns_cancels_it(db: Database) -> None:
    await lose(db)
    await record(db, "c", items=[item(20, **BY_AGENT)])
    await add_connection(db, CUSTOMER.id, "c", PROCESS)
    await watch(db).look()
    assert await told(db) == []


async def test_agent_who_is_away_is_nobody_to_tell_of(db: Database) -> None:
    await lose(db, participant=AGENT.id)
    assert await due_absences(db, datetime.now(UTC), 10) == []


async def test_words_wait_for_the_whole_time(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = datetime.now(UTC) - timedelta(minutes=9)
    await lose(db, sent - timedelta(minutes=1))
    await record(db, "c", items=[item(20, at=sent, **BY_AGENT)])
    watching = watch(db)
    await watching.look()
    assert await told(db) == []
    [absence] = await due_absences(db, sent + timedelta(minutes=10, milliseconds=1), 10)
    assert absence.waiting_since is not None
    assert await due_absences(db, sent + timedelta(minutes=10) - timedelta(seconds=1), 10) == []
    _travel(monkeypatch, timedelta(minutes=1, seconds=1))
    await watching.look()
    assert len(await told(db)) == 1


async def test_words_that_come_after_a_look_are_told_in_time(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    await lose(db)
    await watch(db).look()
    sent = datetime.now(UTC) + timedelta(minutes=3)
    await record(db, "c", items=[item(20, at=sent, **BY_AGENT)])
    for minutes, count in ((10.5, 0), (12.9, 0), (13.1, 1)):
        _travel(monkeypatch, timedelta(minutes=minutes))
        await watch(db).look()
        assert len(await told(db)) == count


async def test_ended_chat_has_nobody_to_reach(db: Database) -> None:
    await lose(db)
    await record(db, "c", items=[item(20, **BY_AGENT)])
    await record(db, "c", snapshot=snapshot(2, state="WRAP_UP", ended_at=after(30), end_reason="agent ended"))
    await watch(db).look()
    assert await told(db) == []
    assert await due_absences(db, datetime.now(UTC) + timedelta(days=1), 10) == []


async def test_it_is_off_by_default(db: Database) -> None:
    await lose(db)
    await record(db, "c", items=[item(20, **BY_AGENT)])
    await watch(db, unreached_after=None).look()
    assert await told(db) == []
    await watch(db).look()
    assert len(await told(db)) == 1


async def test_two_watches_tell_it_once(db: Database) -> None:
    await lose(db)
    await record(db, "c", items=[item(20, **BY_AGENT)])
    await asyncio.gather(*(watch(db).look() for _ in range(4)))
    assert len(await told(db)) == 1


async def test_workstream_without_reconnection_has_no_link(db: Database) -> None:
    await lose(db)
    await record(db, "c", items=[item(20, **BY_AGENT)])
    await watch(db).look()
    [event] = await told(db)
    assert event.data["reconnect_id"] is None


def _travel(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    """Move the clock of the watch forward."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(tz) + by

    monkeypatch.setattr(unreached_customers, "datetime", Clock)
