"""Sample records for a store, and helpers that write them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import func, insert, select

from domain.contacts import Contact
from domain.conversation import ConversationOpening, ConversationSnapshot
from domain.participants import Participant, ParticipantPresence, Role
from domain.routing import Placement, RoutingStage
from domain.transcript import TranscriptItem
from domain.value import Value
from store import schema
from store.conversations import write_conversation
from store.database import Database
from store.receipts import Acknowledgement, acknowledge
from store.transcript_writes import TranscriptEnd

START = datetime(2026, 2, 28, 23, 59, 59, 987_000, tzinfo=UTC)
INSTANCE = "11111111-2222-3333-4444-555555555555"
CONNECTED = ParticipantPresence.CONNECTED
CUSTOMER = Participant(id="c-customer", role=Role.CUSTOMER, name="Zoë", presence=CONNECTED, joined_at=START)
AGENT = Participant(
    id="c-agent", role=Role.AGENT, name="Ann", user="ann", presence=CONNECTED, joined_at=START + timedelta(minutes=1)
)

AnyValue = TypeVar("AnyValue", bound=Value)


def replaced(value: AnyValue, **changes: Any) -> AnyValue:
    """A copy of a value with these fields changed, validated."""
    return type(value)(**{**dict(value), **changes})


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def opening(id: str = "c", **changes: Any) -> ConversationOpening:
    fields: dict[str, Any] = {
        "contact_id": id,
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
    return ConversationOpening(**{**fields, **changes})


def contact(id: str = "c", **changes: Any) -> Contact:
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
    return Contact(**{**fields, **changes})


def snapshot(
    revision: int, contact_id: str = "c", agent_user: str | None = "ann", began_at: datetime = START, **changes: Any
) -> ConversationSnapshot:
    """The snapshot of a conversation with one contact, which ends and is wrapped up together with it."""
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
        "placement": Placement(
            conversation_id=contact_id,
            revision=revision,
            instance=INSTANCE,
            queue="support",
            workstream="flow-1",
            contact_id=contact_id,
            stage=RoutingStage.OFF,
            enqueued_at=START,
        ),
    }
    return ConversationSnapshot(**{**fields, **changes})


def item(seq: int, **changes: Any) -> TranscriptItem:
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
    return TranscriptItem(**{**fields, **changes})


async def record(
    db: Database,
    conversation_id: str,
    *,
    opening: ConversationOpening | None = None,
    snapshot: ConversationSnapshot | None = None,
    items: Sequence[TranscriptItem] = (),
) -> TranscriptEnd | None:
    """Write the changes of a conversation in a transaction of their own."""
    async with db.write() as connection:
        written = await write_conversation(
            db, connection, conversation_id, opening=opening, snapshot=snapshot, items=items
        )
    return written.transcript_end


async def record_chat(db: Database, *seqs: int) -> None:
    """Record the conversation "c" between a customer and an agent, with these messages from the customer."""
    await record(db, "c", opening=opening(), snapshot=snapshot(1), items=[item(seq) for seq in seqs])


async def deliver(db: Database, seq: int, at: float, participant_id: str = "c-agent") -> bool:
    """Record that a participant of the conversation "c" has received a message. Returns whether it is new."""
    return (
        await acknowledge(db, [Acknowledgement("c", participant_id, seq, f"item-{seq}", "c", read=False, at=after(at))])
    )[0]


async def read(db: Database, seq: int, at: float, participant_id: str = "c-agent") -> bool:
    """Record that a participant of the conversation "c" has read a message. Returns whether it is new."""
    return (
        await acknowledge(db, [Acknowledgement("c", participant_id, seq, f"item-{seq}", "c", read=True, at=after(at))])
    )[0]


async def add_contact(db: Database, conversation: str, id: str, **values: Any) -> None:
    keys = {"id": id, "conversation_id": conversation, "instance": INSTANCE}
    row = {**keys, "initiation_method": "API", "initiated_at": START, **values}
    async with db.write() as connection:
        await connection.execute(insert(schema.contacts).values(row))


async def count(db: Database, table: str) -> int:
    async with db.read() as connection:
        return (await connection.execute(select(func.count()).select_from(schema.metadata.tables[table]))).scalar_one()
