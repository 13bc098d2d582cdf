"""Sample records for a store, and helpers that write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, select

from store import schema
from store.conversations import record
from store.database import Database
from store.records import ContactFacts, ConversationFacts, Item, NewConversation, ParticipantFacts

START = datetime(2026, 2, 28, 23, 59, 59, 987_000, tzinfo=UTC)
INSTANCE = "11111111-2222-3333-4444-555555555555"
CUSTOMER = ParticipantFacts("c-customer", "CUSTOMER", "Zoë", None, "connected", START, None)
AGENT = ParticipantFacts("c-agent", "AGENT", "Ann", "ann", "connected", START + timedelta(minutes=1), None)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def opening(id: str = "c", **changes: Any) -> NewConversation:
    fields: dict[str, Any] = {
        "id": id,
        "instance": INSTANCE,
        "workstream": "flow-1",
        "queue": "support",
        "mode": "persistent",
        "started_at": START,
        "customer_participant_id": f"{id}-customer",
        "customer_name": "Zoë",
        "customer_id": "crm-7",
        "attributes": {"locale": "fr"},
        "segment_attributes": {"connect:Subtype": {"ValueString": "connect:Chat"}},
        "content_types": ("text/plain", "text/markdown"),
        "related_contact_id": "earlier",
    }
    return NewConversation(**{**fields, **changes})


def contact(id: str = "c", **changes: Any) -> ContactFacts:
    fields: dict[str, Any] = {
        "id": id,
        "initiation_method": "API",
        "previous_contact_id": None,
        "queue": "support",
        "initiated_at": START,
        "enqueued_at": START,
        "agent_user": "ann",
        "agent_connected_at": after(60),
        "ended_at": None,
        "last_seq": None,
        "wrapped_up_at": None,
        "end_reason": None,
    }
    return ContactFacts(**{**fields, **changes})


def facts(
    revision: int, contact_id: str = "c", agent_user: str | None = "ann", began_at: datetime = START, **changes: Any
) -> ConversationFacts:
    """Facts of a conversation with one contact, which ends and is wrapped up together with it."""
    only_contact = contact(
        contact_id,
        agent_user=agent_user,
        initiated_at=began_at,
        ended_at=changes.get("ended_at"),
        wrapped_up_at=changes.get("closed_at"),
    )
    fields: dict[str, Any] = {
        "revision": revision,
        "state": "ACTIVE",
        "contacts": (only_contact,),
        "answers": {},
        "ended_at": None,
        "end_reason": None,
        "closed_at": None,
        "participants": (CUSTOMER, AGENT),
    }
    return ConversationFacts(**{**fields, **changes})


def item(seq: int, **changes: Any) -> Item:
    """A message from the customer, sent `seq` seconds after the start."""
    fields: dict[str, Any] = {
        "id": f"item-{seq}",
        "seq": seq,
        "at": after(seq),
        "contact_id": "c",
        "type": "MESSAGE",
        "content_type": "text/plain",
        "content": f"text {seq}",
        "participant_id": "c-customer",
        "role": "CUSTOMER",
        "name": "Zoë",
        "trigger": None,
    }
    return Item(**{**fields, **changes})


async def record_chat(db: Database, *seqs: int) -> None:
    """Record the conversation "c" between a customer and an agent, with these messages from the customer."""
    await record(db, "c", opening=opening(), facts=facts(1), items=[item(seq) for seq in seqs])


async def add_contact(db: Database, conversation: str, id: str, **values: Any) -> None:
    row = {"id": id, "conversation_id": conversation, "initiation_method": "API", "initiated_at": START, **values}
    async with db.write() as connection:
        await connection.execute(insert(schema.contacts).values(row))


async def count(db: Database, table: str) -> int:
    async with db.read() as connection:
        return (await connection.execute(select(func.count()).select_from(schema.metadata.tables[table]))).scalar_one()
