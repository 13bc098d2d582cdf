"""CreateParticipant: a bot from outside joins a chat, or runs the survey after it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter

from api.bodies import JsonBody
from api.client_tokens import token_request
from api.connect.authentication import ByChatsKey
from api.connect.requests import CreateParticipant
from api.dependencies import ServicesInRequest
from api.openapi import DescribedRoute
from api.participant.authentication import participant_token
from api.refusals import execute_or_raise
from domain.errors import MalformedRequest, NotFound
from domain.events import Invite
from domain.instants import iso
from store import conversations

router = APIRouter(route_class=DescribedRoute)

_NAMESPACE = UUID("f0b6a1de-0a5c-4c57-9a3e-6f0c9fb4f7d2")


@router.post("/contact/create-participant")
async def create_participant(
    services: ServicesInRequest, caller: ByChatsKey, body: JsonBody[CreateParticipant]
) -> dict[str, Any]:
    """CreateParticipant. The bot uses the participant operations with its token, and leaves with DisconnectParticipant."""
    instance, _ = services.instance(body.instance_id, caller.instances)
    details = body.participant_details
    if details.participant_role != "CUSTOM_BOT":
        raise MalformedRequest("ParticipantDetails.ParticipantRole: only a CUSTOM_BOT can join a chat.")
    if details.display_name is None:
        raise MalformedRequest("ParticipantDetails.DisplayName: is needed.")
    found = await conversations.find_contact(services.db, instance, body.contact_id)
    if found is None:
        raise NotFound(f"ContactId: instance {instance!r} has no contact {body.contact_id!r}.")
    contact, conversation = found
    if contact.ended_at is not None:
        raise MalformedRequest("ContactId: the contact has ended.")
    repeatable = token_request(_NAMESPACE, body, body.client_token, scope=conversation.id)
    async with services.client_tokens.claim(repeatable) as bot:
        command = Invite(participant_id=bot, name=details.display_name, by=caller.actor)
        await execute_or_raise(services.engine, conversation.id, command, "ContactId")
    expiry = datetime.now(UTC) + services.settings.participant_token_life
    credentials = {"ParticipantToken": participant_token(services, bot, conversation.id), "Expiry": iso(expiry)}
    return {"ParticipantId": bot, "ParticipantCredentials": credentials}
