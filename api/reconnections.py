"""Going back to a chat, from another device or after the tab is gone: the link for it, and what the customer is offered.

Whether there is still a chat to go back to is for the conversation to say, which ends by itself when its customer stays
away too long; the offer tells how it stands. Who takes it up in the last second may find the chat over: what counts is
the instant at which they are back.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlencode, urlsplit

from annotated_types import MaxLen, MinLen
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict

from api.connect.caller import Authenticated
from api.described import ACCESS_KEY, Answer, described, example, refused
from api.frames import iso
from api.participant.session import participant_token
from api.paths import resource_id
from api.services import Parts, Services
from api.tokens import Kind
from api.wire import ContactId, Text, read_body
from domain.errors import AccessDenied, MalformedRequest, NotFound
from runtime.instances import Instance
from store import conversations
from store.customers import customer_of, latest_conversation
from store.records import Conversation
from workflows.values import EndReason

router = APIRouter(
    prefix="/v1",
    tags=["reconnection"],
    dependencies=[Depends(ACCESS_KEY)],
    responses=refused(because="contact_id: the workstream 'live' has no reconnection."),
)

PARAMETER = "reconnect_id"
"""The query parameter of a link by which the portal page knows the chat."""

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
"""End reasons of a conversation that a time limit ended. The other reasons are a decision of a person."""


_CHAT = {"ContactId": "0b8f5a36-6b3e-5a0e-9a35-6f3f2b1c7d10", "ParticipantId": "1f0e...", "ParticipantToken": "eyJ..."}
_THERE = {"chat": _CHAT, "state": "OPEN", "started_at": "2026-03-02T09:15:04.120Z", "redirect_url": None}
_GONE = {"chat": None, "reason": "expired", "redirect_url": "https://example.org/late"}
OFFERED: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {"examples": {"there": {"value": _THERE}, "too late": {"value": _GONE}}}}}
}


class LinkTo(BaseModel):
    """Whose contact it is."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, json_schema_extra={"example": {"instance": "demo"}}
    )

    instance: Annotated[Text, MinLen(1), MaxLen(100)]


class Link(Answer):
    """A way back into a chat: the workstream's page with it, if there is one, and for how many seconds it is good."""

    model_config = example(
        {
            "reconnect_id": "eyJhbGciOi...",
            "url": "https://example.org/chat?reconnectid=eyJhbGciOi...",
            "expires_in": 86_400,
        }
    )

    reconnect_id: str
    url: str | None
    expires_in: int


class Return(BaseModel):
    """A customer who is back: with the `reconnect_id` of a link, or known by their `customer_id` on a workstream."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        json_schema_extra={
            "examples": [
                {"instance": "demo", "reconnect_id": "eyJhbGciOi..."},
                {"instance": "demo", "workstream": "persistent", "customer_id": "crm-7"},
            ]
        },
    )

    instance: Annotated[Text, MinLen(1), MaxLen(100)]
    reconnect_id: Annotated[Text, MinLen(1), MaxLen(1000)] | None = None
    workstream: Annotated[Text, MinLen(1), MaxLen(500)] | None = None
    customer_id: Annotated[Text, MinLen(1), MaxLen(128)] | None = None


@router.post(
    "/contacts/{contact_id}/reconnect-link",
    openapi_extra=described(LinkTo),
)
async def link_to_contact(request: Request, contact_id: ContactId, parts: Parts, caller: Authenticated) -> Link:
    """A link by which the customer of a contact's chat can go back to it. For backends, with their access key."""
    body = await read_body(request, LinkTo)
    name, instance = parts.instance(body.instance, caller.instances)
    found = await conversations.find_contact(parts.db, name, contact_id)
    if found is None:
        raise NotFound(f"contact_id: instance {name!r} has no contact {contact_id!r}.")
    return reconnect_link(parts, instance, found[1])


@router.post("/reconnections", openapi_extra=described(Return), responses=OFFERED)
async def come_back(request: Request, parts: Parts, caller: Authenticated) -> dict[str, Any]:
    """What a customer who is back is offered: the chat to go on with, as `chatDetails` for ChatJS, or why there is none.

    `reason` is `expired` (they came too late), `ended` (somebody ended the chat) or `unknown` (there is no such chat).
    For backends, with their access key: whoever has the answer is the customer.
    """
    body = await read_body(request, Return)
    name, instance = parts.instance(body.instance, caller.instances)
    if body.reconnect_id is not None:
        return await _by_link(parts, name, instance, body)
    return await _by_identity(parts, name, instance, body)


