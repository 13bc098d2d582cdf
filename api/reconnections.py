"""Reconnection: links with which a customer returns to a chat, and the lookup of the chat of a returning customer.

The conversation itself decides whether the chat still exists: it ends when its customer stays away too long. The lookup returns
its current state. The instant of the connection counts: a customer who connects after the end finds the chat ended.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from annotated_types import MaxLen, MinLen
from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict

from api.bodies import JsonBody
from api.connect.authentication import ByChatsKey
from api.customer_identity import CustomerOfChat, known_customer, recorded_customer
from api.dependencies import Services, ServicesInRequest
from api.openapi import ACCESS_KEY, DescribedRoute, ResponseBody, error_responses, example
from api.participant.authentication import participant_token
from api.paths import resource_id
from api.reconnect_links import ReconnectLinks
from api.tokens import TokenKind
from configuration.schema.instances import InstanceSettings
from domain.contacts import EndReason
from domain.errors import AccessDenied, MalformedRequest, NotFound
from domain.instants import iso
from store import conversations
from store.customers import customer_of, latest_conversation
from store.records import StoredConversation
from wire.models import ContactId, Text

router = APIRouter(
    prefix="/v1",
    tags=["reconnection"],
    route_class=DescribedRoute,
    dependencies=[Depends(ACCESS_KEY)],
    responses=error_responses(message="contact_id: the workstream 'live' has no reconnection."),
)

EXPIRED_REASONS: frozenset[str] = frozenset(
    {
        EndReason.CUSTOMER_LOST,
        EndReason.NEVER_CONNECTED,
        EndReason.OPEN_TOO_LONG,
        EndReason.WAITED_TOO_LONG,
        EndReason.DURATION_REACHED,
        EndReason.CUSTOMER_SILENT,
        EndReason.AUTO_DISCONNECTED,
    }
)
"""Reasons of the end of a conversation by a time limit. In all other cases a person or a backend ended it."""

_CHAT = {"ContactId": "0b8f5a36-6b3e-5a0e-9a35-6f3f2b1c7d10", "ParticipantId": "1f0e...", "ParticipantToken": "eyJ..."}
_FOUND = {"chat": _CHAT, "state": "OPEN", "started_at": "2026-03-02T09:15:04.120Z", "redirect_url": None}
_EXPIRED = {"chat": None, "reason": "expired", "redirect_url": "https://example.org/late"}
_EXAMPLES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {"examples": {"found": {"value": _FOUND}, "expired": {"value": _EXPIRED}}}}}
}


class LinkRequest(BaseModel):
    """The instance of the contact."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, json_schema_extra={"example": {"instance": "demo"}}
    )

    instance: Annotated[Text, MinLen(1), MaxLen(100)]


class LinkResponse(ResponseBody):
    """A link to a chat: `url` is the workstream's portal page, if there is one. The link is valid for `expires_in` seconds."""

    model_config = example(
        {
            "reconnect_id": "eyJhbGciOi...",
            "url": "https://example.org/chat?reconnect_id=eyJhbGciOi...",
            "expires_in": 2_592_000,
        }
    )

    reconnect_id: str
    url: str | None
    expires_in: int


