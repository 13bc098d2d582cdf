"""SendMessage and SendEvent."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from annotated_types import MaxLen, MinLen
from fastapi import APIRouter, Request
from pydantic import AfterValidator, Field

from api.bodies import JsonBody, parse_json
from api.client_tokens import TOKEN_LIFE, item_id_of
from api.dependencies import Services, ServicesInRequest
from api.openapi import DescribedRoute
from api.participant.arrival import place_in_line
from api.participant.authentication import ByConnectionToken
from domain.errors import InvalidValue, MalformedRequest, NoReceipts, Throttled, TokenReused
from domain.events import Message
from domain.instants import iso
from domain.participants import Role
from domain.transcript import ContentType, TranscriptItem, checked_content
from realtime.sessions import Session
from runtime.bus import Announcement
from store import transcript
from store.receipt_writer import ReceiptRequest
from store.records import Receipt
from wire.frames import DELIVERED, READ, TYPING, receipt_event, transient_event
from wire.models import NO_EFFECT, ClientToken, Remark, Text, WireModel

router = APIRouter(route_class=DescribedRoute)

SEND_MESSAGE = "/participant/message"

EventContentType = Literal[
    "application/vnd.amazonaws.connect.event.typing",
    "application/vnd.amazonaws.connect.event.message.delivered",
    "application/vnd.amazonaws.connect.event.message.read",
    "application/vnd.amazonaws.connect.event.connection.acknowledged",
]
"""Content types of SendEvent. The last one is legacy, and has no effect."""


class SendMessage(WireModel):
    """POST /participant/message."""

    content_type: ContentType
    content: Annotated[Text, MinLen(1), AfterValidator(checked_content)]
    client_token: ClientToken | None = None


class SendEvent(WireModel):
    """POST /participant/event. ChatJS sends the same ClientToken with every receipt, so it does not make events idempotent."""

    content_type: Annotated[EventContentType, Remark("connection.acknowledged has no effect")]
    content: Annotated[Text, MinLen(1), MaxLen(16_384)] | None = None
    client_token: Annotated[ClientToken | None, NO_EFFECT] = None


class MessageReference(WireModel):
    """Content of a receipt, a JSON string: the message that it is for."""

    message_id: Annotated[Text, MinLen(1), MaxLen(256)] = Field(alias="messageId")


@router.post(SEND_MESSAGE)
async def send_message(
    request: Request, services: ServicesInRequest, session: ByConnectionToken, body: JsonBody[SendMessage]
) -> dict[str, Any]:
    """SendMessage. After a 200 response the transcript will contain the message exactly once, even if processes die."""
    session.require_may_send()
    allowed = session.conversation.content_types
    if allowed and body.content_type not in allowed:
        raise InvalidValue(f"ContentType: this chat supports {', '.join(allowed)} only.")
    now = datetime.now(UTC)
    item_id, earlier = await _item_under_token(services, session, body.client_token, now)
    if earlier:
        if (earlier.content_type, earlier.content) != (body.content_type, body.content):
            raise TokenReused
        return {"Id": earlier.id, "AbsoluteTime": iso(earlier.at)}
    message = Message(
        id=item_id,
        at=now,
        by=session.participant.id,
        role=Role(session.participant.role),
        name=session.participant.name,
        content=body.content,
        content_type=body.content_type,
    )
    content, place = (body.content_type, body.content), place_in_line(request)
    await place.wait_for_turn()
    async with services.accepted_messages.admitted(session.conversation.id, item_id, content):
        place.leave()  # the engine client takes the message before it awaits anything
        await services.engine.send_message(session.conversation.id, message)
    return {"Id": item_id, "AbsoluteTime": iso(now)}


@router.post("/participant/event")
async def send_event(
    services: ServicesInRequest, session: ByConnectionToken, body: JsonBody[SendEvent]
) -> dict[str, Any]:
    """SendEvent. Typing goes to sockets only. A receipt is stored with its message before the response."""
    session.require_may_send()
    now = datetime.now(UTC)
    if body.content_type == TYPING:
        await _send_typing(services, session)
    elif body.content_type in (DELIVERED, READ):
        await _record_receipt(services, session, body, now)
    return {"Id": str(uuid4()), "AbsoluteTime": iso(now)}


async def _item_under_token(
    services: Services, session: Session, client_token: str | None, now: datetime
) -> tuple[str, TranscriptItem | None]:
    """Return the id of the message with a token, and the message if it is recorded. An old use of the token does not count."""
    item_id = item_id_of(UUID(session.participant.id), client_token)
    if not client_token:
        return item_id, None
    while item := await transcript.find_item(services.db, session.conversation.id, item_id):
        if item.at >= now - TOKEN_LIFE:
            return item_id, item
        item_id = item_id_of(UUID(item_id), client_token)
    return item_id, None


async def _send_typing(services: Services, session: Session) -> None:
    frame = transient_event(
        TYPING, conversation_id=session.conversation.id, contact_id=session.contact_id, participant=session.participant
    )
    await services.bus.announce(Announcement(session.conversation.id, frame))


async def _record_receipt(services: Services, session: Session, body: SendEvent, now: datetime) -> None:
    if session.has_supervisor:
        raise NoReceipts
    read, message_id = body.content_type == READ, _message_id(body.content)
    request = ReceiptRequest(session.conversation.id, session.participant.id, message_id, read, now)
    try:
        recorded = await services.receipts.record(request)
    except Throttled:
        services.metrics.refused_for_load.labels("receipt").inc()
        raise
    if recorded is None:
        raise InvalidValue(f"Content: there is no message {message_id!r} in this chat.")
    message, is_new = recorded
    if is_new:
        receipt = Receipt(
            seq=message.seq,
            participant_id=session.participant.id,
            delivered_at=None if read else now,
            read_at=now if read else None,
        )
        frame = receipt_event(message, receipt, now, session.conversation.id)
        await services.bus.announce(Announcement(session.conversation.id, frame))


def _message_id(content: str | None) -> str:
    if content is None:
        raise MalformedRequest('Content: a receipt needs {"messageId": "..."}.')
    try:
        return parse_json(content.encode(), MessageReference, name="it").message_id
    except (MalformedRequest, InvalidValue) as error:
        raise InvalidValue(f'Content: a receipt needs {{"messageId": "..."}}: {error}') from None
