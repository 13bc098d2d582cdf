"""Chats that browsers start without a backend, as Amazon's open source chat interface asks for them.

An instance has them only with a table `chat_pages`. Whoever starts a chat gets a token with which this chat can be continued:
the source contact alone is no proof, because its id stands in links, logs and transcripts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request

from api.bodies import JsonBody
from api.connect.chats import start_chat
from api.connect.requests import CUSTOMER_TOKEN
from api.customer_identity import known_customer, recorded_customer
from api.dependencies import Services, ServicesInRequest
from api.openapi import DescribedRoute, error_responses
from api.pages.requests import StartPublicChat
from api.pages.responses import ChatPagesResponse, PublicChatResponse, PublicWorkstream
from api.participant.authentication import participant_token
from api.paths import resource_id
from api.tokens import TokenKind
from configuration.policies import workstream_policy
from configuration.schema.chat_pages import ChatPagesSettings
from configuration.schema.instances import InstanceSettings
from configuration.schema.opening_hours import opening_at
from configuration.schema.sections import text_in_language
from domain.errors import AccessDenied, NotFound
from domain.instants import iso
from domain.policy import LANGUAGE_ATTRIBUTE
from store import conversations
from store.customers import customer_of

router = APIRouter(
    prefix="/v1/chat-pages",
    tags=["chat pages"],
    route_class=DescribedRoute,
    responses=error_responses(
        name="ResourceNotFoundException", message="There are no public chats of an instance 'demo'."
    ),
)

MAX_LANGUAGES = 10
"""How many languages of a request are looked at."""


@router.get("/{instance}", openapi_extra={"security": [{}]})
async def chat_pages(request: Request, services: ServicesInRequest, instance: str) -> ChatPagesResponse:
    """Returns the workstreams whose chats a browser may start, and whether they are open. For anybody."""
    await services.limits.take_for_public("public_reads", request)
    name, settings, pages = public_instance(services, instance)
    languages = [tag.split(";")[0] for tag in request.headers.get("accept-language", "").split(",")[:MAX_LANGUAGES]]
    known = [each for each in pages.workstreams if each in settings.workstreams]
    offered = tuple(_public_workstream(settings, pages, each, languages) for each in known)
    return ChatPagesResponse(instance=name, workstreams=offered)


@router.post("/chats", openapi_extra={"security": [{}]})
async def start_public_chat(
    request: Request, services: ServicesInRequest, body: JsonBody[StartPublicChat]
) -> PublicChatResponse:
    """Starts a chat as StartChatContact does; for anybody.

    `PersistentChat` needs the `ContinuationToken` of its source. A source that goes on is answered with itself: the customer
    returns to it, with a new participant token.
    """
    await services.limits.take_for_public("public_starts", request)
    instance, settings, pages = public_instance(services, body.instance_id)
    workstream = resource_id(body.contact_flow_id)
    if workstream not in pages.workstreams or workstream not in settings.workstreams:
        raise NotFound(f"ContactFlowId: there are no public chats of a workstream {workstream!r}.")
    _require_public(pages, body)
    await _require_proof(request, services, instance, body)
    chat = await _running_source(services, instance, settings, body)
    if chat is None:
        chat = await start_chat(request, services, instance, settings, body, by_browser=True)
    chat["ContinuationToken"] = services.tokens.make(
        TokenKind.CONTINUE, chat["ContactId"], pages.continue_within, instance=instance
    )
    takes_files = bool(settings.workstreams[workstream].attachments.extensions)
    permissions = {"ATTACHMENTS": takes_files, "MESSAGING_MARKDOWN": True}
    return PublicChatResponse(data={"startChatResult": chat, "featurePermissions": permissions})


def public_instance(services: Services, name_or_arn: str) -> tuple[str, InstanceSettings, ChatPagesSettings]:
    """Return an instance whose chats browsers may start.

    Raises:
        NotFound: the instance does not exist, or has no public chats. The answer does not say which.
    """
    name = resource_id(name_or_arn)
    settings = services.configuration.instances.get(name)
    if settings is None or settings.chat_pages is None:
        raise NotFound(f"There are no public chats of an instance {name!r}.")
    return name, settings, settings.chat_pages


def _require_public(pages: ChatPagesSettings, body: StartPublicChat) -> None:
    """Check that a browser may say what the request says."""
    body.require_public_members()
    allowed = {*pages.attributes, CUSTOMER_TOKEN, LANGUAGE_ATTRIBUTE}
    if foreign := sorted(body.attributes.keys() - allowed):
        raise AccessDenied(f"Attributes.{foreign[0]}: chat_pages.attributes does not name it.")


async def _require_proof(request: Request, services: Services, instance: str, body: StartPublicChat) -> None:
    """Check that whoever continues a chat has started it.

    Raises:
        AccessDenied: there is no token, it has expired, or it is of another chat.
    """
    if body.persistent_chat is None:
        return
    if body.continuation_token is None:
        raise AccessDenied("ContinuationToken: is needed to continue a chat; the chat's start has returned it.")
    async with services.limits.checking_token(request):
        claims = services.tokens.verify(TokenKind.CONTINUE, body.continuation_token)
    source = resource_id(body.persistent_chat.source_contact_id or "")
    if (claims["sub"], claims.get("instance")) != (source, instance):
        raise AccessDenied("ContinuationToken: belongs to another chat.")


async def _running_source(
    services: Services, instance: str, settings: InstanceSettings, body: StartPublicChat
) -> dict[str, Any] | None:
    """Return the response for a customer whose past chat goes on; None when the request is for a new chat.

    Raises:
        AccessDenied: a token has named the customer of the chat, and the request has none of this customer.
    """
    source_id = resource_id(body.persistent_chat.source_contact_id or "") if body.persistent_chat else None
    source = await conversations.find_conversation(services.db, source_id) if source_id else None
    if source is None or source.instance != instance or source.interaction_ended:
        return None
    token, named = body.attributes.get(CUSTOMER_TOKEN), recorded_customer(source)
    await known_customer(services, settings, source.workstream, named, token, member=f"Attributes.{CUSTOMER_TOKEN}")
    customer = await customer_of(services.db, source.id)
    if customer is None:
        return None
    return {
        "ContactId": source.id,
        "ParticipantId": customer.id,
        "ParticipantToken": participant_token(services, customer.id, source.id),
    }


def _public_workstream(
    settings: InstanceSettings, pages: ChatPagesSettings, name: str, languages: Sequence[str]
) -> PublicWorkstream:
    workstream = settings.workstreams[name]
    schedule = settings.schedule(workstream.queue)
    now = opening_at(schedule, datetime.now(UTC)) if schedule else None
    is_open = now is None or now.open
    return PublicWorkstream(
        workstream=name,
        name=text_in_language(pages.names[name], *languages) if name in pages.names else None,
        mode=workstream.mode,
        is_open=is_open,
        opens_at=iso(now.until) if now and not is_open and now.until else None,
        takes_chats=is_open or not workstream.refuses_when_closed,
        customer_may_end=workstream_policy(settings, workstream, None).customer_may_end,
        files=tuple(sorted(workstream.attachments.extensions)),
    )
