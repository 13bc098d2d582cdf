from __future__ import annotations

import asyncio

import pytest

from store.conversations import attribute_bytes, find_conversation, merge_attributes, open_conversation
from store.database import Database
from tests.store.making import INSTANCE, START, opening

ROOM = 32_768


async def attributes(db: Database) -> dict[str, str]:
    found = await find_conversation(db, "c")
    assert found is not None
    return dict(found.attributes)


async def merge(db: Database, new: dict[str, str], limit: int = ROOM) -> bool | None:
    return await merge_attributes(db, INSTANCE, "c", new, limit=limit)


async def test_new_attributes_are_added_and_old_ones_replaced(db: Database) -> None:
    await open_conversation(db, opening(attributes={"a": "1", "b": "2"}))
    assert await merge(db, {"b": "two", "ключ": "🦜"}) is True
    assert await attributes(db) == {"a": "1", "b": "two", "ключ": "🦜"}
    found = await find_conversation(db, "c")
    assert found is not None
    assert found.updated_at > START


async def test_attributes_of_another_conversation_stay(db: Database) -> None:
    await open_conversation(db, opening())
    await open_conversation(db, opening("d"))
    await merge_attributes(db, INSTANCE, "d", {"a": "1"}, limit=ROOM)
    assert await attributes(db) == {"locale": "fr"}


@pytest.mark.parametrize(("limit", "written"), [(8, True), (7, False)])
async def test_the_limit_is_in_bytes_over_all_keys_and_values(db: Database, limit: int, written: bool) -> None:
    await open_conversation(db, opening(attributes={"a": "b"}))
    assert await merge(db, {"é": "🦜"}, limit) is written
    assert await attributes(db) == ({"a": "b", "é": "🦜"} if written else {"a": "b"})


async def test_what_is_replaced_does_not_count(db: Database) -> None:
    await open_conversation(db, opening(attributes={"a": "x" * 9}))
    assert await merge(db, {"a": "y" * 9}, 10) is True
    assert await attributes(db) == {"a": "y" * 9}


async def test_a_conversation_that_is_not_there_takes_none(db: Database) -> None:
    await open_conversation(db, opening())
    assert await merge_attributes(db, INSTANCE, "x", {"a": "1"}, limit=ROOM) is None
    assert await merge_attributes(db, "another instance", "c", {"a": "1"}, limit=ROOM) is None
    assert await attributes(db) == {"locale": "fr"}


async def test_merges_at_once_lose_nothing(db: Database, url: str) -> None:
    await open_conversation(db, opening(attributes={}))
    other = Database.open(url)
    results = await asyncio.gather(*(merge((db, other)[n % 2], {f"key-{n}": str(n)}) for n in range(20)))
    await other.close()
    assert results == [True] * 20
    assert await attributes(db) == {f"key-{n}": str(n) for n in range(20)}


async def test_merges_at_once_keep_the_limit(db: Database) -> None:
    await open_conversation(db, opening(attributes={}))
    results = await asyncio.gather(*(merge(db, {f"{n:02}": "x" * 8}, 55) for n in range(20)))
    assert sum(result is True for result in results) == 5
    assert attribute_bytes(await attributes(db)) == 50
