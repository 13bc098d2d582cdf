"""StartContactStreaming and StopContactStreaming: the items of a chat go to a topic."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from annotated_types import MaxLen, MinLen
from fastapi import APIRouter

from api.bodies import JsonBody
from api.client_tokens import token_request
from api.connect.authentication import ByChatsKey
from api.connect.requests import StreamingConfiguration
from api.dependencies import Services, ServicesInRequest
from api.openapi import DescribedRoute
from configuration.schema.instances import InstanceSettings
from domain.errors import LimitReached, MalformedRequest, NotFound
from realtime.streamed_presence import end_streamed_presence
from runtime.bus import stream_has_changed
from store import conversations, streams
from store.records import StoredContact, StoredConversation
from store.streams import MAX_STREAMS, NewStream
from wire.models import ClientToken, ContactId, InstanceId, Text, WireModel

router = APIRouter(route_class=DescribedRoute)

_NAMESPACE = UUID("51d0a3c8-6a0c-4c36-8f2b-9a5e5d7f1c02")


class StartContactStreaming(WireModel):
    """POST /contact/start-streaming."""

    instance_id: InstanceId
    contact_id: ContactId
    chat_streaming_configuration: StreamingConfiguration
    client_token: ClientToken


class StopContactStreaming(WireModel):
    """POST /contact/stop-streaming."""

    instance_id: InstanceId
    contact_id: ContactId
    streaming_id: Annotated[Text, MinLen(1), MaxLen(100)]


@router.post("/contact/start-streaming")
async def start_contact_streaming(
    services: ServicesInRequest, caller: ByChatsKey, body: JsonBody[StartContactStreaming]
) -> dict[str, Any]:
    """StartContactStreaming. The items that are written from now on go to a topic. A second stream to it is the first one."""
    instance, settings = services.instance(body.instance_id, caller.instances)
    contact, conversation = await _find(services, instance, body.contact_id)
    topic = require_topic(instance, settings, body.chat_streaming_configuration)
    repeatable = token_request(_NAMESPACE, body, body.client_token, scope=conversation.id)
    async with services.client_tokens.claim(repeatable) as stream_id:
        if conversation.ended_at is not None:
            raise MalformedRequest(f"ContactId: the chat of the contact {contact.id!r} has ended.")
        return {"StreamingId": await begin(services, NewStream(stream_id, conversation.id, instance, topic))}


@router.post("/contact/stop-streaming")
async def stop_contact_streaming(
    services: ServicesInRequest, caller: ByChatsKey, body: JsonBody[StopContactStreaming]
) -> dict[str, Any]:
    """StopContactStreaming. Idempotent. Items from before are still delivered."""
    instance, _ = services.instance(body.instance_id, caller.instances)
    _, conversation = await _find(services, instance, body.contact_id)
    topic = await streams.stop_stream(services.db, conversation.id, body.streaming_id, datetime.now(UTC))
    if topic is None:
        raise NotFound(f"StreamingId: the chat of the contact has no stream {body.streaming_id!r}.")
    await services.bus.announce(stream_has_changed(instance, topic, conversation.id, None))
    if not await streams.is_streamed(services.db, conversation.id):
        await end_streamed_presence(services.db, services.connection_reports, conversation.id)
    return {}


def require_topic(instance: str, settings: InstanceSettings, streaming: StreamingConfiguration) -> str:
    """Return the ARN of the topic.

    Raises:
        NotFound: the instance has no such topic.
    """
    arn = streaming.streaming_endpoint_arn
    if arn not in settings.topics:
        raise NotFound(
            f"ChatStreamingConfiguration.StreamingEndpointArn: the instance {instance!r} has no topic {arn!r}."
        )
    return arn


async def begin(services: Services, new: NewStream) -> str:
    """Begin a stream. Idempotent. Returns its id.

    Raises:
        LimitReached: the chat is streamed to as many topics as possible.
    """
    stream_id = await streams.start_stream(services.db, new, datetime.now(UTC))
    if stream_id is None:
        raise LimitReached(f"A chat can be streamed to {MAX_STREAMS} topics at the same time. Stop one of them first.")
    conversation = await conversations.find_conversation(services.db, new.conversation_id)
    if conversation is None or conversation.ended_at is not None:
        # it ended meanwhile, and its end can have come before the stream: then nothing would ever end that
        await streams.stop_stream(services.db, new.conversation_id, stream_id, datetime.now(UTC))
    await services.bus.announce(stream_has_changed(new.instance, new.topic, new.conversation_id, stream_id))
    return stream_id


async def _find(services: Services, instance: str, contact_id: str) -> tuple[StoredContact, StoredConversation]:
    found = await conversations.find_contact(services.db, instance, contact_id)
    if found is None:
        raise NotFound(f"ContactId: instance {instance!r} has no contact {contact_id!r}.")
    return found
