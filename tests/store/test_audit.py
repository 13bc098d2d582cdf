"""The audit log in the store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from store.audit import AuditEntry, delete_entries, entries_before, write_entries
from store.database import Database
from tests.store.sample_records import INSTANCE

NOW = datetime(2026, 11, 27, 3, tzinfo=UTC)


def entry(id: str, seconds: int = 0, instance: str = INSTANCE) -> AuditEntry:
    at = NOW + timedelta(seconds=seconds)
    return AuditEntry(id, instance, at, "api:crm", "put_table", "workstreams/live", {"items": 3})


async def test_pages_go_back_in_time(db: Database) -> None:
    entries = [entry("a"), entry("b"), entry("c", seconds=1), entry("d", seconds=2)]
    await write_entries(db, [*entries, entry("e", instance="other")])
    first = await entries_before(db, INSTANCE, None, 2)
    assert first == [entries[3], entries[2]]
    second = await entries_before(db, INSTANCE, (first[-1].at, first[-1].id), 1)
    assert second == [entries[1]]
    assert await entries_before(db, INSTANCE, (second[-1].at, second[-1].id), 5) == [entries[0]]


async def test_an_entry_is_written_once(db: Database) -> None:
    await write_entries(db, [entry("a")])
    await write_entries(db, [entry("a", seconds=5), entry("b", seconds=1)])
    await write_entries(db, [])
    assert await entries_before(db, INSTANCE, None, 5) == [entry("b", seconds=1), entry("a")]


async def test_old_entries_are_deleted(db: Database) -> None:
    await write_entries(db, [entry("a"), entry("b", seconds=5)])
    await delete_entries(db, NOW + timedelta(seconds=5))
    assert await entries_before(db, INSTANCE, None, 5) == [entry("b", seconds=5)]
