"""Accepted messages that are not recorded yet: reads wait for them, and too many of them refuse new ones."""

from __future__ import annotations

import asyncio

import pytest

from domain.errors import Throttled
from realtime import accepted_messages as module
from realtime.accepted_messages import AcceptedMessages
from runtime.bus import Announcement, LocalBus
from runtime.metrics import ApiMetrics
from store.database import Database
from tests.store.sample_records import item, record

LIMIT = 3


@pytest.fixture
def accepted(db: Database, bus: LocalBus) -> AcceptedMessages:
    return AcceptedMessages(db, bus, LIMIT)


async def accept(accepted: AcceptedMessages, id: str) -> None:
    await accepted.admit("c", id)


async def fill(accepted: AcceptedMessages) -> None:
    for number in range(LIMIT):
        await accept(accepted, f"m{number}")


async def test_messages_beyond_the_limit_wait_in_order_until_others_are_recorded(
    bus: LocalBus, accepted: AcceptedMessages
) -> None:
    await fill(accepted)
    waiting = [asyncio.create_task(accept(accepted, id)) for id in ("n0", "n1")]
    await asyncio.sleep(0)
    await bus.announce(Announcement("c", record_changed=True))
    await bus.announce(Announcement("other", items=(item(1, id="m0"),)))
    await asyncio.sleep(0)
    assert not waiting[0].done()
    await bus.announce(Announcement("c", items=(item(1, id="m0"),)))
    await waiting[0]
    assert not waiting[1].done()
    await bus.announce(Announcement("c", items=(item(2, id="m1"),)))
    await waiting[1]
    assert accepted.count == LIMIT


async def test_message_that_waits_too_long_is_throttled(
    accepted: AcceptedMessages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROOM_WAIT_SECONDS", 0.01)
    await fill(accepted)
    with pytest.raises(Throttled):
        await accept(accepted, "n")
    accepted.remove("c", "m0")
    await accept(accepted, "n")


async def test_message_is_throttled_at_once_when_too_many_wait(accepted: AcceptedMessages) -> None:
    await fill(accepted)
    waiting = [asyncio.create_task(accept(accepted, f"n{number}")) for number in range(LIMIT)]
    await asyncio.sleep(0)
    with pytest.raises(Throttled):
        accepted.require_short_wait()
    with pytest.raises(Throttled):
        await accept(accepted, "n")
    waiting[0].cancel()
    await asyncio.wait(waiting[:1])
    accepted.require_short_wait()
    for number in range(LIMIT):
        accepted.remove("c", f"m{number}")
    await asyncio.gather(*waiting[1:])


async def test_announcement_without_items_counts_all_as_recorded(bus: LocalBus, accepted: AcceptedMessages) -> None:
    await fill(accepted)
    await bus.announce(Announcement("c"))
    assert accepted.count == 0


async def test_repeated_message_counts_once(accepted: AcceptedMessages) -> None:
    for _ in range(2 * LIMIT):
        await accept(accepted, "m")
    assert accepted.count == 1
    for _ in range(2):
        accepted.remove("c", "m")
    assert accepted.count == 0


async def test_old_messages_count_as_recorded(accepted: AcceptedMessages, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill(accepted)
    now = module.monotonic()
    monkeypatch.setattr(module, "monotonic", lambda: now + module.MAX_AGE_SECONDS + 1)
    await accept(accepted, "n")
    assert accepted.count == 1


async def test_metrics_tell_recent_messages_from_late_ones(
    db: Database, bus: LocalBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = ApiMetrics()
    await fill(AcceptedMessages(db, bus, LIMIT, metrics))
    assert value(metrics, "perennial_messages_unrecorded") == LIMIT
    now = module.monotonic()
    monkeypatch.setattr(module, "monotonic", lambda: now + module.MAX_AGE_SECONDS + 1)
    assert value(metrics, "perennial_messages_unrecorded") == 0
    assert value(metrics, "perennial_messages_recorded_late_total") == LIMIT


def value(metrics: ApiMetrics, name: str) -> float | None:
    return metrics.registry.get_sample_value(name)


async def test_read_waits_for_the_latest_message(db: Database, bus: LocalBus, accepted: AcceptedMessages) -> None:
    assert not await accepted.wait_until_recorded("c")
    await accept(accepted, "m1")
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
    await accept(accepted, "m1")
    await record(db, "c", items=[item(1, id="m1")])
    assert await accepted.wait_until_recorded("c")
    assert accepted.count == 0


async def test_room_is_found_though_no_announcement_comes(db: Database, accepted: AcceptedMessages) -> None:
    await fill(accepted)
    await record(db, "c", items=[item(1, id="m0")])
    await accept(accepted, "n")
    assert accepted.count == LIMIT


async def test_cancelled_sender_stays_cancelled_and_leaves_the_queue(accepted: AcceptedMessages) -> None:
    await fill(accepted)
    waiting = asyncio.create_task(accept(accepted, "n0"))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    accepted.remove("c", "m0")
    assert accepted.count == LIMIT - 1


async def test_room_goes_to_the_next_sender_when_the_first_has_just_given_up(accepted: AcceptedMessages) -> None:
    await fill(accepted)
    first, second = (asyncio.create_task(accept(accepted, id)) for id in ("n0", "n1"))
    await asyncio.sleep(0)
    first.cancel()
    accepted.remove("c", "m0")
    await second
    with pytest.raises(asyncio.CancelledError):
        await first
    assert accepted.count == LIMIT


async def test_recorded_messages_leave_nothing_behind(
    accepted: AcceptedMessages, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = module.monotonic()
    for number in range(1_000):
        monkeypatch.setattr(module, "monotonic", lambda number=number: now + number)
        await accept(accepted, f"m{number}")
        accepted.remove("c", f"m{number - 1}")  # there is always one that is not recorded yet
    assert len(accepted._by_age) <= module.MAX_AGE_SECONDS + 2  # pyright: ignore[reportPrivateUsage]
