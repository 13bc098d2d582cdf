"""Readers of the feed who wait: how many there may be, and what those beyond that get."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from domain.errors import LimitReached
from realtime import feed_waits
from realtime.feed_waits import FeedWaits
from runtime.bus import LocalBus
from tests.api.administration.test_webhook_changes import administered
from tests.api.calls import assert_refused

TOO_MANY = (429, "LimitExceededException", "Only 1 readers can wait for the events of an instance at the same time.")


async def wait(stack: AsyncExitStack, waits: FeedWaits, instance: str) -> None:
    """Begin to wait, until the stack ends."""
    looks = waits.looks(instance, 60)
    await anext(looks)
    stack.push_async_callback(looks.aclose)  # pyright: ignore[reportAttributeAccessIssue]


async def test_readers_of_one_instance_leave_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_waits, "MAX_READERS_OF_AN_INSTANCE", 2)
    monkeypatch.setattr(feed_waits, "MAX_READERS", 3)
    waits = FeedWaits(LocalBus())
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await wait(stack, waits, "greedy")
        with pytest.raises(LimitReached):
            await wait(stack, waits, "greedy")
        await wait(stack, waits, "modest")
        with pytest.raises(LimitReached):
            await wait(stack, waits, "another")
    async with AsyncExitStack() as stack:
        await wait(stack, waits, "greedy")


@pytest.mark.parametrize(("accept", "seconds"), [("application/json", 1), ("text/event-stream", 0)])
async def test_reader_beyond_the_limit_gets_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, accept: str, seconds: int
) -> None:
    """A stream that begins and breaks off would come back after a second."""
    monkeypatch.setattr(feed_waits, "MAX_READERS_OF_AN_INSTANCE", 1)
    async with administered(tmp_path) as hooks:
        query, headers = {"instance": "i", "wait": str(seconds)}, {"accept": accept}
        waits = hooks.services.feed_waits.looks("i", 60)
        await anext(waits)
        assert_refused(await hooks.http.get("/v1/events", params=query, headers=headers), *TOO_MANY)
        await waits.aclose()  # pyright: ignore[reportAttributeAccessIssue]
