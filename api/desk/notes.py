"""Notes about a contact: for whoever has the conversation now, of everybody who had it. The customer never sees them."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

from fastapi import APIRouter, Request

from api.described import described, refused
from api.desk import answers, bodies
from api.desk.contacts import mine
from api.desk.signing_in import AtDesk
from api.services import Parts, Services
from api.wire import ContactId, read_body
from store.notes import Note, add_note, notes_of

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
    new = Note(uuid4().hex, conversation.id, contact.id, desk.user, datetime.now(UTC), body.text)
    return _shown(await add_note(parts.db, new))


@router.get("")
async def notes(contact_id: ContactId, parts: Parts, desk: AtDesk) -> answers.Notes:
    """All that was noted about a contact and those before it in its conversation, the oldest first."""
    _, conversation, _ = await mine(parts, desk, contact_id)
    return await notes_of_conversation(parts, conversation.id)


async def notes_of_conversation(parts: Services, conversation_id: str) -> answers.Notes:
    """All notes about the contacts of a conversation, as they are shown."""
    return answers.Notes(notes=[_shown(note) for note in await notes_of(parts.db, conversation_id)])


def _shown(note: Note) -> answers.Note:
    return answers.Note(note_id=note.id, contact_id=note.contact_id, user=note.user, at=note.at, text=note.text)
