"""StartChatContact and StopContact."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

from fastapi import APIRouter, Request

from api.bodies import JsonBody
from api.client_tokens import token_request
from api.connect.authentication import ByChatsKey
from api.connect.chat_quota import require_room
from api.connect.open_chats import claim_open_chat
from api.connect.queue_hours import require_open_queue
from api.connect.rehydration import resolve_source_contact, without_survey_answers
from api.connect.requests import (
    CUSTOMER_TOKEN,
    MAX_ATTRIBUTE_BYTES,
    StartChatContact,
    StopContact,
    segment_attributes_json,
)
from api.connect.streaming import begin, require_topic
from api.customer_identity import SIGNED_CHAT, CustomerOfChat, known_customer, may_continue
from api.dependencies import Services, ServicesInRequest
from api.openapi import DescribedRoute
from api.participant.authentication import participant_token
from api.participant.connection import connection_data
from api.paths import resource_id
from configuration.policies import workstream_policy
from configuration.schema.instances import InstanceSettings
from configuration.schema.workstreams import WorkstreamSettings
from domain.conversation import ConversationOpening, RehydratedPast
from domain.errors import AccessDenied, ContactNotFound, ConversationEnded, InvalidValue, MalformedRequest, NotFound
from domain.events import End, Message
from domain.participants import Role
from store import conversations
from store.attributes import attribute_bytes
from store.streams import NewStream
from wire.models import without_none

router = APIRouter(route_class=DescribedRoute)

_MAY_DIFFER = frozenset({"connection_types"})

_TOKEN_MEMBER = f"Attributes.{CUSTOMER_TOKEN}"

_NAMESPACE = UUID("6f1c4f6e-7f0e-4a4e-9d55-5a7c3f0d1b21")


@router.put("/contact/chat")
async def start_chat_contact(
    request: Request, services: ServicesInRequest, caller: ByChatsKey, body: JsonBody[StartChatContact]
) -> dict[str, Any]:
    """StartChatContact. Starts a chat. Idempotent for seven days by instance and `ClientToken`.

    A repeat returns the first chat, ended or not. A customer who may have one open chat only gets that one.
    Another request under the token is refused; only `ConnectionTypes` may differ.
    """
    instance, settings = services.instance(body.instance_id, caller.instances)
    return await start_chat(request, services, instance, settings, body)


async def start_chat(
    request: Request,
    services: Services,
    instance: str,
    settings: InstanceSettings,
    body: StartChatContact,
    *,
    by_browser: bool = False,
) -> dict[str, Any]:
    """Start a chat for a caller who may start it, and return the response of StartChatContact.

    Args:
        request: the request.
        services: the services of the process.
        instance: the instance of the chat.
        settings: its configuration.
        body: the request's body.
        by_browser: whether nobody vouches for the caller. Their `ClientToken` is never one of a backend's.
    """
    workstream_id = resource_id(body.contact_flow_id)
    workstream = settings.workstreams.get(workstream_id)
    if workstream is None:
        raise NotFound(f"ContactFlowId: instance {instance!r} has no workstream {workstream_id!r}.")
    _check_supported(body, settings, workstream)
    streaming = body.chat_streaming_configuration
    topic = require_topic(instance, settings, streaming) if streaming else None
    body, customer = await _with_customer(services, settings, workstream_id, body)

    # a repeat without the token that named the customer is another request
    scope = f"{instance}/signed" if customer.is_signed else instance
    # the answer to a repeat makes its holder the customer
    scope = f"{scope}/browser" if by_browser else scope
    repeatable = token_request(_NAMESPACE, body, body.client_token, scope=scope, without=_MAY_DIFFER)
    contact_id = earlier = await services.client_tokens.find(repeatable)
    if contact_id is None and workstream.one_chat_per_customer and body.customer_id:
        contact_id = await claim_open_chat(services.db, instance, workstream_id, body.customer_id)
    conversation = await conversations.find_conversation(services.db, contact_id) if contact_id else None
    if conversation and conversation.is_customer_signed and not customer.is_signed:
        raise AccessDenied(f"{_TOKEN_MEMBER}: {SIGNED_CHAT}")
    continued_from = conversation.continued_from if conversation else None
    if conversation is None:
        if workstream.refuses_when_closed:
            require_open_queue(settings, workstream.queue, "ContactFlowId")
        attributes, past = await _initial_attributes(services, instance, body, customer)
        continued_from = past.contact_id if past else None
        # an overloaded process refuses the chat before it exists
        services.accepted_messages.require_short_wait()
        await require_room(services, instance, settings)
        async with services.client_tokens.claim(repeatable, contact_id) as contact_id:
            new = ConversationOpening(
                contact_id=contact_id,
                instance=instance,
                workstream=workstream_id,
                queue=workstream.queue,
                mode=workstream.mode,
                started_at=datetime.now(UTC),
                customer_participant_id=_customer_participant_id(contact_id),
                customer_name=body.participant_details.display_name,
                customer_id=body.customer_id,
                is_customer_signed=customer.is_signed,
                attributes=attributes,
                segment_attributes=segment_attributes_json(body.segment_attributes),
                content_types=tuple(body.supported_messaging_content_types or ()),
                related_contact_id=continued_from or body.related_contact_id,
                past=past,
            )
            await _start(services, settings, new, body)
    elif earlier is None:
        async with services.client_tokens.claim(repeatable, conversation.id):
            pass  # the answer is the customer's open chat, also when the request is repeated after its end
    assert contact_id
    streaming_id = None
    if topic and not (conversation and conversation.ended_at):
        stream_id = str(uuid5(_NAMESPACE, f"{contact_id}/{repeatable.token_id or uuid4()}"))
        # the customer's open chat, which another request has started, is streamed from here on
        is_whole = conversation is None or earlier is not None
        streaming_id = await begin(services, NewStream(stream_id, contact_id, instance, topic, is_whole))
    return without_none(
        ContactId=contact_id,
        ParticipantId=_customer_participant_id(contact_id),
        ParticipantToken=participant_token(services, _customer_participant_id(contact_id), contact_id),
        ContinuedFromContactId=continued_from,
        StreamingId=streaming_id,
        **await _connection(request, services, contact_id, frozenset(body.connection_types or ())),
    )


@router.post("/contact/stop")
async def stop_contact(services: ServicesInRequest, caller: ByChatsKey, body: JsonBody[StopContact]) -> dict[str, Any]:
    """StopContact. Idempotent: stopping an ended chat is not an error."""
    instance, _ = services.instance(body.instance_id, caller.instances)
    found = await conversations.find_contact(services.db, instance, body.contact_id)
    if found is None:
        raise ContactNotFound(f"ContactId: instance {instance!r} has no contact {body.contact_id!r}.")
    conversation = found[1]
    if conversation.ended_at is None:
        with suppress(ConversationEnded):
            await services.engine.execute_command(conversation.id, End(by=caller.actor))
    return {}


async def _with_customer(
    services: Services, settings: InstanceSettings, workstream: str, body: StartChatContact
) -> tuple[StartChatContact, CustomerOfChat]:
    """Return the customer, and the request as if it had no token. So a repeat with a newer token is the same request."""
    attributes = {name: value for name, value in body.attributes.items() if name != CUSTOMER_TOKEN}
    token, named = body.attributes.get(CUSTOMER_TOKEN), CustomerOfChat(body.customer_id)
    customer = await known_customer(services, settings, workstream, named, token, member=_TOKEN_MEMBER)
    return body.model_copy(update={"attributes": attributes, "customer_id": customer.id}), customer


async def _start(
    services: Services, settings: InstanceSettings, new: ConversationOpening, body: StartChatContact
) -> None:
    minutes = body.chat_duration_in_minutes
    duration = timedelta(minutes=minutes) if minutes else None
    first_message = _first_message(body, new)
    item_id = first_message and first_message.id
    async with services.accepted_messages.admitted(new.contact_id, item_id) if item_id else nullcontext():
        # the workflow before the record: if this process dies in between, the workflow writes the record
        await services.engine.start(new, settings, duration=duration, first_message=first_message)
        await conversations.open_conversation(services.db, new)


def _check_supported(body: StartChatContact, settings: InstanceSettings, workstream: WorkstreamSettings) -> None:
    mode = body.participant_configuration and body.participant_configuration.response_mode
    if mode == "INCREMENTAL":
        raise MalformedRequest(
            "ParticipantConfiguration.ResponseMode: INCREMENTAL is not served here; messages are complete."
        )
    if body.disconnect_on_customer_exit and not workstream_policy(settings, workstream, None).customer_may_end:
        raise MalformedRequest("DisconnectOnCustomerExit: the customer cannot end a chat of this workstream.")
    if body.persistent_chat and body.related_contact_id:
        raise MalformedRequest("PersistentChat and RelatedContactId cannot both be given.")


def _customer_participant_id(contact_id: str) -> str:
    return str(uuid5(_NAMESPACE, f"{contact_id}/customer"))


def _first_message(body: StartChatContact, new: ConversationOpening) -> Message | None:
    if body.initial_message is None:
        return None
    return Message(
        id=str(uuid5(_NAMESPACE, f"{new.contact_id}/initial-message")),
        at=new.started_at,
        by=new.customer_participant_id,
        role=Role.CUSTOMER,
        name=new.customer_name,
        content=body.initial_message.content,
        content_type=body.initial_message.content_type,
    )


async def _initial_attributes(
    services: Services, instance: str, body: StartChatContact, customer: CustomerOfChat
) -> tuple[dict[str, str], RehydratedPast | None]:
    """Return the attributes of the new chat, including those of a past contact, and the past that it continues."""
    inherited, past = {}, None
    if body.persistent_chat:
        source, past = await resolve_source_contact(
            services, instance, body.persistent_chat, customer, within="PersistentChat."
        )
        inherited = dict(source.attributes)
    elif body.related_contact_id:
        found = await conversations.find_contact(services.db, instance, body.related_contact_id)
        if found is None or not may_continue(services, found[1], customer):
            raise NotFound(f"RelatedContactId: there is no contact {body.related_contact_id!r} that can be continued.")
        inherited = dict((await without_survey_answers(services, found[1])).attributes)
    attributes = inherited | body.attributes
    if attribute_bytes(attributes) > MAX_ATTRIBUTE_BYTES:
        raise InvalidValue(
            f"Attributes: together with the inherited ones, they exceed {MAX_ATTRIBUTE_BYTES} UTF-8 bytes."
        )
    return attributes, past


async def _connection(request: Request, services: Services, contact_id: str, types: frozenset[str]) -> dict[str, Any]:
    """Return connection data for the response, if the request names types and the chat has not ended yet."""
    if not types:
        return {}
    conversation = await conversations.find_conversation(services.db, contact_id)
    if conversation is None or conversation.ended_at:
        return {}
    return connection_data(request, services, _customer_participant_id(contact_id), contact_id, types)
