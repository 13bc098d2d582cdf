"""The streamed chats that a worker knows, and which of them have grown.

The bus says which chat has grown, so a look at the store concerns few chats, and a chat without a stream concerns none. A look at
all streams finds those whose announcement was lost, or which this worker does not know yet.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Mapping
from math import inf
from time import monotonic

from runtime.bus import ANNOUNCEMENTS_LOST, STREAMS, Announcement
from store.database import Database
from store.streams import StreamedItem, next_items
from store.webhooks import WebhookKey

LOOK_SECONDS = 2.0
"""How often all streams of a topic are looked at. It costs one step in an index for each."""

REMEMBERED_CHATS = 50_000
"""How many chats a process remembers. The look at all streams finds the others."""


class StreamedChats:
    """The streamed chats of a process."""

    def __init__(self, db: Database, look_seconds: float = LOOK_SECONDS) -> None:
        self._db = db
        self._look_seconds = look_seconds
        self._streams: OrderedDict[str, dict[WebhookKey, str]] = OrderedDict()
        self._grown: defaultdict[WebhookKey, set[str]] = defaultdict(set)
        self._looked_at: dict[WebhookKey, float] = {}

    def streams_of(self, conversation_id: str) -> Mapping[WebhookKey, str]:
        """The streams of a chat that go on, by their topics, as far as this worker knows."""
        return self._streams.get(conversation_id, {})

    def receive(self, announcement: Announcement) -> None:
        """Note what an announcement says of streamed chats."""
        if announcement == ANNOUNCEMENTS_LOST:
            self._looked_at.clear()
        elif announcement.conversation_id == STREAMS and announcement.frame:
            changed = announcement.frame
            self._note(WebhookKey(*changed["key"]), changed["conversation"], changed["stream"])
        elif announcement.transcript_has_grown:
            for key in self._streams.get(announcement.conversation_id, ()):
                self._mark(key, announcement.conversation_id)

    async def next_items(self, key: WebhookKey, limit: int) -> list[StreamedItem]:
        """The next items for a topic, at most `limit`. They come again until the store says that they are delivered."""
        now = monotonic()
        looks_at_all = now - self._looked_at.get(key, -inf) >= self._look_seconds
        grown = self._grown.pop(key, set())
        if not (looks_at_all or grown):
            return []
        found = await next_items(self._db, key, limit, None if looks_at_all else grown)
        for each in found:
            self._note(key, each.conversation_id, each.stream_id if each.is_active else None)
        if found:
            self._grown[key] |= grown
        if looks_at_all and len(found) < limit:
            self._looked_at[key] = now
        return found

    def _note(self, key: WebhookKey, conversation_id: str, stream_id: str | None) -> None:
        self._mark(key, conversation_id)
        if stream_id is None:
            self.forget(key, conversation_id)
            return
        self._streams.setdefault(conversation_id, {})[key] = stream_id
        self._streams.move_to_end(conversation_id)
        while len(self._streams) > REMEMBERED_CHATS:
            self._streams.popitem(last=False)

    def _mark(self, key: WebhookKey, conversation_id: str) -> None:
        grown = self._grown[key]
        grown.add(conversation_id)
        if len(grown) > REMEMBERED_CHATS:  # another worker sends for this topic
            grown.clear()

    def forget(self, key: WebhookKey, conversation_id: str) -> None:
        """Forget a stream that has ended. What it has not delivered is found nevertheless."""
        streams = self._streams.get(conversation_id, {})
        streams.pop(key, None)
        if not streams:
            self._streams.pop(conversation_id, None)
