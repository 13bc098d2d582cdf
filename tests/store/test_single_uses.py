"""What is good once is taken once, by any number of processes at the same time."""

from __future__ import annotations

import asyncio

from store.database import Database
from store.single_uses import delete_expired, take, take_variant
from tests.store.sample_records import START, after, count


async def test_id_is_taken_once(db: Database) -> None:
    assert await take(db, "a", after(60))
    assert not await take(db, "a", after(90))
    assert await take(db, "b", after(60))


async def test_variant_is_taken_once_and_knows_the_first_one(db: Database) -> None:
    assert await take_variant(db, "a", "1", after(60)) == after(60)
    assert await take_variant(db, "a", "2", after(70)) == after(60)
    assert await take_variant(db, "a", "1", after(80)) is None
    assert await take_variant(db, "b", "1", after(80)) == after(80)
    assert await take_variant(db, "a", "3", after(90)) == after(60)


async def test_processes_that_take_an_id_at_the_same_time_take_it_once(db: Database, url: str) -> None:
    processes = [Database.open(url) for _ in range(3)]
    taken = await asyncio.gather(*(take(process, "a", after(60)) for process in processes * 3))
    await asyncio.gather(*(process.close() for process in processes))
    assert taken.count(True) == 1


async def test_expired_ids_are_deleted_and_others_stay(db: Database) -> None:
    for id, seconds in (("old", 60), ("new", 120)):
        await take(db, id, after(seconds))
    await delete_expired(db, START)
    assert await count(db, "single_uses") == 2
    await delete_expired(db, after(90))
    assert [await take(db, id, after(120)) for id in ("old", "new")] == [True, False]
