"""Export and deletion of what the store has about a customer."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, insert, make_url, select

from store import schema
from store.database import Database
from store.past import PastPosition, page_of_past
from store.personal_data import (
    Erased,
    conversations_of_customer,
    ended_conversations,
    erase_conversation,
    erase_short_lived_rows,
    exported_conversation,
    ids_within,
)
from tests.fresh_stores import Fresh
from tests.store.sample_records import INSTANCE

NOW = datetime(2026, 11, 27, 3, tzinfo=UTC)

IMPERSONAL = {
    *("agents", "agent_queues", "configured_agents", "configuration_changes", "configuration_revisions"),
    *("processes", "routing_leases", "audit", "agent_identities", "single_uses", "feed_starts", "webhooks"),
}
"""The tables that have nothing about a conversation. A new table is either here, or deleted with its conversation."""


@pytest.fixture
async def own(fresh: Fresh, migrated: str) -> AsyncGenerator[Database]:
    """A store of its own, so that its file holds only what the test writes."""
    async with fresh(migrated) as url:
        db = Database.open(url)
        yield db
        await db.close()


def rows_about(mark: str, **changes: Any) -> list[tuple[Table, dict[str, Any]]]:
    """A closed conversation with a row in each table. All ids and texts begin with `mark`."""
    id, contact, person = f"{mark}-conversation", f"{mark}-contact", f"{mark}-person"
    of_conversation = {"conversation_id": id}
    conversation = {
        "id": id,
        "instance": INSTANCE,
        "workstream": "flow-1",
        "queue": "support",
        "mode": "live",
        "state": "CLOSED",
        "customer_id": f"{mark}-customer",
        "attributes": {"topic": f"{mark}-topic"},
        "is_customer_signed": False,
        "segment_attributes": {"s": f"{mark}-segment"},
        "content_types": [],
        "started_at": NOW,
        "closed_at": NOW,
        "revision": 1,
        "updated_at": NOW,
        **changes,
    }
    item = {
        **of_conversation,
        "seq": 1,
        "id": f"{mark}-item",
        "contact_id": contact,
        "at": NOW,
        "type": "MESSAGE",
        "role": "CUSTOMER",
        "content_type": "text/plain",
        "content": f"{mark}-content" * 2_000,
        "participant_id": person,
    }
    participant = {"id": person, **of_conversation, "role": "CUSTOMER", "name": f"{mark}-name", "presence": "left"}
    placement = {
        **of_conversation,
        "revision": 1,
        "instance": INSTANCE,
        "queue": "support",
        "workstream": "flow-1",
        "contact_id": contact,
        "stage": "off",
        "units": 1,
        "in_turn": True,
        "priority": 5,
        "enqueued_at": NOW,
        "time_adjustment": 0,
        "queued_since": NOW,
        "bound_to": "",
        "delivered": False,
    }
    event = {"kind": "state", "body": {"initial_contact_id": id, "contact_id": contact}}
    wait = {"instance": INSTANCE, "queue": "support", "assigned_at": NOW, **of_conversation, "milliseconds": 1}
    method = {"initiation_method": "API", "initiated_at": NOW}
    return [
        (schema.conversations, conversation),
        (schema.contacts, {"id": contact, **of_conversation, "instance": INSTANCE, **method}),
        (schema.participants, participant),
        (schema.monitors, {"participant_id": person, **of_conversation, "contact_id": contact, "may_barge": True}),
        (schema.items, item),
        (schema.checkpoints, {**of_conversation, "run_id": "r", "number": 1, "consumed": 0, "state": f"{mark}-state"}),
        (
            schema.feed_events,
            {**of_conversation, "seq": 1, "instance": INSTANCE, "transaction_id": 0, "contact_id": contact, "at": NOW}
            | {"id": f"{mark}-item", "type": "message.created", "data": {}},
        ),
        (
            schema.webhook_deliveries,
            {
                **of_conversation,
                "instance": INSTANCE,
                "name": "crm",
                "event_id": f"{mark}-item",
                "type": "message.created",
            }
            | {"at": NOW, "status": 500, "milliseconds": 1, "answer": f"{mark}-answer"},
        ),
        (
            schema.streams,
            {"id": f"{mark}-stream", **of_conversation, "instance": INSTANCE, "topic": "chat"}
            | {"started_at": NOW, "delivered_seq": 0},
        ),
        (schema.client_tokens, {"id": f"{mark}-token", "digest": "d", "resource_id": contact, "used_at": NOW}),
        (schema.receipts, {**of_conversation, "seq": 1, "participant_id": person, "read_at": NOW}),
        (schema.connections, {"participant_id": person, "process_id": "p", **of_conversation}),
        (schema.agent_events, {"instance": INSTANCE, "user": mark, "seq": 1, "at": NOW, **event}),
        (schema.routing, placement),
        (schema.routing_rejections, {**of_conversation, "user": "ann", "at": NOW}),
        (schema.routing_waits, wait),
        (
            schema.contact_notes,
            {"id": f"{mark}-note", **of_conversation, "contact_id": contact, "user": "ann", "at": NOW}
            | {"text": f"{mark}-text"},
        ),
        (
            schema.attachments,
            {"id": f"{mark}-file", **of_conversation, "instance": INSTANCE, "contact_id": contact, "started_at": NOW}
            | {"participant_id": person, "name": f"{mark}-file.txt", "content_type": "text/plain", "size": 1},
        ),
        (schema.absences, {"participant_id": person, **of_conversation, "lost_at": NOW}),
        (schema.sent_positions, {"contact_id": contact, "position": 1, "at": NOW}),
    ]


async def write(db: Database, *rows: tuple[Table, dict[str, Any]]) -> None:
    async with db.write() as connection:
        for table, row in rows:
            await connection.execute(insert(table).values(row))


async def tables_with(db: Database, mark: str) -> set[str]:
    """The names of the tables in which a text occurs."""
    found: set[str] = set()
    for table in schema.metadata.sorted_tables:
        async with db.read() as connection:
            if mark in str((await connection.execute(select(table))).all()):
                found.add(table.name)
    return found


async def erase(db: Database, conversation_id: str) -> Erased:
    await erase_short_lived_rows(db, INSTANCE, await ids_within(db, conversation_id))
    return await erase_conversation(db, conversation_id)


async def test_nothing_of_an_erased_conversation_is_left(own: Database) -> None:
    await write(own, *rows_about("ada-marked"), *rows_about("bob-marked"))
    personal = {table.name for table in schema.metadata.sorted_tables} - IMPERSONAL
    assert await tables_with(own, "ada-marked") == personal

    assert await conversations_of_customer(own, INSTANCE, "ada-marked-customer") == ["ada-marked-conversation"]
    assert await erase(own, "ada-marked-conversation") == Erased(conversations=1, items=1, notes=1)
    assert await tables_with(own, "ada-marked") == set()
    assert await tables_with(own, "bob-marked") == personal
    assert await erase(own, "ada-marked-conversation") == Erased()


async def test_no_byte_of_it_stays_in_the_file(own: Database) -> None:
    if own.is_postgres:
        return  # its files are those of PostgreSQL
    path = Path(str(make_url(str(own.engine.url)).database))
    await write(own, *rows_about("ada-marked"), *rows_about("bob-marked"))
    for number in range(200):  # pages that were split, and rows that were moved
        await write(own, *rows_about(f"ada-marked-{number}"))
    for id in ("ada-marked", *(f"ada-marked-{number}" for number in range(200))):
        await erase(own, f"{id}-conversation")
    await own.forget_deleted()
    content = b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))
    assert content.count(b"bob-marked") > 10
    assert content.count(b"ada-marked") == 0


async def test_a_past_goes_on_with_what_is_left(own: Database) -> None:
    def continues(mark: str) -> dict[str, Any]:
        return {"past_id": f"{mark}-conversation", "past_seq": 1, "past_items": 1}

    await write(own, *rows_about("first"), *rows_about("second", **continues("first")))
    await write(own, *rows_about("third", **continues("second")), *rows_about("fourth", **continues("third")))

    async def past() -> list[str]:
        page, _ = await page_of_past(own, PastPosition("fourth-conversation", 1), 10)
        return [each.conversation_id.removesuffix("-conversation") for each in page]

    assert await past() == ["fourth", "third", "second", "first"]
    await erase(own, "second-conversation")
    assert await past() == ["fourth", "third", "first"]
    await erase(own, "first-conversation")
    assert await past() == ["fourth", "third"]
    await erase(own, "third-conversation")
    assert await past() == ["fourth"]


async def test_an_anonymous_chat_belongs_to_the_customer_who_continues_it(own: Database) -> None:
    link = {"past_id": "anonymous-conversation", "past_seq": 1, "past_items": 1}
    await write(own, *rows_about("anonymous", customer_id=None), *rows_about("known", **link))
    other = {"past_id": "known-conversation", "past_seq": 1, "past_items": 1, "customer_id": "somebody else"}
    await write(own, *rows_about("other", **other))
    found = await conversations_of_customer(own, INSTANCE, "known-customer")
    assert found == ["anonymous-conversation", "known-conversation"]
    assert await conversations_of_customer(own, INSTANCE, "somebody else") == ["other-conversation"]
    assert await conversations_of_customer(own, "another instance", "known-customer") == []


async def test_an_export_has_all_that_was_said(own: Database) -> None:
    await write(own, *rows_about("ada"))
    exported = await exported_conversation(own, "ada-conversation")
    assert exported
    for mark in (
        "customer",
        "topic",
        "segment",
        "name",
        "content",
        "text",
        "contact",
        "person",
        "note",
        "item",
        "file.txt",
    ):
        assert f"ada-{mark}" in str(exported), mark
    assert "ada-state" not in str(exported)
    assert len(exported["receipts"]) == 1
    assert await exported_conversation(own, "unknown") is None


async def test_conversations_past_their_retention_are_found(own: Database) -> None:
    old, older = NOW - timedelta(days=30), NOW - timedelta(days=31)
    await write(own, *rows_about("old", closed_at=old), *rows_about("older", closed_at=older), *rows_about("new"))
    await write(own, *rows_about("open", closed_at=None, state="ACTIVE"), *rows_about("x", workstream="flow-2"))
    before = NOW - timedelta(days=10)
    assert await ended_conversations(own, INSTANCE, "flow-1", before, 10) == ["older-conversation", "old-conversation"]
    assert await ended_conversations(own, INSTANCE, "flow-1", before, 1) == ["older-conversation"]
    assert await ended_conversations(own, "other", "flow-1", NOW + timedelta(days=1), 10) == []
