"""The messages that this process has accepted and that are not recorded yet.

A read waits briefly until they are recorded, so that a client reads its own writes over HTTP. If there are too many, engine or
store cannot keep up. Then a new message waits for room, and is refused if it gets none. So accepted messages are recorded soon.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from time import monotonic
from typing import NamedTuple

from domain.errors import Throttled, TokenReused
from domain.transcript import size_of
from realtime.waiting_bytes import WaitingBytes
from runtime.bus import Announcement, Bus
from runtime.metrics import ApiMetrics
from runtime.turns import is_given, turn_within
from store import transcript
from store.database import Database

MAX_WAIT_SECONDS = 2.0
"""How long a read waits at most. While no worker runs, an older answer is better than none."""

POLL_SECONDS = 0.05
"""How often the store is polled during the wait, in case the announcement is lost."""

ROOM_WAIT_SECONDS = 2.0
"""How long a new message waits for room. A sender who waits for each answer slows down in this way."""

MAX_AGE_SECONDS = 30.0
"""After this time a message no longer counts, so that new ones are accepted while no worker runs."""

LOOK_SECONDS = 0.25
"""How often the store is read while messages wait for room, in case announcements are lost or other processes send none."""

TOO_MANY = "Too many messages wait to be recorded. Try again later."


Content = tuple[str, str]
"""Content type and content of a message."""


class _Accepted(NamedTuple):
    """When a message was accepted, on the clock of the process, and its content if a repeat may come."""

    at: float
    content: Content | None


class AcceptedMessages:
    """The accepted messages of a process, by conversation.

    About `limit` of them wait to be recorded, and as many new ones wait for room. The size of those of one conversation is
    limited, too (`WaitingBytes`).
    """

    def __init__(self, db: Database, bus: Bus, limit: int, metrics: ApiMetrics | None = None) -> None:
        metrics = metrics or ApiMetrics()
        metrics.unrecorded.set_function(self._count_recent)
        metrics.waiting_for_room.set_function(lambda: len(self._slot_waiters))
        self._accepted = metrics.accepted
        self._refused = metrics.refused_for_load.labels("message")
        self._late = metrics.recorded_late
        self._db = db
        self._limit = limit
        self._unrecorded: dict[str, dict[str, _Accepted]] = {}
        self._by_age: deque[tuple[float, str, str]] = deque()
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._slot_waiters: deque[asyncio.Future[None]] = deque()
        self._waiting_bytes = WaitingBytes(self._look_for_recorded)
        self._look: asyncio.Task[None] | None = None
        self.count = 0
        bus.subscribe(self._receive)

    def require_short_wait(self) -> None:
        """Check that not too many new messages wait for room.

        Raises:
            Throttled: as many wait as may.
        """
        if len(self._slot_waiters) >= self._limit:
            self._refused.inc()
            raise Throttled(TOO_MANY)

    async def admit(self, conversation_id: str, item_id: str, content: Content | None = None) -> None:
        """Add a message that is about to be accepted. Waits until there is room, in the order of the calls.

        Call `remove` if the message is not accepted after all. A message that is added already is not counted again.

        Raises:
            Throttled: too many messages wait, or there is no room after `ROOM_WAIT_SECONDS`.
            TokenReused: a message with this id and another content is added already.
        """
        self._remove_old()
        is_new = await self._take_bytes(conversation_id, item_id, content)
        try:
            await self._take_slot()
        except BaseException:
            if is_new:
                self._waiting_bytes.release(conversation_id, item_id)
            raise
        items, now = self._unrecorded.setdefault(conversation_id, {}), monotonic()
        if added := items.get(item_id):
            self._release()
            if added.content != content:
                raise TokenReused
            return
        items[item_id] = _Accepted(now, content)
        self._by_age.append((now, conversation_id, item_id))

    def remove(self, conversation_id: str, item_id: str) -> None:
        """Remove a message that is recorded, or not accepted after all. Repeated calls do nothing."""
        self._waiting_bytes.release(conversation_id, item_id)
        self._forget(conversation_id, item_id)

    def _forget(self, conversation_id: str, item_id: str) -> None:
        items = self._unrecorded.get(conversation_id)
        if items and items.pop(item_id, None) is not None:
            if not items:
                del self._unrecorded[conversation_id]
            self._release()

    @asynccontextmanager
    async def admitted(
        self, conversation_id: str, item_id: str, content: Content | None = None
    ) -> AsyncGenerator[None, None]:
        """Admit a message, and accept it in the block. An exception there removes it again. See `admit`."""
        await self.admit(conversation_id, item_id, content)
        try:
            yield
        except BaseException:
            self.remove(conversation_id, item_id)
            raise
        self._accepted.inc()

    async def wait_until_recorded(self, conversation_id: str) -> bool:
        """Wait until the latest accepted message is recorded, at most `MAX_WAIT_SECONDS` from its acceptance.

        Returns:
            Whether there was a message to wait for.
        """
        items = self._unrecorded.get(conversation_id)
        if not items:
            return False
        item_id, accepted = next(reversed(items.items()))
        accepted_at = accepted.at
        if monotonic() >= accepted_at + MAX_WAIT_SECONDS:
            return False
        announced = asyncio.Event()
        self._waiting.setdefault(conversation_id, set()).add(announced)
        try:
            while monotonic() < accepted_at + MAX_WAIT_SECONDS:
                announced.clear()
                if await transcript.find_item(self._db, conversation_id, item_id):
                    self.remove(conversation_id, item_id)
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
        return True

    def _receive(self, announcement: Announcement) -> None:
        conversation_id = announcement.conversation_id
        if not announcement.transcript_has_grown:
            return
        if announcement.items:
            recorded = [item.id for item in announcement.items]
        else:  # which items they are is unknown: the reads that wait look themselves, and without them all count as recorded
            recorded = [] if conversation_id in self._waiting else list(self._unrecorded.get(conversation_id, ()))
            if conversation_id not in self._waiting:
                self._waiting_bytes.release_all(conversation_id)
        for item_id in recorded:
            self.remove(conversation_id, item_id)
        for announced in self._waiting.get(conversation_id, ()):
            announced.set()

    async def _take_bytes(self, conversation_id: str, item_id: str, content: Content | None) -> bool:
        if content is None:
            return False
        try:
            return await self._waiting_bytes.take(conversation_id, item_id, size_of(content[1]))
        except Throttled:
            self._refused.inc()
            raise

    async def _take_slot(self) -> None:
        if self.count < self._limit and not self._slot_waiters:
            self.count += 1
        else:
            await self._wait_for_room()

    async def _wait_for_room(self) -> None:
        self.require_short_wait()
        room = asyncio.get_running_loop().create_future()
        self._slot_waiters.append(room)
        self._look_for_recorded()
        try:
            await turn_within(room, ROOM_WAIT_SECONDS, TOO_MANY)
        except Throttled:
            self._leave_queue(room)
            self._refused.inc()
            raise
        except asyncio.CancelledError:
            self._leave_queue(room)
            raise

    def _leave_queue(self, room: asyncio.Future[None]) -> None:
        if is_given(room):
            self._release()
        elif room in self._slot_waiters:
            self._slot_waiters.remove(room)

    def _look_for_recorded(self) -> None:
        if self._look is None or self._look.done():
            self._look = asyncio.create_task(self._look_while_messages_wait())

    async def _look_while_messages_wait(self) -> None:
        while self._slot_waiters or self._waiting_bytes.has_waiting:
            waiting = self._waiting_bytes.items()
            if self._slot_waiters:
                waiting += [(conversation, item) for conversation, items in self._unrecorded.items() for item in items]
            for conversation_id, item_id in await transcript.stored_items(self._db, waiting):
                self.remove(conversation_id, item_id)
            await asyncio.sleep(LOOK_SECONDS)

    def _release(self) -> None:
        """Free the room of a message, or give it to the next one that waits."""
        while self._slot_waiters:
            room = self._slot_waiters.popleft()
            if not room.cancelled():  # else its time is over, and it has not left the queue yet
                room.set_result(None)
                return
        self.count -= 1

    def _count_recent(self) -> int:
        self._remove_old()
        return self.count

    def _remove_old(self) -> None:
        while self._by_age and self._by_age[0][0] < monotonic() - MAX_AGE_SECONDS:
            at, conversation_id, item_id = self._by_age.popleft()
            accepted = self._unrecorded.get(conversation_id, {}).get(item_id)
            if accepted and accepted.at == at:  # else it was recorded, and perhaps sent again
                self._late.inc()
                self._forget(conversation_id, item_id)
