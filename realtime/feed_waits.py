"""Waits for new events of the feed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from domain.errors import LimitReached
from runtime.bus import Announcement, Bus

LOOK_SECONDS = 1.0
"""How often a reader looks for events whose announcement was lost, or which older transactions still hold back."""

GATHER_SECONDS = 0.2
"""How long after an announcement a reader looks, so that one look serves several. Each reader costs so many queries at most."""

MAX_READERS = 200
"""How many readers wait in a process."""


class FeedWaits:
    """The readers of the feed that wait in a process. Any write of a conversation wakes them."""

    def __init__(self, bus: Bus) -> None:
        self._woken: set[asyncio.Event] = set()
        bus.subscribe(self._wake)

    async def looks(self, seconds: float) -> AsyncIterator[None]:
        """Yield at once, and then whenever there can be new events, until the time is over.

        Raises:
            LimitReached: `MAX_READERS` wait already.
        """
        if len(self._woken) >= MAX_READERS:
            raise LimitReached(f"Only {MAX_READERS} readers can wait for events at the same time.")
        woken = asyncio.Event()
        self._woken.add(woken)
        ends = asyncio.get_running_loop().time() + seconds
        try:
            yield
            while (left := ends - asyncio.get_running_loop().time()) > 0:
                try:
                    async with asyncio.timeout(min(left, LOOK_SECONDS)):
                        await woken.wait()
                    await asyncio.sleep(GATHER_SECONDS)
                except TimeoutError:
                    pass
                woken.clear()
                yield
        finally:
            self._woken.discard(woken)

    def _wake(self, announcement: Announcement) -> None:
        if announcement.transcript_has_grown or announcement.record_changed:
            for each in self._woken:
                each.set()
