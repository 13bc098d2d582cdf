"""Notes about a contact: for whoever has the conversation now, of everybody who had it. The customer never sees them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import uuid4

from fastapi import APIRouter, Request

from api.described import described, refused
from api.desk import answers, bodies
from api.desk.contacts import mine
from api.desk.signing_in import AtDesk
from api.services import Parts
from api.wire import ContactId, read_body
from domain.errors import MalformedRequest
from store.notes import Note, add_note, count_notes, notes_of

MOST_NOTES = 1_000
"""Of a conversation."""

router = APIRouter(
    prefix="/v1/agent/contacts/{contact_id}/notes",
    tags=["agent"],
    responses=refused(what="InvalidParameterException", because="text: String should have at least 1 character"),
)


@router.post("", openapi_extra=described(bodies.Note))
async def note(request: Request, contact_id: ContactId, parts: Parts, desk: AtDesk) -> answers.Note:
    """Notes something about one's contact, also when it has ended."""
    body = await read_body(request, bodies.Note)
    contact, conversation, _ = await mine(parts, desk, contact_id)
    if await count_notes(parts.db, conversation.id) >= MOST_NOTES:
        raise MalformedRequest(
            f"text: there are {MOST_NOTES} notes about this conversation already, and can be no more."
        )
    new = Note(uuid4().hex, conversation.id, contact.id, desk.user, datetime.now(UTC), body.text)
    return _shown(await add_note(parts.db, new))


@router.get("")
async def notes(contact_id: ContactId, parts: Parts, desk: AtDesk) -> answers.Notes:
    """All that was noted about a contact and those before it in its conversation, the oldest first."""
    contact, conversation, _ = await mine(parts, desk, contact_id)
    until = contact.ended_at or datetime.max.replace(tzinfo=UTC)
    found = await notes_of(parts.db, conversation.id)
    return all_shown(note for note in found if note.at <= until or note.contact_id == contact.id)


def all_shown(notes: Iterable[Note]) -> answers.Notes:
    """Notes as agents and supervisors see them."""
    return answers.Notes(notes=[_shown(note) for note in notes])


def _shown(note: Note) -> answers.Note:
    return answers.Note(note_id=note.id, contact_id=note.contact_id, user=note.user, at=note.at, text=note.text)
