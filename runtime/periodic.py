"""Supervised periodic tasks, and starting and stopping the parts of a process that run in the background."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Protocol

from domain.errors import StoreUnavailable

logger = logging.getLogger(__name__)

JITTER = 0.1
"""Each delay is lengthened by a random part of up to this fraction, so that processes do not run in step."""

LATE_AFTER = timedelta(seconds=30)
"""A task counts as late when it had no success for three intervals, but not before this time."""

FIRST_RETRY_DELAY = timedelta(seconds=1)
MAX_RETRY_DELAY = timedelta(seconds=5)
_MAX_DOUBLINGS = 16


class Startable(Protocol):
    """A part of a process that runs in the background."""

    async def start(self) -> None:
        """Start the part. Returns as soon as it runs."""
        ...

    async def stop(self) -> None:
        """Stop the part. Returns when it no longer runs."""
        ...


class PeriodicTask:
    """Runs `work` again and again, one run at a time, until it is stopped.

    The first run comes one interval after the start; call `wake` before the start for a run at once. An exception never
    ends the task: it is logged, and the next attempt follows with exponential back-off.
    """

    def __init__(
        self,
        purpose: str,
        work: Callable[[], Awaitable[object]],
        interval: timedelta,
        *,
        gather: timedelta = timedelta(0),
        max_retry_delay: timedelta | None = None,
        aligned: bool = False,
    ) -> None:
        """Prepare the task.

        Args:
            purpose: what `work` does, for the log: "cannot {purpose}; ...". It also names the task in health and metrics.
            work: the work of one run.
            interval: the delay between the end of a run and the next run.
            gather: the delay between a wake-up and the run, so that one run serves several wake-ups.
            max_retry_delay: the longest delay after a failure. None: the longer of the interval and `MAX_RETRY_DELAY`.
            aligned: run at the multiples of `interval` since 1970, without jitter and back-off, so that all processes run
                at the same instants.
        """
        self.purpose = purpose
        self._work = work
        self._interval = interval
        self._gather = gather
        self._max_retry_delay = max(interval, MAX_RETRY_DELAY) if max_retry_delay is None else max_retry_delay
        self._aligned = aligned
        self._failures = 0
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._started_at: datetime | None = None
        self.last_success: datetime | None = None
        """When the last successful run ended (UTC). None before the first."""

    @property
    def is_running(self) -> bool:
        """Whether the task is started and not stopped."""
        return self._task is not None and not self._task.done()

    def is_late(self, now: datetime) -> bool:
        """Whether the task runs and has had no success for long: three intervals, and at least `LATE_AFTER`."""
        since = max(filter(None, (self._started_at, self.last_success)), default=None)
        return self.is_running and since is not None and now - since > max(3 * self._interval, LATE_AFTER)

    async def start(self) -> None:
        """Start the task. Does nothing if it runs already."""
        if not self.is_running:
            self._started_at = datetime.now(UTC)
            self._task = asyncio.create_task(self._run(), name=self.purpose)

    async def stop(self) -> None:
        """Cancel the task and wait until it has stopped. Does nothing if it is not running."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def wake(self) -> None:
        """Request a run without waiting for the interval. A back-off after a failure is not shortened.

        Any number of calls before the run begins lead to one run; a call during a run leads to another.
        """
        self._woken.set()

    async def _run(self) -> None:
        delay = self._next_delay()
        # work that swallows its cancellation does not keep the task alive
        while not _is_cancelled():
            await self._wait(delay)
            self._woken.clear()
            delay = await self._attempt()

    async def _wait(self, delay: timedelta) -> None:
        if self._failures:
            await asyncio.sleep(delay.total_seconds())
            return
        # not `wait_for`: on Python 3.11 it can swallow a cancellation
        with suppress(TimeoutError):
            async with asyncio.timeout(delay.total_seconds()):
                await self._woken.wait()
        if self._woken.is_set():
            await asyncio.sleep(self._gather.total_seconds())

    async def _attempt(self) -> timedelta:
        """Run the work once. Returns the delay until the next run."""
        try:
            await self._work()
        except (Exception, asyncio.CancelledError) as error:
            if _is_cancelled():
                raise
            # a CancelledError without a request to cancel this task comes from something that the work waited for
            self._failures += 1
            delay = self._next_delay()
            # the store itself logs that it is away, once for all
            trace = None if isinstance(error, StoreUnavailable) else error
            level = logging.ERROR if trace else logging.INFO
            logger.log(level, "cannot %s; next attempt in %.1f s", self.purpose, delay.total_seconds(), exc_info=trace)
            return delay
        self._failures = 0
        self.last_success = datetime.now(UTC)
        return self._next_delay()

    def _next_delay(self) -> timedelta:
        if self._aligned:
            return time_to_next_instant(self._interval, datetime.now(UTC))
        delay = self._interval
        if self._failures:
            doublings = min(self._failures - 1, _MAX_DOUBLINGS)
            delay = min(min(self._interval, FIRST_RETRY_DELAY) * 2**doublings, self._max_retry_delay)
        return delay * (1 + random.uniform(0, JITTER))  # noqa: S311 - jitter is no secret


class PeriodicTasks:
    """Base class of a part whose background work is periodic tasks: they start and stop with the part."""

    def __init__(self, *tasks: PeriodicTask) -> None:
        self._tasks = tasks

    @property
    def loops(self) -> tuple[PeriodicTask, ...]:
        """All periodic tasks of the part."""
        return self._tasks

    async def start(self) -> None:
        """Start the tasks."""
        for task in self._tasks:
            await task.start()

    async def stop(self) -> None:
        """Stop the tasks, the last first, and wait for their end."""
        for task in reversed(self._tasks):
            await task.stop()


@asynccontextmanager
async def run_in_background(*parts: Startable) -> AsyncGenerator[None, None]:
    """Start parts in order; stop those that were started in reverse order at the end of the block."""
    async with AsyncExitStack() as stack:
        for part in parts:
            await part.start()
            stack.push_async_callback(part.stop)
        yield


def time_to_next_instant(interval: timedelta, now: datetime) -> timedelta:
    """The time from `now` to the next multiple of `interval` since 1970; never zero."""
    seconds = interval.total_seconds()
    return timedelta(seconds=seconds - now.timestamp() % seconds)


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
