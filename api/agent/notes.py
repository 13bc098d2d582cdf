"""Notes about a contact. The conversation's current agent reads the notes of all its agents; the customer never sees them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import uuid4

from fastapi import APIRouter

from api.agent.authentication import ByAgentToken
from api.agent.contacts import find_own_contact
from api.agent.requests import NoteRequest
from api.agent.responses import NoteResponse, NotesResponse
from api.bodies import JsonBody
from api.dependencies import ServicesInRequest
from api.openapi import DescribedRoute, error_responses
from domain.errors import MalformedRequest
from domain.routing import FOREVER
from store.notes import ContactNote, add_note, contact_notes, count_notes
from wire.models import ContactId

MAX_NOTES = 1_000
"""Maximum number of notes about one conversation."""

router = APIRouter(
    prefix="/v1/agent/contacts/{contact_id}/notes",
    tags=["agent"],
    route_class=DescribedRoute,
    responses=error_responses(name="InvalidParameterException", message="text: must not be blank"),
)


@router.post("")
async def create_note(
    contact_id: ContactId, services: ServicesInRequest, agent: ByAgentToken, body: JsonBody[NoteRequest]
) -> NoteResponse:
    """Adds a note to the agent's contact, also after it has ended."""
    contact, conversation, _ = await find_own_contact(services, agent, contact_id)
    if await count_notes(services.db, conversation.id) >= MAX_NOTES:
        raise MalformedRequest(
            f"text: there are {MAX_NOTES} notes about this conversation already; no more can be added."
        )
    new = ContactNote(uuid4().hex, conversation.id, contact.id, agent.user, datetime.now(UTC), body.text)
    return _response(await add_note(services.db, new))


@router.get("")
async def list_notes(contact_id: ContactId, services: ServicesInRequest, agent: ByAgentToken) -> NotesResponse:
    """Returns the notes about the agent's contact and the earlier contacts of its conversation, oldest first."""
    contact, conversation, _ = await find_own_contact(services, agent, contact_id)
    until = contact.ended_at or FOREVER
    found = await contact_notes(services.db, conversation.id)
    return notes_response(note for note in found if note.at <= until or note.contact_id == contact.id)


def notes_response(notes: Iterable[ContactNote]) -> NotesResponse:
    """Convert notes to their response for agents and supervisors."""
    return NotesResponse(notes=[_response(note) for note in notes])


def _response(note: ContactNote) -> NoteResponse:
    return NoteResponse(note_id=note.id, contact_id=note.contact_id, user=note.user, at=note.at, text=note.text)
