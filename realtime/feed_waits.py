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

MAX_READERS_OF_AN_INSTANCE = 50
"""How many of them read the feed of one instance, so that it leaves room for others."""


class FeedWaits:
    """The readers of the feed that wait in a process. Any write of a conversation wakes them."""

    def __init__(self, bus: Bus) -> None:
        self._woken: dict[asyncio.Event, str] = {}
        bus.subscribe(self._wake)

    async def looks(self, instance: str, seconds: float) -> AsyncIterator[None]:
        """Yield at once, and then whenever there can be new events of an instance, until the time is over.

        Raises:
            LimitReached: as many wait already as may.
        """
        own = sum(each == instance for each in self._woken.values())
        if own >= MAX_READERS_OF_AN_INSTANCE or len(self._woken) >= MAX_READERS:
            most = min(MAX_READERS_OF_AN_INSTANCE, MAX_READERS)
            raise LimitReached(f"Only {most} readers can wait for the events of an instance at the same time.")
        woken = asyncio.Event()
        self._woken[woken] = instance
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
            del self._woken[woken]

    def _wake(self, announcement: Announcement) -> None:
        if announcement.transcript_has_grown or announcement.record_changed:
            for each in self._woken:
                each.set()
