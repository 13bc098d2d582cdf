"""Whether a process is ready for work: checks with a time limit, whose results probes share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from runtime.bus import Bus
from runtime.periodic import PeriodicTask

CHECK_SECONDS = 1.0
"""How long a check may take. A part that answers later counts as one that does not answer."""

SHARED_SECONDS = 1.0
"""How long the results of the checks stay valid, so that many probes cost as little as one."""

STARTING, STOPPING = "The process has not finished its start.", "The process stops."

Check = Callable[[], Awaitable[str | None]]
"""Returns what is wrong, as a sentence; None when all is well. An exception means that the part does not answer."""


class Readiness:
    """The readiness of a process: not before its start is finished, not once it stops, and between as its checks say."""

    def __init__(self) -> None:
        self._checks: Mapping[str, _LimitedCheck] = {}
        self._phase: str | None = STARTING
        self._found: dict[str, str] = {}
        self._found_at = float("-inf")
        self._lock = asyncio.Lock()
        self.loops: Sequence[PeriodicTask] = ()
        """The periodic tasks of the process. Empty until its start is finished."""

    def started(self, checks: Mapping[str, Check], loops: Iterable[PeriodicTask] = ()) -> None:
        """Note that the start is finished. From now on the checks decide.

        Args:
            checks: the checks by the names of their parts.
            loops: the periodic tasks of the process, which must succeed again and again: the part `loops`.
        """
        self.loops = tuple(loops)
        self._checks = {name: _LimitedCheck(check) for name, check in {**checks, "loops": self._check_loops}.items()}
        self._phase = None

    def stopping(self) -> None:
        """Note that the process stops. It is not ready any more."""
        self._phase = STOPPING

    async def problems(self) -> Mapping[str, str]:
        """What is wrong, as sentences by the name of the part; empty when the process is ready.

        Takes little longer than `CHECK_SECONDS` at most, whatever hangs.
        """
        if self._phase is None:
            async with self._lock:
                if monotonic() - self._found_at > SHARED_SECONDS:
                    self._found = await self._check_all()
                    self._found_at = monotonic()
        return self.found

    @property
    def found(self) -> Mapping[str, str]:
        """What was wrong when `problems` last looked."""
        return self._found if self._phase is None else {"process": self._phase}

    async def _check_loops(self) -> str | None:
        now = datetime.now(UTC)
        late = [loop.purpose for loop in self.loops if loop.is_late(now)]
        return f"No recent success: {', '.join(late)}." if late else None

    async def _check_all(self) -> dict[str, str]:
        answers = await asyncio.gather(*(check.problem() for check in self._checks.values()))
        return {name: problem for name, problem in zip(self._checks, answers, strict=True) if problem}


class _LimitedCheck:
    """A check with a time limit. One that hangs, even when it is cancelled, is not started a second time meanwhile."""

    def __init__(self, check: Check) -> None:
        self._check = check
        self._running: asyncio.Task[str | None] | None = None

    async def problem(self) -> str | None:
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._attempt())
        finished, _ = await asyncio.wait([self._running], timeout=CHECK_SECONDS)
        if finished and not self._running.cancelled():
            return self._running.result()
        self._running.cancel()
        return f"It does not answer within {CHECK_SECONDS:g} s."

    async def _attempt(self) -> str | None:
        try:
            return await self._check()
        except Exception as error:
            return f"It does not answer ({type(error).__name__})."


def answers(call: Callable[[], Awaitable[Any]]) -> Check:
    """A check that a call succeeds. Its result does not matter."""

    async def check() -> None:
        await call()

    return check


def is_listening(bus: Bus) -> Check:
    """A check that announcements of other processes arrive."""

    async def check() -> str | None:
        return None if bus.is_listening else "It is not connected: changes of other processes are noticed late."

    return check
