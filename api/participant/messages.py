"""Sending messages and events."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID, uuid4, uuid5

from annotated_types import MaxLen, MinLen
from fastapi import APIRouter, Request
from pydantic import AfterValidator, Field

from api.frames import DELIVERED, READ, TYPING, iso, passing_event, receipt_event
from api.participant.content import ContentType, EventContentType, checked_content
from api.participant.session import ByConnectionToken, Session
from api.services import Parts, Services
from api.wire import ClientToken, Text, Wire, parse, read_body
from domain.errors import InvalidValue, MalformedRequest
from runtime.bus import Announcement
from store import transcript
from store.records import Item, Receipt
from workflows.events import Message
from workflows.values import Role

router = APIRouter()


class SendMessage(Wire):
    """POST /participant/message."""

    content_type: ContentType
    content: Annotated[Text, MinLen(1), AfterValidator(checked_content)]
    client_token: ClientToken | None = None


class SendEvent(Wire):
    """POST /participant/event. ChatJS sends the same ClientToken with every receipt, so it makes nothing idempotent here."""

    content_type: EventContentType
    content: Annotated[Text, MinLen(1), MaxLen(16_384)] | None = None
    client_token: ClientToken | None = None


class MessageReference(Wire):
    """The content of a receipt, a JSON string: which message it is for."""

    message_id: Annotated[Text, MinLen(1), MaxLen(256)] = Field(alias="messageId")


@router.post("/participant/message")
async def send_message(request: Request, parts: Parts, session: ByConnectionToken) -> dict[str, Any]:
    """SendMessage. 200 means that the message stands exactly once in the transcript, whatever dies next."""
    body = await read_body(request, SendMessage)
    session.must_go_on()
    allowed = session.conversation.content_types
    if session.participant.role == "CUSTOMER" and allowed and body.content_type not in allowed:
        raise InvalidValue(f"ContentType: this chat supports {', '.join(allowed)} only.")
    if body.client_token:
        item_id = str(uuid5(UUID(session.participant.id), body.client_token))
        earlier = await transcript.find_item(parts.db, session.conversation.id, item_id)
        if earlier:
            return {"Id": earlier.id, "AbsoluteTime": iso(earlier.at)}
    else:
        item_id = str(uuid4())
    now = datetime.now(UTC)
    message = Message(
        id=item_id,
        at=now,
        by=session.participant.id,
        role=Role(session.participant.role),
        name=session.participant.name,
        content=body.content,
        content_type=body.content_type,
    )
    await parts.engine.send_message(session.conversation.id, message)
    parts.settling.accepted(session.conversation.id, item_id)
    return {"Id": item_id, "AbsoluteTime": iso(now)}


@router.post("/participant/event")
async def send_event(request: Request, parts: Parts, session: ByConnectionToken) -> dict[str, Any]:
    """SendEvent: typing goes to the sockets and is kept nowhere; receipts are kept with their message."""
    body = await read_body(request, SendEvent)
    session.must_go_on()
    now = datetime.now(UTC)
    if body.content_type == TYPING:
        await _typing(parts, session)
    elif body.content_type in (DELIVERED, READ):
        await _receipt(parts, session, body, now)
    return {"Id": str(uuid4()), "AbsoluteTime": iso(now)}


async def _typing(parts: Services, session: Session) -> None:
    frame = passing_event(
        TYPING, conversation_id=session.conversation.id, contact_id=session.contact_id, who=session.participant
    )
    await parts.bus.announce(Announcement(session.conversation.id, frame))


async def _receipt(parts: Services, session: Session, body: SendEvent, now: datetime) -> None:
    item = await _received_message(parts, session, body.content)
    if item.participant_id == session.participant.id:
        return  # nobody acknowledges their own words
    read = body.content_type == READ
    news = await transcript.acknowledge(
        parts.db, session.conversation.id, session.participant.id, item.seq, read=read, at=now
    )
    if news:
        receipt = Receipt(
            seq=item.seq,
            participant_id=session.participant.id,
            delivered_at=None if read else now,
            read_at=now if read else None,
        )
        frame = receipt_event(item, receipt, now, session.conversation.id)
        await parts.bus.announce(Announcement(session.conversation.id, frame))


async def _received_message(parts: Services, session: Session, content: str | None) -> Item:
    if content is None:
        raise MalformedRequest('Content: a receipt needs {"messageId": "..."}.')
    try:
        reference = parse(content.encode(), MessageReference)
    except (MalformedRequest, InvalidValue) as error:
        raise InvalidValue(f'Content: a receipt needs {{"messageId": "..."}}: {error}') from None
    item = await transcript.find_item(parts.db, session.conversation.id, reference.message_id)
    if item is None or item.type != "MESSAGE":
        raise InvalidValue(f"Content: there is no message {reference.message_id!r} in this chat.")
    return item
