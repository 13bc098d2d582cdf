"""Streams of chats in the store: which items they still have to deliver."""

from __future__ import annotations

from store.database import Database
from store.personal_data import erase_conversation
from store.streams import (
    ITEMS_OF_A_STREAM,
    NewStream,
    Progress,
    advance_streams,
    is_streamed,
    next_items,
    start_stream,
    stop_stream,
)
from store.webhooks import Delivery, WebhookKey, last_deliveries
from tests.store.sample_records import INSTANCE, after, item, opening, record, record_chat

KEY = WebhookKey(INSTANCE, "arn:aws:sns:us-east-1:123456789012:chat")


async def begin(db: Database, id: str, at: float = 0, topic: str = KEY.name, *, whole: bool = False) -> str | None:
    return await start_stream(db, NewStream(id, "c", INSTANCE, topic, whole), after(at))


async def numbers(db: Database, chats: list[str] | None = None, limit: int = 1_000) -> list[int]:
    return [each.item.seq for each in await next_items(db, KEY, limit, chats)]


async def advance(db: Database, id: str, seq: int, *, is_over: bool = False) -> None:
    await advance_streams(db, KEY, [Progress(id, seq, is_over)], (), after(9))


async def test_a_stream_has_the_whole_chat_or_what_follows(db: Database) -> None:
    await record_chat(db, 1, 2)
    assert await begin(db, "later") == "later"
    assert await numbers(db) == []
    await begin(db, "other", topic="other", whole=True)
    await record(db, "c", items=[item(3)])
    assert await numbers(db) == [3]
    assert [each.item.seq for each in await next_items(db, KEY._replace(name="other"), 9)] == [1, 2, 3]
    assert await numbers(db, ["c"]) == [3]
    assert await numbers(db, ["another"]) == []


async def test_a_stream_begins_once_and_a_chat_has_two(db: Database) -> None:
    await record_chat(db, 1)
    assert await begin(db, "one") == "one"
    assert await begin(db, "one") == "one"
    assert await begin(db, "again") == "one"
    assert await begin(db, "two", topic="two") == "two"
    assert await begin(db, "three", topic="three") is None
    assert await stop_stream(db, "c", "one", after(1)) == KEY.name
    assert await begin(db, "one") == "one"
    assert await begin(db, "three", topic="three") == "three"
    assert await stop_stream(db, "c", "unknown", after(1)) is None
    assert await stop_stream(db, "another", "two", after(1)) is None


async def test_progress_goes_forward_only(db: Database) -> None:
    await record_chat(db, 1, 2, 3)
    await begin(db, "one", whole=True)
    await advance(db, "one", 2)
    await advance(db, "one", 1)
    assert await numbers(db) == [3]
    await advance(db, "one", 3)
    assert await numbers(db) == []
    assert await is_streamed(db, "c")


async def test_a_stopped_stream_has_what_was_written_before(db: Database) -> None:
    await record_chat(db, 1, 2)
    await begin(db, "one", whole=True)
    await stop_stream(db, "c", "one", after(1))
    await record(db, "c", items=[item(3)])
    assert await numbers(db) == [1, 2]
    assert [each.is_active for each in await next_items(db, KEY, 1)] == [False]
    assert not await is_streamed(db, "c")
    await advance(db, "one", 2)
    assert await numbers(db) == []


async def test_a_stream_that_follows_a_stopped_one_comes_after_it(db: Database) -> None:
    await record_chat(db, 1)
    await begin(db, "z", 1, whole=True)
    await stop_stream(db, "c", "z", after(2))
    await begin(db, "a", 3)
    await record(db, "c", items=[item(2)])
    assert [(each.stream_id, each.item.seq) for each in await next_items(db, KEY, 9)] == [("z", 1), ("a", 2)]


async def test_the_end_of_the_chat_ends_the_stream(db: Database) -> None:
    await record_chat(db, 1, 2)
    await begin(db, "one", whole=True)
    await advance(db, "one", 1, is_over=True)
    assert await numbers(db) == []
    assert not await is_streamed(db, "c")


async def test_a_page_has_no_more_of_a_chat_than_its_part(db: Database) -> None:
    await record_chat(db, *range(1, ITEMS_OF_A_STREAM + 10))
    await begin(db, "one", whole=True)
    assert await numbers(db) == list(range(1, ITEMS_OF_A_STREAM + 1))
    assert await numbers(db, limit=3) == [1, 2, 3]


async def test_deliveries_are_kept_for_people(db: Database) -> None:
    await record(db, "c", opening=opening())
    delivery = Delivery("c", "e1", "MESSAGE", after(1), 500, 7, "no")
    await advance_streams(db, KEY, (), [delivery], after(1))
    assert await last_deliveries(db, KEY, 5) == [delivery]


async def test_delivery_that_ends_after_an_erasure_is_not_kept(db: Database) -> None:
    await record(db, "c", opening=opening())
    about_agent = Delivery("agent/one/ann", "e2", "agent.presence", after(2), 500, 7, "no")
    await erase_conversation(db, "c")
    await advance_streams(
        db, KEY, (), [Delivery("c", "e1", "message.created", after(1), 500, 7, "Ada"), about_agent], after(2)
    )
    assert await last_deliveries(db, KEY, 5) == [about_agent]
