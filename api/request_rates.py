"""How fast callers may call, and what they have left of it, in the memory of a process.

A caller has a bucket of tokens. It holds `burst` tokens at most, and gets `per_second` new ones each second. Each call takes one.
A bucket is kept as one number: the instant at which it is full again. So a call costs a look into a dictionary.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from time import monotonic

from configuration.schema.limits import Rate

REMEMBERED_CALLERS = 50_000
"""Callers whose buckets a process keeps. The one who has not called for the longest time is forgotten, so memory is bounded."""

ROUNDING = 1e-6
"""Seconds that a bucket may lack, because sums of fractions are not exact."""

WINDOW_SECONDS = 60.0
"""In which time failures are counted, and how long a caller waits after too many."""


class RequestRate:
    """The buckets of all callers under one rate. None: the rate is not limited."""

    def __init__(self, rate: Rate | None, callers: int = REMEMBERED_CALLERS) -> None:
        self._interval = 1 / rate.per_second if rate else 0.0
        self._tolerance = (rate.burst - 1) * self._interval if rate else 0.0
        self._is_limited = rate is not None
        self._callers = callers
        self._full_at: OrderedDict[Hashable, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, caller: Hashable) -> float:
        """Take a token for a call. Returns 0 if there was one, else the seconds until there is one; then nothing is taken."""
        if not self._is_limited:
            return 0.0
        now = monotonic()
        full_at = max(now, self._full_at.get(caller, now))
        missing = full_at - now - self._tolerance
        if missing > ROUNDING:
            return missing
        self._full_at[caller] = full_at + self._interval
        self._full_at.move_to_end(caller)
        if len(self._full_at) > self._callers:
            self._full_at.popitem(last=False)
        return 0.0


class Failures:
    """The failures of each caller. After `most` of them within a minute, the caller has to wait for a minute."""

    def __init__(self, most: int | None, callers: int = REMEMBERED_CALLERS) -> None:
        """Begin without failures. `most`: None if any number may be made."""
        self._most = most
        self._callers = callers
        self._counted: OrderedDict[Hashable, tuple[int, float]] = OrderedDict()

    def wait(self, caller: Hashable) -> float:
        """The seconds until the caller may try again; 0 for now."""
        count, until = self._counted.get(caller, (0, 0.0))
        return max(0.0, until - monotonic()) if self._most is not None and count >= self._most else 0.0

    def add(self, caller: Hashable) -> None:
        """Count a failure."""
        if self._most is None:
            return
        now = monotonic()
        count, until = self._counted.get(caller, (0, 0.0))
        if until <= now:
            count, until = 0, now + WINDOW_SECONDS
        count += 1
        self._counted[caller] = (count, now + WINDOW_SECONDS if count == self._most else until)
        self._counted.move_to_end(caller)
        if len(self._counted) > self._callers:
            self._counted.popitem(last=False)
