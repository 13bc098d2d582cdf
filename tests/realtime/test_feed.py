"""The cursor feed alone, on entries in memory: joins, deliveries, polls and failures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

import pytest

from realtime.feed import Feed

WAIT = 5
NEVER = timedelta(hours=1)
SOON = timedelta(milliseconds=10)


class Number(NamedTuple):
    seq: int


@dataclass(eq=False)
class Subscriber:
    key: str
    start: int | None = 0
    cursor: int = 0
    entries: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    is_ended: bool = False
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def catch_up(self, entry: Number) -> None:
        self._note("old", entry)

    def deliver(self, entry: Number) -> None:
        self._note("new", entry)

    def end(self) -> None:
        self.is_ended = True
        self._changed.set()

    def _note(self, kind: str, entry: Number) -> None:
        self.entries.append((kind, entry.seq))
        self._changed.set()

    async def wait_for_entries(self, *entries: tuple[str, int]) -> None:
        async with asyncio.timeout(WAIT):
            while len(self.entries) < len(entries):
                self._changed.clear()
                await self._changed.wait()
        assert self.entries == [*entries]

    async def wait_for_end(self) -> None:
        async with asyncio.timeout(WAIT):
            while not self.is_ended:
                self._changed.clear()
                await self._changed.wait()


class Numbers(Feed[str, Number, Subscriber]):
    """A feed of the numbers from 1 to a head, in pages of three."""

    def __init__(self, poll_interval: timedelta) -> None:
        super().__init__("numbers", poll_interval)
        self.known = {"k": 0, "other": 0}
        self.faults: list[Exception] = []
        self.may_read = asyncio.Event()
        self.may_read.set()

    async def heads(self, keys: Collection[str]) -> Mapping[str, int]:
        return {key: self.known[key] for key in keys if key in self.known}

    async def read(self, key: str, after: int) -> Sequence[Number]:
        await self.may_read.wait()
        if self.faults:
            raise self.faults.pop()
        return [Number(seq) for seq in range(after + 1, self.known[key] + 1)][:3]

    async def admit(self, subscriber: Subscriber, others: Collection[Subscriber]) -> int | None:
        head = self.known[subscriber.key]
        if subscriber.start is None:
            return None
        subscriber.cursor = subscriber.start
        return head

    def end(self, subscriber: Subscriber) -> None:
        subscriber.end()


@pytest.fixture
async def feed() -> AsyncIterator[Numbers]:
    """A feed that delivers only what is announced."""
    feed = Numbers(NEVER)
    await feed.start()
    yield feed
    await feed.stop()


@pytest.fixture
async def polling() -> AsyncIterator[Numbers]:
    """A feed that polls often."""
    feed = Numbers(SOON)
    await feed.start()
    yield feed
    await feed.stop()


async def test_subscriber_catches_up_to_the_head_and_then_gets_new_entries(feed: Numbers) -> None:
    feed.known["k"] = 5
    subscriber = Subscriber("k", start=1)
    assert await feed.join(subscriber)
    feed.known["k"] = 7
    feed.wake("k")
    await subscriber.wait_for_entries(("old", 2), ("old", 3), ("old", 4), ("old", 5), ("new", 6), ("new", 7))


async def test_refused_subscriber_gets_nothing(feed: Numbers) -> None:
    refused, admitted = Subscriber("k", start=None), Subscriber("k")
    assert not await feed.join(refused)
    assert await feed.join(admitted)
    feed.known["k"] = 1
    feed.wake("k")
    await admitted.wait_for_entries(("new", 1))
    assert refused.entries == []
    assert feed.subscribers("k") == (admitted,)


async def test_entries_go_to_the_subscribers_of_their_key_only(feed: Numbers) -> None:
    one, other = Subscriber("k"), Subscriber("other")
    for subscriber in (one, other):
        await feed.join(subscriber)
    feed.known |= {"k": 1, "other": 2}
    for key in ("k", "other", "without subscribers"):
        feed.wake(key)
    await one.wait_for_entries(("new", 1))
    await other.wait_for_entries(("new", 1), ("new", 2))


async def test_any_number_of_announcements_delivers_each_entry_once(feed: Numbers) -> None:
    subscriber = Subscriber("k")
    await feed.join(subscriber)
    for head in range(1, 9):
        feed.known["k"] = head
        feed.wake("k")
        await asyncio.sleep(0)
        feed.wake("k")
    await subscriber.wait_for_entries(*(("new", seq) for seq in range(1, 9)))


async def test_subscriber_who_joins_during_a_delivery_misses_nothing(feed: Numbers) -> None:
    early, late = Subscriber("k"), Subscriber("k")
    await feed.join(early)
    feed.may_read.clear()
    feed.known["k"] = 4
    feed.wake("k")
    joining = asyncio.create_task(feed.join(late))
    await asyncio.sleep(0)
    feed.known["k"] = 5
    feed.may_read.set()
    assert await joining
    feed.known["k"] = 6
    feed.wake("k")
    await early.wait_for_entries(*(("new", seq) for seq in range(1, 7)))
    await late.wait_for_entries(*(("old", seq) for seq in range(1, 6)), ("new", 6))


async def test_subscriber_who_has_left_gets_nothing_more(feed: Numbers) -> None:
    left, present = Subscriber("k"), Subscriber("k")
    for subscriber in (left, present):
        await feed.join(subscriber)
    feed.leave(left)
    feed.leave(left)
    feed.known["k"] = 1
    feed.wake("k")
    await present.wait_for_entries(("new", 1))
    assert left.entries == []


async def test_poll_finds_entries_that_were_not_announced(polling: Numbers) -> None:
    subscriber = Subscriber("k")
    await polling.join(subscriber)
    polling.known["k"] = 2
    await subscriber.wait_for_entries(("new", 1), ("new", 2))


async def test_failed_read_is_repeated_by_the_next_poll(polling: Numbers, caplog: pytest.LogCaptureFixture) -> None:
    subscriber = Subscriber("k")
    await polling.join(subscriber)
    polling.faults = [OSError("no store")]
    polling.known["k"] = 1
    await subscriber.wait_for_entries(("new", 1))
    assert caplog.messages == ["cannot read numbers of k; the next poll tries again"]


async def test_failed_join_leaves_the_channel_usable(feed: Numbers) -> None:
    feed.known["k"] = 1
    feed.faults = [OSError("no store")]
    with pytest.raises(OSError, match="no store"):
        await feed.join(Subscriber("k"))
    subscriber = Subscriber("k")
    assert await feed.join(subscriber)
    await subscriber.wait_for_entries(("old", 1))


async def test_poll_ends_the_subscribers_of_a_key_that_no_longer_exists(polling: Numbers) -> None:
    subscriber = Subscriber("k")
    await polling.join(subscriber)
    del polling.known["k"]
    await subscriber.wait_for_end()
