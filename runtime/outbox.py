"""What waits to be announced: bounded in number and in age."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from time import monotonic

from runtime.bus import ANNOUNCEMENTS_LOST, Announcement

MAX_WAITING = 10_000
"""How many announcements wait. Beyond that the oldest are dropped."""

MAX_AGE_SECONDS = 60.0
"""How long an announcement may wait: notices and farewells matter to a client that is still there."""

TYPING_AGE_SECONDS = 5.0
"""The same for a typing event: who typed then does not type now."""


class Outbox:
    """The announcements that wait for a connection, in order. When some are dropped, all processes look into the store."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[float, Announcement]] = deque()
        self._taken: list[tuple[float, Announcement]] = []
        self._has_dropped = False
        self._woken = asyncio.Event()

    def put(self, announcement: Announcement) -> None:
        """Add an announcement."""
        self._waiting.append((monotonic(), announcement))
        if len(self._waiting) > MAX_WAITING:
            self._waiting.popleft()
            self._has_dropped = True
        self._woken.set()

    def put_back(self) -> None:
        """Add the latest batch again, which could not be sent, before all others. Its announcements keep their age."""
        self._waiting.extendleft(reversed(self._taken))
        self._taken = []

    def wake(self) -> None:
        """End the wait of `next_batch`."""
        self._woken.set()

    async def next_batch(self, size: int, seconds: float) -> list[Announcement]:
        """Wait until there are announcements, and take out up to `size`. Empty after `seconds`, and after `wake`."""
        if not self._waiting:
            self._woken.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._woken.wait()
        self._taken, now = [], monotonic()
        while len(self._taken) < size and self._waiting:
            at, announcement = self._waiting.popleft()
            if now - at <= _age_limit(announcement):
                self._taken.append((at, announcement))
            elif not _is_typing(announcement):
                self._has_dropped = True
        if self._has_dropped:
            self._has_dropped = False
            self._taken.append((now, ANNOUNCEMENTS_LOST))
        return [announcement for _, announcement in self._taken]


def _age_limit(announcement: Announcement) -> float:
    return TYPING_AGE_SECONDS if _is_typing(announcement) else MAX_AGE_SECONDS


def _is_typing(announcement: Announcement) -> bool:
    return announcement.frame is not None and str(announcement.frame.get("ContentType")).endswith(".typing")
