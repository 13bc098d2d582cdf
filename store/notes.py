"""What agents note about contacts, for each other."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime

from sqlalchemy import func, insert, select

from domain.instants import whole_milliseconds
from store import schema
from store.database import Database

_note = schema.contact_notes.c


@dataclass(frozen=True, slots=True)
class Note:
    """What an agent has noted, and during which contact of a conversation."""

    id: str
    conversation_id: str
    contact_id: str
    user: str
    at: datetime
    text: str


async def add_note(db: Database, note: Note) -> Note:
    """Keeps a note. Returns it as it will be read."""
    async with db.write() as connection:
        await connection.execute(insert(schema.contact_notes).values(asdict(note)))
    return replace(note, at=whole_milliseconds(note.at))


async def count_notes(db: Database, conversation_id: str) -> int:
    """How many notes there are about a conversation's contacts."""
    query = select(func.count()).select_from(schema.contact_notes).where(_note.conversation_id == conversation_id)
    async with db.read() as connection:
        return (await connection.execute(query)).scalar_one()


async def notes_of(db: Database, conversation_id: str) -> list[Note]:
    """The notes about a conversation's contacts, the oldest first."""
    query = (
        select(_note.id, _note.conversation_id, _note.contact_id, _note.user, _note.at, _note.text)
        .where(_note.conversation_id == conversation_id)
        .order_by(_note.at, _note.id)
    )
    async with db.read() as connection:
        return [Note(*row) for row in await connection.execute(query)]
