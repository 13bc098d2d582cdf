"""Connection tracking when the store, the engine or other processes fail: each connect and disconnect is reported in order."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from api.errors import Unavailable
from realtime import connections as tracking
from store import connections
from store.database import Database
from tests.realtime.trackers import (
    BLINK,
    SHORT,
    Observer,
    Open,
    leases,
    observer,
    open,
    wait_for_connection,
)
from tests.store.conftest import db, url
from tests.workflows.engine import eventually

__all__ = ["db", "observer", "open", "url"]


async def test_connect_and_disconnect_are_reported_once(db: Database, observer: Observer, open: Open) -> None:
    one, two = await open(), await open()
    one.opened("ann", "c")
    await wait_for_connection(db)
    for process in (one, two):
        process.opened("ann", "c")
    await wait_for_connection(db, processes=2)
    one.closed("ann", "c")
    one.closed("ann", "c")
    await wait_for_connection(db)
    two.closed("ann", "c")
    await observer.wait_for_reports("connected", "disconnected")


async def test_connect_is_reported_again_after_a_wrong_disconnect(db: Database, observer: Observer, open: Open) -> None:
    process = await open(lease=SHORT)
    process.opened("ann", "c")
    await connections.mark_connection_lost(db, "ann", await wait_for_connection(db), datetime.now(UTC))
    await observer.wait_for_reports("connected", "connected")
    await wait_for_connection(db)
    process.closed("ann", "c")
    await observer.wait_for_reports("connected", "connected", "disconnected")


async def test_process_keeps_its_lease_while_reports_fail(db: Database, observer: Observer, open: Open) -> None:
    observer.fault = Unavailable("the engine is away")
    await connections.add_connection(db, "ann", "c", "dead")
    await open(lease=SHORT)
    await observer.wait_for_failure()
    before = await leases(db)

    async def is_renewed() -> bool | None:
        return all(until > before[process] + 2 * SHORT for process, until in (await leases(db)).items()) or None

    await eventually(is_renewed, "the lease is renewed")
    observer.fault = None

    async def is_reported() -> bool | None:
        return "disconnected" in observer.reports or None

    await eventually(is_reported, "the loss is reported")
    # each at least once: the next look can have begun before the report ended
    assert [*dict.fromkeys(observer.reports)] == ["connected", "disconnected"]


async def test_lease_is_renewed_while_the_comparison_with_the_store_waits(
    db: Database, open: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    compares, may_go_on = asyncio.Event(), asyncio.Event()

    async def wait(*args: Any) -> list[connections.Connection]:
        compares.set()
        await may_go_on.wait()
        return []

    monkeypatch.setattr(connections, "connections_of", wait)
    await open(lease=SHORT)
    async with asyncio.timeout(10):
        await compares.wait()
    before = await leases(db)

    async def is_renewed() -> bool | None:
        return all(until > before[process] + SHORT for process, until in (await leases(db)).items()) or None

    await eventually(is_renewed, "the lease is renewed")
    may_go_on.set()


async def test_process_whose_lease_expired_gives_others_time_to_renew_theirs(
    db: Database, open: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    renew, connections_of_dead_processes = connections.set_lease_end, connections.connections_of_dead_processes
    renewed_at, searched_at = list[float](), list[float]()
    is_away, refused = False, asyncio.Event()

    async def renew_unless_away(*args: Any) -> None:
        if is_away:
            refused.set()
            raise OSError("the store is away")
        await renew(*args)
        renewed_at.append(time.monotonic())

    async def searched(*args: Any) -> list[connections.Connection]:
        searched_at.append(time.monotonic())
        return await connections_of_dead_processes(*args)

    async def has_lapsed() -> bool | None:
        # the store has whole milliseconds, and the process does not
        return max((await leases(db)).values()) < datetime.now(UTC) - 2 * BLINK or None

    async def has_searched() -> bool | None:
        for loop in process.loops:  # it searches as soon as it may
            loop.wake()
        return bool(searched_at) or None

    monkeypatch.setattr(connections, "set_lease_end", renew_unless_away)
    monkeypatch.setattr(connections, "connections_of_dead_processes", searched)
    process = await open(lease=SHORT)
    is_away = True
    async with asyncio.timeout(10):
        await refused.wait()
    await eventually(has_lapsed, "the lease has run out")
    renewed_at.clear()
    searched_at.clear()
    is_away = False
    await eventually(has_searched, "it searches for dead processes")
    assert searched_at[0] - renewed_at[0] > (SHORT / 2).total_seconds()


async def test_reconnect_while_the_disconnect_is_written_is_reported(
    db: Database, observer: Observer, open: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = await open()
    process.opened("ann", "c")
    await wait_for_connection(db)
    writing, may_write = asyncio.Event(), asyncio.Event()
    mark_connection_lost = connections.mark_connection_lost

    async def mark_slowly(*args: Any, **options: Any) -> bool:
        writing.set()
        await may_write.wait()
        return await mark_connection_lost(*args, **options)

    monkeypatch.setattr(connections, "mark_connection_lost", mark_slowly)
    process.closed("ann", "c")
    async with asyncio.timeout(10):
        await writing.wait()
    process.opened("ann", "c")
    may_write.set()
    await observer.wait_for_reports("connected", "disconnected", "connected")
    await wait_for_connection(db)


async def test_reconnect_before_the_disconnect_is_written_is_not_reported(
    db: Database, observer: Observer, open: Open
) -> None:
    observer.fault = Unavailable("the engine is away")
    process = await open()
    process.opened("ann", "c")
    await observer.wait_for_failure()
    process.closed("ann", "c")
    process.opened("ann", "c")
    observer.fault = None
    await wait_for_connection(db)
    second_disconnect = datetime.now(UTC)
    process.closed("ann", "c")
    await observer.wait_for_reports("connected", "disconnected")
    assert observer.lost_at[0] >= second_disconnect


async def test_disconnect_that_cannot_be_written_is_reported_later(
    db: Database, observer: Observer, open: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = await open(lease=SHORT)
    process.opened("ann", "c")
    await wait_for_connection(db)
    mark_connection_lost, faults = connections.mark_connection_lost, [OSError("the store is away")]

    async def at_the_second_attempt(*args: Any, **options: Any) -> bool:
        if faults:
            raise faults.pop()
        return await mark_connection_lost(*args, **options)

    monkeypatch.setattr(connections, "mark_connection_lost", at_the_second_attempt)
    process.closed("ann", "c")
    lost = datetime.now(UTC)
    await observer.wait_for_reports("connected", "disconnected")
    assert observer.lost_at[0] <= lost


@pytest.mark.parametrize("fault", [Unavailable("the engine is away"), OSError("the store is away")])
async def test_connect_that_cannot_be_reported_is_reported_later(
    db: Database, observer: Observer, open: Open, fault: Exception
) -> None:
    observer.fault = fault
    process = await open(lease=SHORT)
    process.opened("ann", "c")
    await observer.wait_for_failure()
    observer.fault = None
    await observer.wait_for_reports("connected")
    await wait_for_connection(db)


async def test_unreported_connect_of_a_stopped_process_is_reported_by_the_next(
    db: Database, observer: Observer, open: Open
) -> None:
    observer.fault = Unavailable("the engine is away")
    stopping = await open()
    stopping.opened("ann", "c")
    await observer.wait_for_failure()
    await stopping.stop()
    observer.fault = None
    process = await open()
    process.opened("ann", "c")
    await observer.wait_for_reports("connected")
    await wait_for_connection(db)


async def test_unreported_connect_of_a_dead_process_is_reported_before_its_loss(
    db: Database, observer: Observer, open: Open
) -> None:
    await connections.add_connection(db, "ann", "c", "a dead process")
    await connections.set_lease_end(db, "a dead process", datetime.now(UTC) - timedelta(minutes=1))
    await open(lease=SHORT)
    await observer.wait_for_reports("connected", "disconnected")


async def test_connect_and_disconnect_during_an_outage_are_reported_in_order(
    db: Database, observer: Observer, open: Open
) -> None:
    observer.fault = Unavailable("the engine is away")
    process = await open()
    process.opened("ann", "c")
    await observer.wait_for_failure()
    process.closed("ann", "c")
    observer.fault = None
    await observer.wait_for_reports("connected", "disconnected")


async def test_reports_after_an_outage_are_few_at_a_time(
    db: Database, observer: Observer, open: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once, most = 0, 0
    all_are_used = asyncio.Event()

    async def connected(conversation_id: str, participant_id: str, at: datetime) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        if at_once == tracking.CALLS_AT_ONCE:
            all_are_used.set()
        await all_are_used.wait()
        await asyncio.sleep(0.001)
        at_once -= 1
        observer.reports.append(participant_id)

    monkeypatch.setattr(observer, "connected", connected)
    monkeypatch.setattr(tracking, "CALLS_AT_ONCE", 3)
    process = await open()
    participants = sorted(f"p{number}" for number in range(60))
    for participant in participants:
        process.opened(participant, "c")

    async def all_reported() -> bool | None:
        return len(observer.reports) == len(participants) or None

    await eventually(all_reported, "all are reported")
    assert sorted(observer.reports) == participants
    assert most == 3


async def test_failed_reports_are_repeated_ever_more_rarely_and_not_in_step(
    observer: Observer, open: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: dict[str, list[float]] = {"ann": [], "bob": []}

    async def connected(conversation_id: str, participant_id: str, at: datetime) -> None:
        calls[participant_id].append(asyncio.get_running_loop().time())
        if len(calls[participant_id]) < 8:
            raise Unavailable("the engine is away")

    monkeypatch.setattr(observer, "connected", connected)
    process = await open()
    for participant in calls:
        process.opened(participant, "c")

    async def done() -> bool | None:
        return all(len(times) == 8 for times in calls.values()) or None

    await eventually(done, "both are reported")
    for times in calls.values():
        assert times[-1] - times[-2] > 4 * (times[1] - times[0])
    gaps = [[round(later - earlier, 4) for earlier, later in pairwise(times)] for times in calls.values()]
    assert gaps[0] != gaps[1]


async def test_silence_counts_from_the_last_sign_of_life_on_any_socket(
    db: Database, observer: Observer, open: Open
) -> None:
    process = await open()
    begun = datetime.now(UTC)
    process.opened("ann", "c")
    fell_silent = datetime.now(UTC)
    await wait_for_connection(db)
    process.closed("ann", "c", silent_since=fell_silent)
    await observer.wait_for_reports("connected", "disconnected")
    process.opened("ann", "c")
    process.opened("ann", "c")
    await observer.wait_for_reports("connected", "disconnected", "connected")
    closed_one = datetime.now(UTC)
    process.closed("ann", "c")
    process.closed("ann", "c", silent_since=begun)
    await observer.wait_for_reports("connected", "disconnected", "connected", "disconnected")
    first, second = observer.silent_since
    assert first == fell_silent
    assert second is None or second >= closed_one
    assert observer.lost_at[0] > fell_silent
