"""Notes of agents about contacts, for other agents."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime

from sqlalchemy import func, insert, select

from domain.instants import whole_milliseconds
from store import schema
from store.database import Database

_note = schema.contact_notes.c


@dataclass(frozen=True, slots=True)
class ContactNote:
    """A note of an agent (`user`) about a contact."""

    id: str
    conversation_id: str
    contact_id: str
    user: str
    at: datetime
    text: str


async def add_note(db: Database, note: ContactNote) -> ContactNote:
    """Writes a note. Returns it as stored: `at` in whole milliseconds."""
    async with db.write() as connection:
        await connection.execute(insert(schema.contact_notes).values(asdict(note)))
    return replace(note, at=whole_milliseconds(note.at))


async def count_notes(db: Database, conversation_id: str) -> int:
    """The number of notes about all contacts of a conversation."""
    query = select(func.count()).select_from(schema.contact_notes).where(_note.conversation_id == conversation_id)
    async with db.read() as connection:
        return (await connection.execute(query)).scalar_one()


async def contact_notes(db: Database, conversation_id: str) -> list[ContactNote]:
    """The notes about all contacts of a conversation, oldest first."""
    query = (
        select(_note.id, _note.conversation_id, _note.contact_id, _note.user, _note.at, _note.text)
        .where(_note.conversation_id == conversation_id)
        .order_by(_note.at, _note.id)
    )
    async with db.read() as connection:
        return [ContactNote(*row) for row in await connection.execute(query)]
