"""A cursor feed: delivers numbered entries from a store to subscribers, each entry once and in order.

Subscribers with the same key share a channel. An announcement brings the new entries, or only wakes the channel, which then reads
the store after its subscribers' cursors. It also reads where a gap shows. So a lost announcement delays entries until the next
poll, but does not lose, repeat or reorder them.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Collection, Hashable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Generic, Protocol, TypeVar

from domain.errors import StoreUnavailable
from runtime.periodic import PeriodicTask, PeriodicTasks

logger = logging.getLogger(__name__)

POLL_INTERVAL = timedelta(seconds=2)
"""How often the store is polled for entries whose announcement was lost."""

GATHER = timedelta(milliseconds=20)
"""Delay between an announcement and the poll, so that one poll serves several announcements."""

KEYS_PER_QUERY = 200


class Entry(Protocol):
    """An entry that a feed delivers."""

    @property
    def seq(self) -> int:
        """The entry's number. Numbers grow; within a key no lower number appears later."""
        ...


KeyT = TypeVar("KeyT", bound=Hashable)
EntryT = TypeVar("EntryT", bound=Entry)
DeliveredT = TypeVar("DeliveredT", bound=Entry, contravariant=True)


class Subscriber(Protocol[KeyT, DeliveredT]):
    """One receiver of entries."""

    key: KeyT
    cursor: int
    """The number of the last entry that was delivered."""

    def catch_up(self, entry: DeliveredT) -> None:
        """Deliver an entry from before the subscription. Must not block."""
        ...

    def deliver(self, entry: DeliveredT) -> None:
        """Deliver a new entry. Must not block."""
        ...


SubscriberT = TypeVar("SubscriberT", bound=Subscriber[Any, Any])


class _Channel(Generic[KeyT, SubscriberT]):
    """The subscribers of one key."""

    def __init__(self, key: KeyT) -> None:
        self.key = key
        self.subscribers: set[SubscriberT] = set()
        self.lock = asyncio.Lock()
        """Held while entries are delivered and while a subscriber joins, so that a new subscriber misses none."""
        self.delivery: asyncio.Task[None] | None = None
        self.is_woken = False

    @property
    def is_idle(self) -> bool:
        return not self.subscribers and not self.lock.locked()


