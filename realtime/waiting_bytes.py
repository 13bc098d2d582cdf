"""The size of the accepted messages of each conversation that are not recorded yet. It is limited for each conversation.

A run can end only while the events that wait are small enough to be handed over to the next one (`workflows.run_length`). In a
flood of large messages without this limit the history of the run could grow until Temporal ends it, with what was accepted.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import NamedTuple

from domain.errors import Throttled
from runtime.turns import is_given, turn_within

BYTES_PER_CONVERSATION = 250_000
"""How much of one conversation may wait in one process: a quarter of what a run hands over, for there are several processes."""

WAIT_SECONDS = 2.0
"""How long a new message waits for room. A sender who waits for each answer slows down in this way."""

MAX_WAITING = 50
"""How many new messages of a conversation wait for room."""

MAX_AGE_SECONDS = 600.0
"""After this time a message no longer counts, for it may have been recorded without a sign."""

TOO_MUCH = "Too many messages of this chat wait to be recorded. Try again later."


class _Taken(NamedTuple):
    size: int
    at: float


class _Waiting(NamedTuple):
    item_id: str
    size: int
    room: asyncio.Future[None]


@dataclass
class _Conversation:
    taken: dict[str, _Taken] = field(default_factory=dict[str, _Taken])
    waiting: deque[_Waiting] = field(default_factory=deque[_Waiting])
    size: int = 0

    def has_room(self, size: int) -> bool:
        return not self.taken or self.size + size <= BYTES_PER_CONVERSATION

    def take(self, item_id: str, size: int) -> None:
        self.taken[item_id] = _Taken(size, monotonic())
        self.size += size

    def release(self, item_id: str) -> None:
        self.size -= self.taken.pop(item_id).size
        self.admit_following()

    def withdraw(self, entry: _Waiting) -> None:
        if entry in self.waiting:
            self.waiting.remove(entry)
            self.admit_following()

    def admit_following(self) -> None:
        while self.waiting and self.has_room(self.waiting[0].size):
            following = self.waiting.popleft()
            if not following.room.done():  # else its wait has just ended
                self.take(following.item_id, following.size)
                following.room.set_result(None)

    def release_old(self) -> None:
        limit = monotonic() - MAX_AGE_SECONDS
        for item_id in [item_id for item_id, taken in self.taken.items() if taken.at < limit]:
            self.release(item_id)


class WaitingBytes:
    """The accepted messages of a process that are not recorded yet, with their sizes. Belongs to one event loop."""

    def __init__(self, on_wait: Callable[[], None]) -> None:
        """Begin without messages. `on_wait` is called when a message begins to wait."""
        self._on_wait = on_wait
        self._conversations: dict[str, _Conversation] = {}

    @property
    def has_waiting(self) -> bool:
        """Whether new messages wait for room."""
        return any(each.waiting for each in self._conversations.values())

    async def take(self, conversation_id: str, item_id: str, size: int) -> bool:
        """Add a message. Waits for room, in the order of the calls.

        Returns:
            Whether it is new. A message that is added already is not counted again.

        Raises:
            Throttled: too many messages of the conversation wait, or there is no room after `WAIT_SECONDS`.
        """
        self._release_old()
        conversation = self._conversations.setdefault(conversation_id, _Conversation())
        conversation.release_old()
        if item_id in conversation.taken:
            return False
        if not conversation.waiting and conversation.has_room(size):
            conversation.take(item_id, size)
            return True
        if len(conversation.waiting) >= MAX_WAITING:
            raise Throttled(TOO_MUCH)
        entry = _Waiting(item_id, size, asyncio.get_running_loop().create_future())
        conversation.waiting.append(entry)
        self._on_wait()
        try:
            await turn_within(entry.room, WAIT_SECONDS, TOO_MUCH)
        except BaseException:
            if is_given(entry.room):
                self.release(conversation_id, item_id)
            else:
                conversation.withdraw(entry)
            raise
        return True

    def release(self, conversation_id: str, item_id: str) -> None:
        """Remove a message that is recorded, or not accepted after all. Repeated calls do nothing."""
        conversation = self._conversations.get(conversation_id)
        if conversation and item_id in conversation.taken:
            conversation.release(item_id)
            if not conversation.taken:
                del self._conversations[conversation_id]

    def release_all(self, conversation_id: str) -> None:
        """Remove all messages of a conversation."""
        if conversation := self._conversations.get(conversation_id):
            for item_id in list(conversation.taken):
                self.release(conversation_id, item_id)

    def items(self) -> list[tuple[str, str]]:
        """The messages of the conversations of which new ones wait, as pairs of conversation and item."""
        return [(id, item) for id, each in self._conversations.items() if each.waiting for item in each.taken]

    def _release_old(self) -> None:
        oldest = next(iter(self._conversations), None)
        taken = next(iter(self._conversations[oldest].taken.values()), None) if oldest else None
        if oldest and taken and taken.at < monotonic() - MAX_AGE_SECONDS:
            del self._conversations[oldest]
