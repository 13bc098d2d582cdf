"""Which conversations are open according to the store: to compare them with what runs, to count them, and to begin one again."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import bindparam, func, literal, select

from domain.conversation import ConversationOpening, State
from domain.participants import Role
from store import schema
from store.database import Database
from store.records import StoredConversation

_table = schema.conversations.c
_RECORDS = select(_table.id, _table.state, _table.revision)
_OPEN = _RECORDS.where(_table.closed_at.is_(None))
_ONE = _RECORDS.where(_table.id == bindparam("conversation_id"))
_participant = schema.participants.c
_CUSTOMER = select(_participant.id, _participant.name).where(
    _participant.conversation_id == bindparam("conversation_id"), _participant.role == Role.CUSTOMER
)
_OF_BOTH = ConversationOpening.model_fields.keys() & StoredConversation.model_fields.keys()
"""What an opening says and the record keeps under the same name."""


class RecordedState(NamedTuple):
    """The state and the revision of a conversation's record."""

    id: str
    state: str
    revision: int


async def open_records(db: Database) -> list[RecordedState]:
    """All conversations that are not closed. Takes about 1 KB of memory for each."""
    return [RecordedState(*row) for row in await db.rows(_OPEN)]


async def recorded_state(db: Database, conversation_id: str) -> RecordedState | None:
    """The state of one conversation; None when the store lacks it."""
    found = await db.rows(_ONE, {"conversation_id": conversation_id})
    return RecordedState(*found[0]) if found else None


async def count_active(db: Database, instance: str, most: int) -> int:
    """The number of an instance's conversations that are open or with an agent. Counts no further than to `most`."""
    conversation = schema.conversations.c
    active = (
        select(literal(1).label("one"))
        .where(conversation.instance == instance, conversation.closed_at.is_(None))
        .where(conversation.state.in_((State.OPEN, State.ACTIVE)))
        .limit(most)
        .subquery()
    )
    return (await db.rows(select(func.count()).select_from(active)))[0][0]


async def recorded_opening(db: Database, record: StoredConversation) -> ConversationOpening | None:
    """The opening of a conversation that has nothing but its first record; None: it is deleted meanwhile.

    The record keeps its past, the opening lacks it.
    """
    found = await db.rows(_CUSTOMER, {"conversation_id": record.id})
    if not found:
        return None
    [(customer_id, customer_name)] = found
    customer = {"customer_participant_id": customer_id, "customer_name": customer_name}
    known = {name: getattr(record, name) for name in _OF_BOTH}
    return ConversationOpening.model_validate({"contact_id": record.id, **customer, **known})
