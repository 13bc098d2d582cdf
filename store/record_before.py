"""Reads what the store has of a conversation before a commit changes it, for the events of the change."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from domain.contacts import Contact
from domain.conversation import ConversationSnapshot, State
from domain.participants import ParticipantPresence
from store import schema
from store.feed_derivation import RecordBefore
from store.rows import columns
from store.transaction import Transaction

_STATE = select(schema.conversations.c.state).where(schema.conversations.c.id == bindparam("conversation_id"))
_CONTACTS = select(*columns(schema.contacts, Contact)).where(schema.contacts.c.id.in_(bindparam("ids", expanding=True)))
_PRESENCES = select(schema.participants.c.id, schema.participants.c.presence).where(
    schema.participants.c.id.in_(bindparam("ids", expanding=True))
)


async def record_before(
    connection: Transaction, conversation_id: str, snapshot: ConversationSnapshot
) -> RecordBefore | None:
    """What the store has of the record and of the contacts and participants in a snapshot; None without a record."""
    state = (await connection.execute(_STATE, {"conversation_id": conversation_id})).scalar_one_or_none()
    if state is None:
        return None
    contacts = await connection.execute(_CONTACTS, {"ids": [contact.id for contact in snapshot.contacts]})
    presences = await connection.execute(_PRESENCES, {"ids": [each.id for each in snapshot.participants]})
    return RecordBefore(
        State(state),
        {row["id"]: Contact(**row) for row in contacts.mappings()},
        {row.id: ParticipantPresence(row.presence) for row in presences},
    )
