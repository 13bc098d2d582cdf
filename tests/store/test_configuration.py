"""Stored configuration changes: order, revisions and concurrent writers."""

from __future__ import annotations

import asyncio
from typing import Any

from store.configuration import ConfigurationChange, changes, delete_change, revisions, save_change
from store.database import Database
from tests.store.sample_records import START, after


def change(name: str, revision: int, value: dict[str, Any] | None = None, kind: str = "queues") -> ConfigurationChange:
    return ConfigurationChange(kind, name, value, revision, START, "key")


async def test_unchanged_configuration_has_no_changes_and_no_revision(db: Database) -> None:
    assert await revisions(db) == {}
    assert await changes(db, "i") == (0, [])


async def test_changes_are_returned_oldest_first(db: Database) -> None:
    written = [
        change("b", 1, {"hours": "Öffnung", "nested": [1, {"a": None}]}),
        change("a", 2),
        change("a", 3, {}, kind="agents"),
    ]
    assert [await save_change(db, "i", each) for each in written] == [True] * 3
    assert await changes(db, "i") == (3, written)
    assert await revisions(db) == {"i": 3}


async def test_later_change_replaces_an_earlier_one_of_the_same_name(db: Database) -> None:
    later = ConfigurationChange("queues", "a", None, 3, after(1), "other key")
    for each in (change("a", 1, {"hours": "h"}), change("b", 2, {}), later):
        assert await save_change(db, "i", each)
    assert await changes(db, "i") == (3, [change("b", 2, {}), later])


async def test_forgetting_a_change_advances_the_revision(db: Database) -> None:
    await save_change(db, "i", change("a", 1, {}))
    await save_change(db, "i", change("a", 2, {}, kind="agents"))
    assert await delete_change(db, "i", "queues", "a", revision=3)
    assert await changes(db, "i") == (3, [change("a", 2, {}, kind="agents")])
    assert await delete_change(db, "i", "agents", "a", revision=4)
    assert await changes(db, "i") == (4, [])
    assert await delete_change(db, "i", "agents", "a", revision=5)
    assert await revisions(db) == {"i": 5}


async def test_write_with_an_unexpected_revision_is_refused(db: Database) -> None:
    await save_change(db, "i", change("a", 1, {}))
    for revision in (0, 1, 3):
        assert not await save_change(db, "i", change("a", revision, {"hours": "late"}))
        assert not await delete_change(db, "i", "queues", "a", revision=revision)
    assert await changes(db, "i") == (1, [change("a", 1, {})])


async def test_changes_of_one_instance_do_not_affect_another_instance(db: Database) -> None:
    await save_change(db, "i", change("a", 1, {"hours": "i"}))
    await save_change(db, "j", change("a", 1, {"hours": "j"}))
    assert await delete_change(db, "i", "queues", "a", revision=2)
    assert await changes(db, "j") == (1, [change("a", 1, {"hours": "j"})])
    assert await revisions(db) == {"i": 2, "j": 1}


async def test_concurrent_changes_of_one_revision_have_one_winner(db: Database, url: str) -> None:
    processes = [Database.open(url) for _ in range(3)]
    for revision in range(1, 6):
        written = [change(f"{n}", revision, {"hours": f"{revision}"}) for n, _ in enumerate(processes)]
        kept = await asyncio.gather(
            *(save_change(process, "i", each) for process, each in zip(processes, written, strict=True))
        )
        assert sorted(kept) == [False, False, True]
    assert (await changes(db, "i"))[0] == 5
    await asyncio.gather(*(process.close() for process in processes))
