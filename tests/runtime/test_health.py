"""Readiness: its phases, the time limit of its checks, and that probes share their results."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from time import monotonic

import pytest

from runtime import health
from runtime.bus import LocalBus
from runtime.health import Readiness, answers, is_listening
from runtime.periodic import LATE_AFTER, PeriodicTask
from runtime.postgres_bus import PostgresBus

HOUR = timedelta(hours=1)


async def well() -> str | None:
    return None


async def test_process_is_ready_between_its_start_and_its_stop() -> None:
    readiness = Readiness()
    assert await readiness.problems() == {"process": "The process has not finished its start."}
    readiness.started({"store": well})
    assert await readiness.problems() == {}
    readiness.stopping()
    assert await readiness.problems() == {"process": "The process stops."}


async def test_problems_name_the_part_and_what_is_wrong() -> None:
    async def wrong() -> str | None:
        return "It is full."

    async def fails() -> None:
        raise ConnectionError("secret.example.org refuses")

    readiness = Readiness()
    readiness.started({"store": answers(fails), "engine": well, "bus": wrong})
    assert await readiness.problems() == {"store": "It does not answer (ConnectionError).", "bus": "It is full."}


async def test_hanging_check_counts_as_no_answer_and_is_not_started_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "CHECK_SECONDS", 0.05)
    monkeypatch.setattr(health, "SHARED_SECONDS", 0.0)
    runs, end = 0, asyncio.Event()

    async def hangs() -> str | None:
        nonlocal runs
        runs += 1
        while not end.is_set():
            try:
                await end.wait()
            except asyncio.CancelledError:
                continue  # like a driver that closes its connection first
        return None

    readiness = Readiness()
    readiness.started({"store": hangs})
    begun = monotonic()
    for _ in range(3):
        assert await readiness.problems() == {"store": "It does not answer within 0.05 s."}
    assert monotonic() - begun < 2
    assert runs == 1
    end.set()
    while await readiness.problems():
        pass
    assert runs <= 2


async def test_cancelled_check_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "CHECK_SECONDS", 0.05)
    monkeypatch.setattr(health, "SHARED_SECONDS", 0.0)
    answer = asyncio.Event()
    readiness = Readiness()
    readiness.started({"engine": answers(answer.wait)})
    assert await readiness.problems() == {"engine": "It does not answer within 0.05 s."}
    answer.set()
    assert await readiness.problems() == {}


async def test_probes_share_one_run_of_the_checks() -> None:
    runs = 0

    async def counts() -> str | None:
        nonlocal runs
        runs += 1
        await asyncio.sleep(0)
        return None

    readiness = Readiness()
    readiness.started({"store": counts})
    await asyncio.gather(*(readiness.problems() for _ in range(50)))
    await readiness.problems()
    assert runs == 1


async def test_loop_without_recent_success_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    task = PeriodicTask("count sheep", asyncio.Event().wait, HOUR)
    monkeypatch.setattr(health, "SHARED_SECONDS", 0.0)
    readiness = Readiness()
    readiness.started({}, [task])
    await task.start()
    assert await readiness.problems() == {}

    def is_late(_: datetime) -> bool:
        return True

    monkeypatch.setattr(task, "is_late", is_late)
    assert await readiness.problems() == {"loops": "No recent success: count sheep."}
    await task.stop()


@pytest.mark.parametrize(("interval", "limit"), [(timedelta(seconds=1), LATE_AFTER), (HOUR, 3 * HOUR)])
async def test_task_is_late_three_intervals_after_its_last_success(interval: timedelta, limit: timedelta) -> None:
    second, ran = timedelta(seconds=1), asyncio.Event()

    async def work() -> None:
        ran.set()

    task, begun = PeriodicTask("count sheep", work, interval), datetime.now(UTC)
    assert not task.is_late(begun + limit + second)  # it does not run
    task.wake()
    await task.start()
    await asyncio.wait_for(ran.wait(), 5)
    while task.last_success is None:
        await asyncio.sleep(0)
    assert not task.is_late(task.last_success + limit)
    assert task.is_late(task.last_success + limit + second)
    await task.stop()
    assert not task.is_late(datetime.now(UTC) + 9 * limit)


async def test_task_that_never_succeeds_is_late() -> None:
    async def fails() -> None:
        raise ValueError

    task = PeriodicTask("count sheep", fails, timedelta(seconds=1))
    await task.start()
    assert not task.is_late(datetime.now(UTC) + LATE_AFTER - timedelta(seconds=2))
    assert task.is_late(datetime.now(UTC) + LATE_AFTER + timedelta(seconds=2))
    await task.stop()


async def test_bus_without_connection_is_named() -> None:
    assert await is_listening(LocalBus())() is None
    assert "not connected" in str(await is_listening(PostgresBus("postgresql://127.0.0.1:1/none"))())
