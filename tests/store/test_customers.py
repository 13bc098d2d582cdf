from __future__ import annotations

from typing import Any

from sqlalchemy import text

from store.conversations import open_conversation, record
from store.customers import customer_of, latest_conversation
from store.database import Database
from tests.store.making import INSTANCE, after, facts, opening


async def latest(
    db: Database, instance: str = INSTANCE, workstream: str = "flow-1", customer: str = "crm-7"
) -> str | None:
    return await latest_conversation(db, instance, workstream, customer)


async def began(db: Database, id: str, seconds: float, state: str = "OPEN", **changes: Any) -> None:
    await open_conversation(db, opening(id, started_at=after(seconds), **changes))
    if state != "OPEN":
        await record(db, id, facts=facts(1, contact_id=id, state=state, participants=()))


async def test_the_newest_conversation_counts(db: Database) -> None:
    assert await latest(db) is None
    for id, seconds in (("b", 2), ("c", 3), ("a", 1)):
        await began(db, id, seconds)
    assert await latest(db) == "c"


async def test_one_that_goes_on_counts_before_a_newer_one_that_is_over(db: Database) -> None:
    await began(db, "active", 1, "ACTIVE")
    for seconds, state in enumerate(("CLOSED", "WRAP_UP"), start=2):
        await began(db, state, seconds, state)
        assert await latest(db) == "active"
    await began(db, "parked", 4, "WAITING")
    assert await latest(db) == "parked"


async def test_of_those_that_are_over_the_newest_counts(db: Database) -> None:
    await began(db, "older", 1, "CLOSED")
    await began(db, "newer", 2, "CLOSED")
    assert await latest(db) == "newer"


async def test_what_is_anothers_is_not_found(db: Database) -> None:
    await began(db, "c", 1)
    await began(db, "nobody's", 2, customer_id=None)
    assert await latest(db, instance="another") is None
    assert await latest(db, workstream="another") is None
    assert await latest(db, customer="CRM-7") is None


async def test_the_customer_of_a_conversation(db: Database) -> None:
    assert await customer_of(db, "c") is None
    await record(db, "c", opening=opening(), facts=facts(1))
    found = await customer_of(db, "c")
    assert found is not None
    assert (found.id, found.role, found.conversation_id) == ("c-customer", "CUSTOMER", "c")


async def test_the_index_finds_a_customer(db: Database) -> None:
    explain = "EXPLAIN" if db.is_postgres else "EXPLAIN QUERY PLAN"
    query = "SELECT id FROM conversations WHERE instance = 'i' AND workstream = 'w' AND customer_id = 'c'"
    async with db.read() as connection:
        if db.is_postgres:  # for a table as small as that it would plan without any index
            await connection.execute(text("SET LOCAL enable_seqscan = off"))
        plan = (await connection.execute(text(f"{explain} {query}"))).all()
    assert "conversations_by_customer" in f"{plan}"
