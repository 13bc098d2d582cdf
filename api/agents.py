"""The agent's desk, the small beginning of it: sign in, see one's contacts, join one as a ChatJS `AGENT`, and end it.

A backend signs an agent in with its own access key and hands the desk token to the agent's client, which sees and moves
only what is that agent's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal
from uuid import uuid4

from annotated_types import MaxLen, MinLen
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict

from api.connect.caller import Authenticated
from api.connect.transfers import Target, transfer
from api.errors import AccessDenied, Ended, Malformed, NotFound
from api.frames import iso
from api.participant.session import participant_token
from api.reconnections import reconnect_link
from api.services import Parts, Services
from api.tokens import Kind
from api.wire import ContactId, Text, read_body
from store import conversations
from store.records import Contact, Conversation, Participant

router = APIRouter(prefix="/v1")

DESK_TOKEN_LIFE = timedelta(hours=12)


class SignIn(BaseModel):
    """Which agent signs in."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, json_schema_extra={"example": {"instance": "demo", "user": "a1"}}
    )

    instance: Annotated[Text, MinLen(1), MaxLen(100)]
    user: Annotated[Text, MinLen(1), MaxLen(256)]


@dataclass(frozen=True, slots=True)
class Desk:
    """An agent who has signed in."""

    instance: str
    user: str


def _desk(request: Request, parts: Parts) -> Desk:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise AccessDenied("The request needs 'Authorization: Bearer <desk token>'.")
    claims = parts.tokens.read(Kind.DESK, token.strip())
    instance = parts.settings.instances.get(claims.get("instance", ""))
    if instance is None or claims["sub"] not in instance.agents:
        raise AccessDenied("The desk token's agent does not exist any more.")
    return Desk(claims["instance"], claims["sub"])


AtDesk = Annotated[Desk, Depends(_desk)]
Action = Literal["end", "close", "park", "resume", "release"]


@router.post(
    "/agents/sign-in",
    openapi_extra={"requestBody": {"content": {"application/json": {"schema": SignIn.model_json_schema()}}}},
)
async def sign_in(request: Request, parts: Parts, caller: Authenticated) -> dict[str, Any]:
    """Gives a desk token for an agent, valid for 12 hours. For backends, with their access key."""
    body = await read_body(request, SignIn)
    name, instance = parts.instance(body.instance, caller.instances)
    agent = instance.agents.get(body.user)
    if agent is None:
        raise NotFound(f"user: instance {name!r} has no agent {body.user!r}.")
    token = parts.tokens.make(Kind.DESK, body.user, DESK_TOKEN_LIFE, instance=name)
    return {"token": token, "user": body.user, "name": agent.name, "expires_in": int(DESK_TOKEN_LIFE.total_seconds())}


@router.get("/agent/contacts")
async def my_contacts(parts: Parts, desk: AtDesk) -> dict[str, Any]:
    """The agent's contacts that are not closed, oldest first."""
    found = await conversations.contacts_of_agent(parts.db, desk.instance, desk.user)
    return {"contacts": [_shown(contact, conversation) for contact, conversation in found]}


@router.post("/agent/contacts/{contact_id}/session")
async def join(contact_id: ContactId, parts: Parts, desk: AtDesk) -> dict[str, Any]:
    """The `chatDetails` with which `ChatSession.create({type: "AGENT"})` joins the chat."""
    contact, conversation, me = await _mine(parts, desk, contact_id)
    if contact.ended_at is not None:
        raise Ended
    if me.left_at is not None:
        raise Malformed("session: you have left the chat; resume it first.")
    return {
        "ContactId": contact_id,
        "InitialContactId": conversation.id,
        "ParticipantId": me.id,
        "ParticipantToken": participant_token(parts, me.id, conversation.id),
    }


class TransferTo(BaseModel):
    """To whom a contact goes: a queue or an agent of the same instance."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"user": "a2"}})

    queue: Annotated[Text, MinLen(1), MaxLen(256)] | None = None
    user: Annotated[Text, MinLen(1), MaxLen(256)] | None = None


@router.post("/agent/contacts/{contact_id}/transfer")
async def hand_on(request: Request, contact_id: ContactId, parts: Parts, desk: AtDesk) -> dict[str, Any]:
    """Transfers the contact; answers with the id of the contact that it goes on as."""
    body = await read_body(request, TransferTo)
    contact, conversation, me = await _mine(parts, desk, contact_id)
    instance, new_id = parts.settings.instances[desk.instance], str(uuid4())
    target = Target(queue=body.queue, user=body.user)
    await transfer(parts, instance, contact, conversation, target, new_id=new_id, by=me.id)
    return {"contact_id": new_id}


@router.post("/agent/contacts/{contact_id}/reconnect-link")
async def link_back(contact_id: ContactId, parts: Parts, desk: AtDesk) -> dict[str, Any]:
    """A link to send to the customer, by which they can go back to the chat; see the backends' route of this name."""
    contact, conversation, _ = await _mine(parts, desk, contact_id)
    if contact.ended_at is not None:
        raise Malformed("contact_id: the contact has ended.")
    return reconnect_link(parts, parts.settings.instances[desk.instance], conversation)


@router.post("/agent/contacts/{contact_id}/{action}")
async def act(contact_id: ContactId, action: Action, parts: Parts, desk: AtDesk) -> dict[str, Any]:
    """Ends the chat, closes its wrap-up, parks it, takes it up again, or gives it back to its queue."""
    contact, conversation, me = await _mine(parts, desk, contact_id)
    if contact.ended_at is not None and action != "close":
        raise Malformed(f"{action}: the contact has ended.")
    if contact.wrapped_up_at is not None:
        raise Ended
    refused = await _does(parts, desk, action, conversation.id, by=me.id)
    if refused:
        raise Malformed(f"{action}: {refused}.")
    return {}


async def _does(parts: Services, desk: Desk, action: Action, conversation_id: str, by: str) -> str | None:
    match action:
        case "end":
            return await parts.gateway.end(conversation_id, by=by)
        case "close":
            return await parts.gateway.close(conversation_id, by=by)
        case "park":
            return await parts.gateway.park(conversation_id, by=by)
        case "release":
            return await parts.gateway.release(conversation_id, by=by)
        case "resume":
            name = parts.settings.instances[desk.instance].agents[desk.user].name
            return await parts.gateway.resume(conversation_id, user=desk.user, name=name, by=by)


async def _mine(parts: Services, desk: Desk, contact_id: str) -> tuple[Contact, Conversation, Participant]:
    """The contact, if it is this agent's; another's is as unknown as none."""
    found = await conversations.find_contact(parts.db, desk.instance, contact_id)
    if found is None or found[0].agent_user != desk.user:
        raise NotFound(f"contact: you have no contact {contact_id!r}.")
    participant = await conversations.participant_of_user(parts.db, found[1].id, desk.user)
    if participant is None:
        raise NotFound(f"contact: you take no part in {contact_id!r}.")
    return *found, participant


def _shown(contact: Contact, conversation: Conversation) -> dict[str, Any]:
    return {
        "contact_id": contact.id,
        "initial_contact_id": conversation.id,
        "workstream": conversation.workstream,
        "queue": contact.queue,
        "mode": conversation.mode,
        "state": conversation.state,
        "started_at": iso(conversation.started_at),
        "ended_at": iso(conversation.ended_at) if conversation.ended_at else None,
        "attributes": conversation.attributes,
    }