def reconnect_link(parts: Services, instance: Instance, conversation: Conversation) -> Link:
    """The link to a conversation. It may be opened as often and as late as the customer's own token may be used.

    Raises:
        MalformedRequest: the conversation's workstream has no reconnection, or nobody can go on talking in it.
    """
    workstream = instance.workstreams.get(conversation.workstream)
    if workstream is None or workstream.reconnection is None:
        raise MalformedRequest(f"contact_id: the workstream {conversation.workstream!r} has no reconnection.")
    if conversation.talk_is_over:
        raise MalformedRequest("contact_id: the chat has ended.")
    life = parts.settings.participant_token_life
    # not `exp`: of a link that is too old one must still learn which chat it was for, to send its owner on
    until = int((datetime.now(UTC) + life).timestamp())
    reconnect_id = parts.tokens.make(Kind.RECONNECT, conversation.id, until=until)
    portal = workstream.reconnection.portal_url
    url = _with_parameter(portal, reconnect_id) if portal else None
    return Link(reconnect_id=reconnect_id, url=url, expires_in=int(life.total_seconds()))


async def _by_link(parts: Services, name: str, instance: Instance, body: Return) -> dict[str, Any]:
    if body.workstream is not None or body.customer_id is not None:
        raise MalformedRequest("reconnect_id: is given instead of workstream and customer_id, not with them.")
    try:
        claims = parts.tokens.read(Kind.RECONNECT, body.reconnect_id or "")
    except AccessDenied:
        return _nothing("unknown")
    conversation = await conversations.find_conversation(parts.db, claims["sub"])
    if conversation is None or conversation.instance != name:
        return _nothing("unknown")
    too_old = claims["until"] < datetime.now(UTC).timestamp()
    return await _offer(parts, instance, conversation, too_old=too_old)


async def _by_identity(parts: Services, name: str, instance: Instance, body: Return) -> dict[str, Any]:
    if body.workstream is None and body.customer_id is None:
        raise MalformedRequest("reconnect_id: is missing, and so are workstream and customer_id.")
    if body.workstream is None or body.customer_id is None:
        missing = "workstream" if body.workstream is None else "customer_id"
        raise MalformedRequest(f"{missing}: is missing; workstream and customer_id are given together.")
    workstream_id = resource_id(body.workstream)
    workstream = instance.workstreams.get(workstream_id)
    if workstream is None:
        raise NotFound(f"workstream: instance {name!r} has no workstream {workstream_id!r}.")
    if workstream.mode == "live" and workstream.reconnection is None:
        return _nothing("unknown")
    latest = await latest_conversation(parts.db, name, workstream_id, body.customer_id)
    conversation = None if latest is None else await conversations.find_conversation(parts.db, latest)
    if conversation is None:
        return _nothing("unknown", _redirect(instance, workstream_id))
    return await _offer(parts, instance, conversation)


async def _offer(
    parts: Services, instance: Instance, conversation: Conversation, *, too_old: bool = False
) -> dict[str, Any]:
    redirect = _redirect(instance, conversation.workstream)
    if conversation.talk_is_over:
        return _nothing("expired" if conversation.end_reason in EXPIRED_REASONS else "ended", redirect)
    customer = await customer_of(parts.db, conversation.id)
    if too_old or customer is None:
        return _nothing("expired", redirect)
    return {
        "chat": {
            "ContactId": conversation.id,
            "ParticipantId": customer.id,
            "ParticipantToken": participant_token(parts, customer.id, conversation.id),
        },
        "state": conversation.state,
        "started_at": iso(conversation.started_at),
        "redirect_url": None,
    }


def _nothing(reason: str, redirect: str | None = None) -> dict[str, Any]:
    return {"chat": None, "reason": reason, "redirect_url": redirect}


def _redirect(instance: Instance, workstream_id: str) -> str | None:
    """Where those are sent for whom there is no chat; None means that they are to be offered a new one."""
    workstream = instance.workstreams.get(workstream_id)
    return workstream.reconnection.redirect_url if workstream and workstream.reconnection else None


def _with_parameter(url: str, reconnect_id: str) -> str:
    parts, parameter = urlsplit(url), urlencode({PARAMETER: reconnect_id})
    return parts._replace(query=f"{parts.query}&{parameter}" if parts.query else parameter).geturl()
