"""Reading one's own writes: a reader waits, briefly, for what this process accepted a moment ago to be recorded."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from time import monotonic

from runtime.bus import Announcement, Bus
from store import transcript
from store.database import Database

PATIENCE_SECONDS = 2.0
"""How long a reader waits at most: while no worker runs, reading what there is beats waiting."""

LOOK_SECONDS = 0.05
"""How often the store is asked meanwhile, should the announcement not come."""


class Settling:
    """The latest message of each conversation that this process accepted, while it may still be on its way."""

    def __init__(self, db: Database, bus: Bus) -> None:
        self._db = db
        self._latest: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self._waiting: dict[str, set[asyncio.Event]] = {}
        bus.listen(self._hear)

    def accepted(self, conversation_id: str, item_id: str) -> None:
        """Notes that a message was accepted just now."""
        self._latest.pop(conversation_id, None)
        self._latest[conversation_id] = (item_id, monotonic())
        while self._latest and next(iter(self._latest.values()))[1] < monotonic() - PATIENCE_SECONDS:
            self._latest.popitem(last=False)

    async def settled(self, conversation_id: str) -> bool:
        """Returns once the latest accepted message is recorded, or too much time has passed since it came.

        Returns:
            Whether there was anything to wait for.
        """
        latest = self._latest.get(conversation_id)
        if latest is None:
            return False
        item_id, at = latest
        news = asyncio.Event()
        self._waiting.setdefault(conversation_id, set()).add(news)
        try:
            while monotonic() < at + PATIENCE_SECONDS:
                news.clear()
                if await transcript.find_item(self._db, conversation_id, item_id):
                    break
                try:
                    async with asyncio.timeout(LOOK_SECONDS):
                        await news.wait()
                except TimeoutError:
                    continue
        finally:
            self._waiting[conversation_id].discard(news)
            if not self._waiting[conversation_id]:
                del self._waiting[conversation_id]
        if self._latest.get(conversation_id) == latest:
            del self._latest[conversation_id]
        return True

    def _hear(self, news: Announcement) -> None:
        for waiting in self._waiting.get(news.conversation_id, ()):
            waiting.set()
