"""Read your own writes: a read over HTTP waits briefly until the messages that this process has just accepted are recorded.

Sockets do not need it: they get each message as soon as it is recorded.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from time import monotonic

from runtime.bus import Announcement, Bus
from store import transcript
from store.database import Database

MAX_WAIT_SECONDS = 2.0
"""How long a read waits at most. While no worker runs, an older answer is better than none."""

POLL_SECONDS = 0.05
"""How often the store is polled during the wait, in case the announcement is lost."""


class AcceptedWrites:
    """The latest accepted message of each conversation, as long as it may not be recorded yet."""

    def __init__(self, db: Database, bus: Bus) -> None:
        self._db = db
        self._latest: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self._waiting: dict[str, set[asyncio.Event]] = {}
        bus.subscribe(self._receive)

    def add(self, conversation_id: str, item_id: str) -> None:
        """Add a message that was just accepted."""
        self._latest.pop(conversation_id, None)
        self._latest[conversation_id] = (item_id, monotonic())
        while self._latest and next(iter(self._latest.values()))[1] < monotonic() - MAX_WAIT_SECONDS:
            self._latest.popitem(last=False)

    async def wait_until_recorded(self, conversation_id: str) -> bool:
        """Wait until the latest accepted message is recorded, at most `MAX_WAIT_SECONDS` from its acceptance.

        Returns:
            Whether there was a message to wait for.
        """
        latest = self._latest.get(conversation_id)
        if latest is None:
            return False
        item_id, accepted_at = latest
        announced = asyncio.Event()
        self._waiting.setdefault(conversation_id, set()).add(announced)
        try:
            while monotonic() < accepted_at + MAX_WAIT_SECONDS:
                announced.clear()
                if await transcript.find_item(self._db, conversation_id, item_id):
                    break
                try:
                    async with asyncio.timeout(POLL_SECONDS):
                        await announced.wait()
                except TimeoutError:
                    continue
        finally:
            self._waiting[conversation_id].discard(announced)
            if not self._waiting[conversation_id]:
                del self._waiting[conversation_id]
        if self._latest.get(conversation_id) == latest:
            del self._latest[conversation_id]
        return True

    def _receive(self, announcement: Announcement) -> None:
        latest = self._latest.get(announcement.conversation_id)
        if latest and any(item.id == latest[0] for item in announcement.items):
            del self._latest[announcement.conversation_id]
        for announced in self._waiting.get(announcement.conversation_id, ()):
            announced.set()