class Feed(PeriodicTasks, ABC, Generic[KeyT, EntryT, SubscriberT]):
    """The channels of one process. A subclass is the adapter to one kind of entries."""

    def __init__(self, entries: str, poll_interval: timedelta = POLL_INTERVAL) -> None:
        """Prepare the feed.

        Args:
            entries: the name of the entries, for the log.
            poll_interval: how often the store is polled.
        """
        self._entries = entries
        self._channels: dict[KeyT, _Channel[KeyT, SubscriberT]] = {}
        self._polls = PeriodicTask(f"poll for new {entries}", self._poll, poll_interval, gather=GATHER)
        super().__init__(self._polls)

    @abstractmethod
    async def heads(self, keys: Collection[KeyT]) -> Mapping[KeyT, int]:
        """The number of the last entry of each key, 0 if there is none. Keys that no longer exist are missing."""

    @abstractmethod
    async def read(self, key: KeyT, after: int) -> Sequence[EntryT]:
        """The entries of a key after a number, in order; at most one page. Empty if there are none."""

    @abstractmethod
    async def admit(self, subscriber: SubscriberT, others: Collection[SubscriberT]) -> int | None:
        """Set the cursor at which a subscriber starts, and queue its first frames.

        Called under the lock of the channel: the others of the key get no entries meanwhile, but they may leave.

        Returns:
            The number up to which entries are delivered by `catch_up`; None to refuse the subscriber.
        """

    def end(self, subscriber: SubscriberT) -> None:
        """End a subscriber whose key no longer exists. Called at every poll until it leaves."""

    async def end_revoked(self, keys: Collection[KeyT], pending: Sequence[EntryT] = ()) -> None:
        """End the subscribers of these keys whose right to receive has ended. Called before each delivery and at every poll.

        `pending` are the entries that are delivered next. A subscriber whom one of them ends may be left to it.
        """

    def subscribers(self, key: KeyT) -> Collection[SubscriberT]:
        """The present subscribers of a key."""
        channel = self._channels.get(key)
        return tuple(channel.subscribers) if channel else ()

    async def join(self, subscriber: SubscriberT) -> bool:
        """Subscribe. Queues the entries from the cursor that `admit` sets up to the present head, then returns.

        New entries follow until `leave`. Returns False, without effect, if `admit` refuses the subscriber.
        """
        channel = self._channels.setdefault(subscriber.key, _Channel(subscriber.key))
        async with channel.lock:
            head = await self.admit(subscriber, channel.subscribers)
            if head is None:
                return False
            while subscriber.cursor < head and (entries := await self.read(subscriber.key, subscriber.cursor)):
                for entry in entries:
                    if entry.seq <= head:
                        subscriber.catch_up(entry)
                subscriber.cursor = min(entries[-1].seq, head)
            channel.subscribers.add(subscriber)
        self.wake(subscriber.key)
        return True

    def leave(self, subscriber: SubscriberT) -> None:
        """Deliver nothing more to a subscriber. Does nothing if it has not joined."""
        channel = self._channels.get(subscriber.key)
        if channel:
            channel.subscribers.discard(subscriber)

    def wake(self, key: KeyT) -> None:
        """Deliver the new entries of a key."""
        channel = self._channels.get(key)
        if channel is None:
            return
        channel.is_woken = True
        if channel.delivery is None or channel.delivery.done():
            channel.delivery = asyncio.create_task(self._deliver_while_woken(channel))

    def deliver(self, key: KeyT, entries: Sequence[EntryT]) -> None:
        """Deliver entries that the store has, without reading them again. Reads the store where a gap shows."""
        channel = self._channels.get(key)
        if channel is None:
            return
        follows = all(entries[0].seq <= subscriber.cursor + 1 for subscriber in channel.subscribers)
        if follows and not channel.is_woken and not channel.lock.locked():
            _deliver(channel.subscribers, entries)
        else:
            self.wake(key)

    def poll_soon(self) -> None:
        """Request a poll for new entries of all keys."""
        self._polls.wake()

    async def stop(self) -> None:
        """Stop polling and delivering."""
        await super().stop()
        for channel in self._channels.values():
            if channel.delivery:
                channel.delivery.cancel()

    async def _deliver_while_woken(self, channel: _Channel[KeyT, SubscriberT]) -> None:
        while channel.is_woken:
            channel.is_woken = False
            try:
                async with channel.lock:
                    await self._deliver(channel)
            except StoreUnavailable:
                pass  # the store has logged it; the next poll tries again
            except Exception:
                logger.exception("cannot read %s of %s; the next poll tries again", self._entries, channel.key)

    async def _deliver(self, channel: _Channel[KeyT, SubscriberT]) -> None:
        if not channel.subscribers:
            return
        cursor: int = min(subscriber.cursor for subscriber in channel.subscribers)
        entries = await self.read(channel.key, cursor)
        await self.end_revoked([channel.key], entries)
        while entries:
            _deliver(channel.subscribers, entries)
            entries = await self.read(channel.key, entries[-1].seq)

    async def _poll(self) -> None:
        self._channels = {key: channel for key, channel in self._channels.items() if not channel.is_idle}
        keys = list(self._channels)
        for start in range(0, len(keys), KEYS_PER_QUERY):
            portion = keys[start : start + KEYS_PER_QUERY]
            heads = await self.heads(portion)
            await self.end_revoked([key for key in portion if self._follow(key, heads.get(key))])

    def _follow(self, key: KeyT, head: int | None) -> bool:
        """Deliver the new entries of a key, or end its subscribers when it does not exist. Returns whether there are none."""
        subscribers = self.subscribers(key)
        if head is None:
            for subscriber in subscribers:
                self.end(subscriber)
            return False
        is_behind = any(subscriber.cursor < head for subscriber in subscribers)
        if is_behind:
            self.wake(key)
        return not is_behind


def _deliver(subscribers: Collection[Subscriber[Any, EntryT]], entries: Sequence[EntryT]) -> None:
    for entry in entries:
        for subscriber in tuple(subscribers):
            if entry.seq > subscriber.cursor:
                subscriber.cursor = entry.seq
                subscriber.deliver(entry)
