"""Periodic tasks, in a loop whose clock jumps to the next timer: intervals of hours take no time."""

from __future__ import annotations

import asyncio
import logging
import selectors
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from runtime import periodic
from runtime.periodic import PeriodicTask, PeriodicTasks, run_in_background, time_to_next_instant

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


class JumpingSelector(selectors.SelectSelector):
    """Never waits: the time until the next timer is added to the clock instead."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.now += timeout or 0
        return super().select(0)


class JumpingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._clock = JumpingSelector()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(test())


def now() -> float:
    return asyncio.get_running_loop().time()


class Work:
    """Work that notes when each run begins, and fails with the given outcomes."""

    def __init__(self, *outcomes: BaseException | None, takes: float = 0) -> None:
        self.outcomes = list(outcomes)
        self.takes = takes
        self.begun: list[float] = []
        self._runs = asyncio.Condition()

    async def __call__(self) -> None:
        async with self._runs:
            self.begun.append(now())
            self._runs.notify_all()
        await asyncio.sleep(self.takes)
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if outcome:
            raise outcome

    async def reaches(self, runs: int) -> None:
        async with self._runs:
            await self._runs.wait_for(lambda: len(self.begun) >= runs)

    @property
    def delays(self) -> list[float]:
        starts = [0.0, *self.begun]
        return [round(after - before, 6) for before, after in pairwise(starts)]


@pytest.fixture(autouse=True)
def _no_jitter(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    monkeypatch.setattr(periodic, "JITTER", 0)


def test_work_runs_once_per_interval_after_the_end_of_the_last_run() -> None:
    async def test() -> None:
        work = Work(takes=5)
        async with run_in_background(PeriodicTask("work", work, MINUTE)):
            await work.reaches(3)
        assert work.delays == [60, 65, 65]

    run(test)


def test_jitter_lengthens_each_delay_by_up_to_a_tenth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(periodic, "JITTER", 0.1)

    async def test() -> None:
        work = Work()
        async with run_in_background(PeriodicTask("work", work, MINUTE)):
            await work.reaches(20)
        assert all(60 <= delay <= 66 for delay in work.delays)
        assert len(set(work.delays)) > 1

    run(test)


def test_wake_up_runs_the_work_at_once() -> None:
    async def test() -> None:
        work = Work()
        task = PeriodicTask("work", work, HOUR)
        async with run_in_background(task):
            await asyncio.sleep(10)
            task.wake()
            await work.reaches(2)
        assert work.delays == [10, 3600]

    run(test)


def test_wake_up_before_the_start_makes_the_first_run_immediate() -> None:
    async def test() -> None:
        work = Work()
        task = PeriodicTask("work", work, HOUR)
        task.wake()
        async with run_in_background(task):
            await work.reaches(2)
        assert work.delays == [0, 3600]

    run(test)


def test_wake_up_during_a_run_leads_to_another_run() -> None:
    async def test() -> None:
        work = Work(takes=5)
        task = PeriodicTask("work", work, HOUR)
        async with run_in_background(task):
            await work.reaches(1)
            task.wake()
            await work.reaches(3)
        assert work.delays == [3600, 5, 3605]

    run(test)


def test_wake_ups_within_the_gather_time_share_one_run() -> None:
    async def test() -> None:
        work = Work()
        task = PeriodicTask("work", work, HOUR, gather=SECOND)
        async with run_in_background(task):
            for _ in range(3):
                task.wake()
                await asyncio.sleep(0.3)
            await work.reaches(2)
        assert work.delays == [1, 3600]

    run(test)


def test_failures_are_retried_with_growing_delays_until_a_success() -> None:
    async def test() -> None:
        work = Work(*[OSError("no store")] * 6, None, OSError("no store"))
        async with run_in_background(PeriodicTask("work", work, MINUTE, max_retry_delay=timedelta(seconds=10))):
            await work.reaches(9)
        assert work.delays == [60, 1, 2, 4, 8, 10, 10, 60, 1]

    run(test)


@pytest.mark.parametrize(
    ("interval", "longest", "delays"),
    [(SECOND / 10, None, [0.1, 0.2, 0.4]), (HOUR, None, [1, 2, 4]), (2 * SECOND, 2 * SECOND, [1, 2, 2])],
)
def test_first_retry_follows_after_the_interval_or_a_second(
    interval: timedelta, longest: timedelta | None, delays: list[float]
) -> None:
    async def test() -> None:
        work = Work(*[OSError("no store")] * 3)
        async with run_in_background(PeriodicTask("work", work, interval, max_retry_delay=longest)):
            await work.reaches(4)
        assert work.delays[1:] == delays

    run(test)


def test_wake_up_does_not_shorten_a_back_off() -> None:
    async def test() -> None:
        work = Work(OSError("no store"), OSError("no store"))
        task = PeriodicTask("work", work, MINUTE)
        async with run_in_background(task):
            for runs in (1, 2, 3):
                await work.reaches(runs)
                task.wake()
        assert work.delays == [60, 1, 2]

    run(test)


def test_each_failure_is_logged_once_and_the_last_success_is_known(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        work = Work(OSError("no store"), None, OSError("no store"), OSError("no store"), takes=1)
        task = PeriodicTask("read the store", work, MINUTE)
        async with run_in_background(task):
            await work.reaches(2)
            assert task.last_success is None
            await work.reaches(3)
            success = task.last_success
            assert success is not None
            assert success.tzinfo is UTC
            await work.reaches(5)
            assert task.last_success == success

    run(test)
    assert caplog.messages == [f"cannot read the store; next attempt in {delay} s" for delay in ("1.0", "1.0", "2.0")]
    assert all(record.levelno == logging.ERROR and record.exc_info for record in caplog.records)


def test_cancellation_of_something_the_work_waits_for_is_a_failure() -> None:
    async def test() -> None:
        work = Work(asyncio.CancelledError())
        async with run_in_background(PeriodicTask("work", work, MINUTE)):
            await work.reaches(2)
        assert work.delays == [60, 1]

    run(test)


@pytest.mark.parametrize("steps", range(8))
def test_stop_ends_the_task_wherever_it_is(steps: int) -> None:
    async def test() -> None:
        work = Work()
        task = PeriodicTask("work", work, MINUTE)
        await task.start()
        await asyncio.sleep(0)
        task.wake()
        for _ in range(steps):
            await asyncio.sleep(0)
        await task.stop()
        assert not task.is_running
        runs = len(work.begun)
        await asyncio.sleep(3600)
        assert len(work.begun) == runs

    run(test)


def test_stop_ends_work_that_swallows_its_cancellation() -> None:
    async def test() -> None:
        runs = list[float]()
        begun = asyncio.Event()

        async def work() -> None:
            runs.append(now())
            begun.set()
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(3600)

        task = PeriodicTask("work", work, MINUTE)
        await task.start()
        await begun.wait()
        await task.stop()
        assert (runs, task.is_running) == ([60], False)

    run(test)


def test_task_can_be_stopped_twice_and_started_again() -> None:
    async def test() -> None:
        work = Work()
        task = PeriodicTask("work", work, MINUTE)
        await task.stop()
        for runs in (1, 2):
            await task.start()
            await task.start()
            await work.reaches(runs)
            await task.stop()
            await task.stop()
        assert work.delays == [60, 60]

    run(test)


def test_parts_start_in_order_and_those_started_stop_in_reverse_order() -> None:
    calls: list[str] = []

    class Part:
        def __init__(self, name: str) -> None:
            self.name = name

        async def start(self) -> None:
            calls.append(f"start {self.name}")
            if self.name == "broken":
                raise OSError("no store")

        async def stop(self) -> None:
            calls.append(f"stop {self.name}")

    async def test() -> None:
        with pytest.raises(OSError, match="no store"):
            async with run_in_background(Part("one"), Part("two"), Part("broken"), Part("never")):
                raise AssertionError("does not run")

    run(test)
    assert calls == ["start one", "start two", "start broken", "stop two", "stop one"]


def test_part_of_several_tasks_starts_and_stops_them_all() -> None:
    async def test() -> None:
        often, rarely = Work(), Work()
        tasks = (PeriodicTask("work", often, MINUTE), PeriodicTask("work", rarely, HOUR))
        async with run_in_background(PeriodicTasks(*tasks)):
            await rarely.reaches(1)
        assert [task.is_running for task in tasks] == [False, False]
        assert (rarely.delays, len(often.begun)) == ([3600], 60)

    run(test)


@pytest.mark.parametrize(
    ("at", "seconds"),
    [("12:00:00", 30), ("12:00:00.250", 29.75), ("12:00:29.999", 0.001), ("12:00:30", 30), ("12:00:59", 1)],
)
def test_aligned_runs_are_at_multiples_of_the_interval(at: str, seconds: float) -> None:
    instant = datetime.fromisoformat(f"2026-03-01T{at}+00:00")
    delay = time_to_next_instant(timedelta(seconds=30), instant)
    assert delay.total_seconds() == pytest.approx(seconds, abs=1e-5)


def test_aligned_task_waits_for_the_next_multiple_also_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(periodic, "JITTER", 0.1)
    began = datetime(2026, 3, 1, 12, 0, 7, tzinfo=UTC)

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return began + timedelta(seconds=now())

    monkeypatch.setattr(periodic, "datetime", Clock)

    async def test() -> None:
        work = Work(None, OSError("no store"), takes=4)
        async with run_in_background(PeriodicTask("work", work, timedelta(seconds=30), aligned=True)):
            await work.reaches(4)
        assert work.delays == [23, 30, 30, 30]

    run(test)
