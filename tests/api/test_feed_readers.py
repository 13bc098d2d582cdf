"""What readers of the feed can cost: how many wait, and how much one of them gets at once."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from api.feed import routes
from domain.errors import LimitReached, StoreUnavailable
from realtime import feed_waits
from realtime.feed_waits import FeedWaits
from runtime.bus import LocalBus
from store.feed import StoredEvent, page_of_feed
from tests.api.administration.test_webhook_changes import administered
from tests.api.calls import assert_refused
from tests.store.sample_records import item, opening, record

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


async def test_answer_with_texts_has_few_events(tmp_path: Path) -> None:
    """A thousand of them would be as large as 16 MB."""
    async with administered(tmp_path) as hooks:
        items = [item(number) for number in range(1, 151)]
        await record(hooks.db, "c", opening=opening(instance="i"), items=items)
        seen: list[str] = []
        query = {"instance": "i", "limit": "1000", "types": "message"}
        for content, sizes in (("false", [150]), ("true", [98, 52])):  # two events come before the messages
            after = "0-0"
            for size in sizes:
                found = await hooks.http.get("/v1/events", params={**query, "content": content, "after": after})
                answer = found.raise_for_status().json()
                assert len(answer["events"]) == size
                after = answer["next"]
                seen += [event["data"].get("content") for event in answer["events"]]
        assert seen == [None] * 150 + [each.content for each in items]


async def test_head_waits_for_no_events(tmp_path: Path) -> None:
    async with administered(tmp_path) as hooks:
        headers = {"accept": "text/event-stream"}
        assert (await hooks.http.head("/v1/events", params={"instance": "i"}, headers=headers)).status_code == 200


async def test_stream_names_the_position_behind_skipped_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that comes back does not read them again, and its position does not become too old."""
    monkeypatch.setattr(routes, "STREAM_SECONDS", 0)
    async with administered(tmp_path) as hooks:
        await record(hooks.db, "c", opening=opening(instance="i"), items=[item(number) for number in range(1, 151)])
        page = await hooks.http.get("/v1/events", params={"instance": "i", "limit": 1_000, "after": "0-0"})
        query = {"instance": "i", "types": "survey.answered", "after": "0-0"}
        answer = await hooks.http.get("/v1/events", params=query, headers={"accept": "text/event-stream"})
        [*_, last] = [line for line in answer.text.splitlines() if line.startswith("id: ")]
        assert last == f"id: {page.json()['next']}"
        assert "data: " not in answer.text


@pytest.mark.parametrize(("pages", "status"), [(0, 503), (1, 200)])
async def test_stream_ends_when_the_store_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pages: int, status: int
) -> None:
    """A stream that has begun has no error response. Its client comes back, and gets one."""
    left = [page_of_feed] * pages

    async def page(*args: Any) -> list[StoredEvent]:
        if not left:
            raise StoreUnavailable
        return await left.pop()(*args)

    async with administered(tmp_path) as hooks:
        monkeypatch.setattr(routes, "page_of_feed", page)
        headers = {"accept": "text/event-stream"}
        answer = await hooks.http.get("/v1/events", params={"instance": "i"}, headers=headers)
        assert (answer.status_code, "retry: 1000" in answer.text) == (status, status == 200)
