"""Conversations of one customer."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from store.conversations import open_conversation
from store.customers import customer_of, latest_conversation
from store.database import Database
from tests.store.sample_records import INSTANCE, after, opening, record, snapshot


async def latest(
    db: Database, instance: str = INSTANCE, workstream: str = "flow-1", customer: str = "crm-7"
) -> str | None:
    return await latest_conversation(db, instance, workstream, customer)


async def begin(db: Database, id: str, seconds: float, state: str = "OPEN", **changes: Any) -> None:
    await open_conversation(db, opening(id, started_at=after(seconds), **changes))
    if state != "OPEN":
        await record(db, id, snapshot=snapshot(1, contact_id=id, state=state, participants=()))


async def test_latest_conversation_is_the_newest(db: Database) -> None:
    assert await latest(db) is None
    for id, seconds in (("b", 2), ("c", 3), ("a", 1)):
        await begin(db, id, seconds)
    assert await latest(db) == "c"


async def test_ongoing_conversation_is_preferred_to_a_newer_ended_one(db: Database) -> None:
    await begin(db, "active", 1, "ACTIVE")
    for seconds, state in enumerate(("CLOSED", "WRAP_UP"), start=2):
        await begin(db, state, seconds, state)
        assert await latest(db) == "active"
    await begin(db, "parked", 4, "WAITING")
    assert await latest(db) == "parked"


async def test_newest_ended_conversation_is_found_when_none_is_ongoing(db: Database) -> None:
    await begin(db, "older", 1, "CLOSED")
    await begin(db, "newer", 2, "CLOSED")
    assert await latest(db) == "newer"


async def test_conversation_of_another_customer_is_not_found(db: Database) -> None:
    await begin(db, "c", 1)
    await begin(db, "without customer", 2, customer_id=None)
    assert await latest(db, instance="another") is None
    assert await latest(db, workstream="another") is None
    assert await latest(db, customer="CRM-7") is None


async def test_customer_of_a_conversation_is_its_customer_participant(db: Database) -> None:
    assert await customer_of(db, "c") is None
    await record(db, "c", opening=opening(), snapshot=snapshot(1))
    found = await customer_of(db, "c")
    assert found is not None
    assert (found.id, found.role, found.conversation_id) == ("c-customer", "CUSTOMER", "c")


async def test_customer_lookup_uses_its_index(db: Database) -> None:
    explain = "EXPLAIN" if db.is_postgres else "EXPLAIN QUERY PLAN"
    query = "SELECT id FROM conversations WHERE instance = 'i' AND workstream = 'w' AND customer_id = 'c'"
    async with db.read() as connection:
        if db.is_postgres:  # the planner ignores indexes for so small a table
            await connection.execute(text("SET LOCAL enable_seqscan = off"))
        plan = (await connection.execute(text(f"{explain} {query}"))).all()
    assert "conversations_by_customer" in f"{plan}"
