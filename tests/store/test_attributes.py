"""Contact attributes and their limits."""

from __future__ import annotations

import asyncio

import pytest

from store.attributes import attribute_bytes, merge_attributes
from store.conversations import find_conversation, open_conversation
from store.database import Database
from tests.store.sample_records import INSTANCE, START, opening

LIMIT = 32_768


async def attributes(db: Database) -> dict[str, str]:
    found = await find_conversation(db, "c")
    assert found is not None
    return dict(found.attributes)


async def merge(db: Database, new: dict[str, str], limit: int = LIMIT) -> bool | None:
    return await merge_attributes(db, INSTANCE, "c", new, limit=limit)


async def test_merge_adds_new_attributes_and_replaces_existing_ones(db: Database) -> None:
    await open_conversation(db, opening(attributes={"a": "1", "b": "2"}))
    assert await merge(db, {"b": "two", "ключ": "🦜"}) is True
    assert await attributes(db) == {"a": "1", "b": "two", "ключ": "🦜"}
    found = await find_conversation(db, "c")
    assert found is not None
    assert found.updated_at > START


async def test_merge_leaves_other_conversations_unchanged(db: Database) -> None:
    await open_conversation(db, opening())
    await open_conversation(db, opening("d"))
    await merge_attributes(db, INSTANCE, "d", {"a": "1"}, limit=LIMIT)
    assert await attributes(db) == {"locale": "fr"}


@pytest.mark.parametrize(("limit", "written"), [(8, True), (7, False)])
async def test_attribute_limit_counts_the_bytes_of_all_keys_and_values(db: Database, limit: int, written: bool) -> None:
    await open_conversation(db, opening(attributes={"a": "b"}))
    assert await merge(db, {"é": "🦜"}, limit) is written
    assert await attributes(db) == ({"a": "b", "é": "🦜"} if written else {"a": "b"})


async def test_replaced_values_do_not_count_towards_the_limit(db: Database) -> None:
    await open_conversation(db, opening(attributes={"a": "x" * 9}))
    assert await merge(db, {"a": "y" * 9}, 10) is True
    assert await attributes(db) == {"a": "y" * 9}


async def test_merge_into_an_unknown_conversation_returns_none(db: Database) -> None:
    await open_conversation(db, opening())
    assert await merge_attributes(db, INSTANCE, "x", {"a": "1"}, limit=LIMIT) is None
    assert await merge_attributes(db, "another instance", "c", {"a": "1"}, limit=LIMIT) is None
    assert await attributes(db) == {"locale": "fr"}


async def test_concurrent_merges_keep_all_attributes(db: Database, url: str) -> None:
    await open_conversation(db, opening(attributes={}))
    other = Database.open(url)
    results = await asyncio.gather(*(merge((db, other)[n % 2], {f"key-{n}": str(n)}) for n in range(20)))
    await other.close()
    assert results == [True] * 20
    assert await attributes(db) == {f"key-{n}": str(n) for n in range(20)}


async def test_concurrent_merges_respect_the_limit(db: Database) -> None:
    await open_conversation(db, opening(attributes={}))
    results = await asyncio.gather(*(merge(db, {f"{n:02}": "x" * 8}, 55) for n in range(20)))
    assert sum(result is True for result in results) == 5
    assert attribute_bytes(await attributes(db)) == 50