class ReconnectionRequest(BaseModel):
    """A customer who returns: with the `reconnect_id` of a link, or with their `customer_id` to a workstream.

    A workstream that knows its customers by signed tokens needs a `customer_token` in both cases; `customer_id` can be left out.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        json_schema_extra={
            "examples": [
                {"instance": "demo", "reconnect_id": "eyJhbGciOi..."},
                {"instance": "demo", "workstream": "persistent", "customer_id": "crm-7"},
                {"instance": "demo", "workstream": "persistent", "customer_token": "eyJhbGciOi..."},
            ]
        },
    )

    instance: Annotated[Text, MinLen(1), MaxLen(100)]
    reconnect_id: Annotated[Text, MinLen(1), MaxLen(1000)] | None = None
    workstream: Annotated[Text, MinLen(1), MaxLen(500)] | None = None
    customer_id: Annotated[Text, MinLen(1), MaxLen(128)] | None = None
    customer_token: Text | None = None


@router.post("/contacts/{contact_id}/reconnect-link")
async def create_reconnect_link(
    contact_id: ContactId, services: ServicesInRequest, caller: ByChatsKey, body: JsonBody[LinkRequest]
) -> LinkResponse:
    """Creates a link with which the customer returns to the chat of a contact. For backends, with their access key."""
    name, instance = services.instance(body.instance, caller.instances, "instance")
    found = await conversations.find_contact(services.db, name, contact_id)
    if found is None:
        raise NotFound(f"contact_id: instance {name!r} has no contact {contact_id!r}.")
    return reconnect_link(services, instance, found[1])


@router.post("/reconnections", responses=_EXAMPLES)
async def find_reconnection(
    services: ServicesInRequest, caller: ByChatsKey, body: JsonBody[ReconnectionRequest]
) -> dict[str, Any]:
    """Returns the chat to which a customer may return, as `chatDetails` for ChatJS, or the reason why there is none.

    `reason` is `expired` (the customer is too late), `ended` (a person ended the chat) or `unknown` (there is no such chat).
    For backends, with their access key. The response authenticates its holder as the customer.
    """
    name, instance = services.instance(body.instance, caller.instances, "instance")
    if body.reconnect_id is not None:
        return await _by_link(services, name, instance, body)
    return await _by_customer(services, name, instance, body)


def reconnect_link(services: Services, instance: InstanceSettings, conversation: StoredConversation) -> LinkResponse:
    """Create a link to a conversation. It may be used many times, for `reconnect_link_life`.

    Raises:
        MalformedRequest: the conversation's workstream has no reconnection, or the chat has ended.
    """
    workstream = instance.workstreams.get(conversation.workstream)
    if workstream is None or workstream.reconnection is None:
        raise MalformedRequest(f"contact_id: the workstream {conversation.workstream!r} has no reconnection.")
    if conversation.interaction_ended:
        raise MalformedRequest("contact_id: the chat has ended.")
    life = services.settings.reconnect_link_life
    link = ReconnectLinks(services.tokens, life).make(conversation.id, workstream.reconnection.portal_url)
    return LinkResponse(reconnect_id=link.reconnect_id, url=link.url, expires_in=int(life.total_seconds()))


async def _by_link(
    services: Services, name: str, instance: InstanceSettings, body: ReconnectionRequest
) -> dict[str, Any]:
    if body.workstream is not None or body.customer_id is not None:
        raise MalformedRequest("reconnect_id: must not be given together with workstream or customer_id.")
    try:
        claims = services.tokens.verify(TokenKind.RECONNECT, body.reconnect_id or "")
    except AccessDenied:
        return _no_chat("unknown")
    conversation = await conversations.find_conversation(services.db, claims["sub"])
    if conversation is None or conversation.instance != name:
        return _no_chat("unknown")
    if conversation.workstream not in instance.workstreams:
        return _no_chat("unknown")
    named, token = recorded_customer(conversation), body.customer_token
    await known_customer(services, instance, conversation.workstream, named, token, member="customer_token")
    until = claims.get("until")
    link_expired = not isinstance(until, int) or until < datetime.now(UTC).timestamp()
    return await _chat_or_reason(services, instance, conversation, link_expired=link_expired)


async def _by_customer(
    services: Services, name: str, instance: InstanceSettings, body: ReconnectionRequest
) -> dict[str, Any]:
    names_customer = body.customer_id is not None or body.customer_token is not None
    if body.workstream is None and not names_customer:
        raise MalformedRequest("reconnect_id: is missing, and so are workstream and customer_id.")
    if body.workstream is None or not names_customer:
        missing = "workstream" if body.workstream is None else "customer_id"
        raise MalformedRequest(f"{missing}: is missing; workstream and customer_id must be given together.")
    workstream_id = resource_id(body.workstream)
    workstream = instance.workstreams.get(workstream_id)
    if workstream is None:
        raise NotFound(f"workstream: instance {name!r} has no workstream {workstream_id!r}.")
    if workstream.mode == "live" and workstream.reconnection is None:
        return _no_chat("unknown")
    named, token = CustomerOfChat(body.customer_id), body.customer_token
    customer = await known_customer(services, instance, workstream_id, named, token, member="customer_token")
    assert customer.id
    latest = await latest_conversation(services.db, name, workstream_id, customer.id)
    conversation = None if latest is None else await conversations.find_conversation(services.db, latest)
    if conversation is None or (conversation.is_customer_signed and not customer.is_signed):
        return _no_chat("unknown", _redirect_url(instance, workstream_id))
    return await _chat_or_reason(services, instance, conversation)


async def _chat_or_reason(
    services: Services, instance: InstanceSettings, conversation: StoredConversation, *, link_expired: bool = False
) -> dict[str, Any]:
    redirect_url = _redirect_url(instance, conversation.workstream)
    if conversation.interaction_ended:
        return _no_chat("expired" if conversation.end_reason in EXPIRED_REASONS else "ended", redirect_url)
    customer = await customer_of(services.db, conversation.id)
    if link_expired or customer is None:
        return _no_chat("expired", redirect_url)
    return {
        "chat": {
            "ContactId": conversation.id,
            "ParticipantId": customer.id,
            "ParticipantToken": participant_token(services, customer.id, conversation.id),
        },
        "state": conversation.state,
        "started_at": iso(conversation.started_at),
        "redirect_url": None,
    }


def _no_chat(reason: str, redirect_url: str | None = None) -> dict[str, Any]:
    return {"chat": None, "reason": reason, "redirect_url": redirect_url}


def _redirect_url(instance: InstanceSettings, workstream_id: str) -> str | None:
    """Page for customers without a chat to return to. None means that the client should offer a new chat."""
    workstream = instance.workstreams.get(workstream_id)
    return workstream.reconnection.redirect_url if workstream and workstream.reconnection else None
