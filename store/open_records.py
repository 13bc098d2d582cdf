"""Which conversations are open according to the store: to compare them with what runs, and to count them."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import bindparam, func, literal, select

from domain.conversation import State
from store import schema
from store.database import Database

_table = schema.conversations.c
_RECORDS = select(_table.id, _table.state, _table.revision)
_OPEN = _RECORDS.where(_table.closed_at.is_(None))
_ONE = _RECORDS.where(_table.id == bindparam("conversation_id"))


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
