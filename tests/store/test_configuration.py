"""What was changed of the configuration, and who comes first."""

from __future__ import annotations

import asyncio
from typing import Any

from store.configuration import Change, changes, forget, keep, revisions
from store.database import Database
from tests.store.making import START, after


def change(name: str, revision: int, value: dict[str, Any] | None = None, kind: str = "queues") -> Change:
    return Change(kind, name, value, revision, START, "key")


async def test_nothing_was_ever_changed(db: Database) -> None:
    assert await revisions(db) == {}
    assert await changes(db, "i") == (0, [])


async def test_changes_come_back_oldest_first(db: Database) -> None:
    made = [
        change("b", 1, {"hours": "Öffnung", "nested": [1, {"a": None}]}),
        change("a", 2),
        change("a", 3, {}, kind="agents"),
    ]
    assert [await keep(db, "i", each) for each in made] == [True] * 3
    assert await changes(db, "i") == (3, made)
    assert await revisions(db) == {"i": 3}


async def test_a_later_change_takes_the_place_of_an_earlier_one(db: Database) -> None:
    later = Change("queues", "a", None, 3, after(1), "other key")
    for each in (change("a", 1, {"hours": "h"}), change("b", 2, {}), later):
        assert await keep(db, "i", each)
    assert await changes(db, "i") == (3, [change("b", 2, {}), later])


async def test_forgetting_is_a_change_too(db: Database) -> None:
    await keep(db, "i", change("a", 1, {}))
    await keep(db, "i", change("a", 2, {}, kind="agents"))
    assert await forget(db, "i", "queues", "a", revision=3)
    assert await changes(db, "i") == (3, [change("a", 2, {}, kind="agents")])
    assert await forget(db, "i", "agents", "a", revision=4)
    assert await changes(db, "i") == (4, [])
    assert await forget(db, "i", "agents", "a", revision=5)
    assert await revisions(db) == {"i": 5}


async def test_who_has_not_seen_the_latest_changes_nothing(db: Database) -> None:
    await keep(db, "i", change("a", 1, {}))
    for revision in (0, 1, 3):
        assert not await keep(db, "i", change("a", revision, {"hours": "late"}))
        assert not await forget(db, "i", "queues", "a", revision=revision)
    assert await changes(db, "i") == (1, [change("a", 1, {})])


async def test_instances_have_nothing_in_common(db: Database) -> None:
    await keep(db, "i", change("a", 1, {"hours": "i"}))
    await keep(db, "j", change("a", 1, {"hours": "j"}))
    assert await forget(db, "i", "queues", "a", revision=2)
    assert await changes(db, "j") == (1, [change("a", 1, {"hours": "j"})])
    assert await revisions(db) == {"i": 2, "j": 1}


async def test_of_those_who_change_something_at_once_one_is_first(db: Database, url: str) -> None:
    others = [Database.open(url) for _ in range(3)]
    for revision in range(1, 6):
        made = [change(f"{n}", revision, {"hours": f"{revision}"}) for n, _ in enumerate(others)]
        kept = await asyncio.gather(*(keep(other, "i", each) for other, each in zip(others, made, strict=True)))
        assert sorted(kept) == [False, False, True]
    assert (await changes(db, "i"))[0] == 5
    await asyncio.gather(*(other.close() for other in others))
