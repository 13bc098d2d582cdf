"""GetTranscript of the current conversation: paging, sorting and start positions.

A page is a run of items from a position in a direction. `NextToken` names the position after it, in the same direction,
is signed, and belongs to one conversation.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self

from annotated_types import Interval, MaxLen, MinLen
from fastapi import APIRouter, Request
from pydantic import model_validator

from api.errors import AccessDenied, InvalidValue
from api.frames import wire_item
from api.participant.session import ByConnectionToken, Session
from api.services import Parts, Services
from api.tokens import Kind
from api.wire import ContactId, Text, Wire, dump, read_body
from store import conversations, transcript
from store.transcript import Span

router = APIRouter()

DEFAULT_RESULTS = 10
END_OF_TIME = 2**62
"""A `seq` after every item."""


class StartPosition(Wire):
    """Where to start: at most one of its members. ChatJS always sends an empty one."""

    id: Annotated[Text, MinLen(1), MaxLen(256)] | None = None
    absolute_time: Annotated[Text, MinLen(1), MaxLen(100)] | None = None
    most_recent: Annotated[int, Interval(ge=0, le=100)] | None = None

    @model_validator(mode="after")
    def _at_most_one(self) -> Self:
        if len(self.model_dump(exclude_none=True)) > 1:
            raise ValueError("must have at most one of Id, AbsoluteTime, MostRecent")
        return self


class GetTranscript(Wire):
    """POST /participant/transcript."""

    contact_id: ContactId | None = None
    max_results: Annotated[int, Interval(ge=0, le=100)] | None = None
    next_token: Annotated[Text, MinLen(1), MaxLen(1000)] | None = None
    scan_direction: Literal["FORWARD", "BACKWARD"] | None = None
    sort_order: Literal["ASCENDING", "DESCENDING"] = "DESCENDING"
    start_position: StartPosition | None = None


@router.post("/participant/transcript")
async def get_transcript(request: Request, parts: Parts, session: ByConnectionToken) -> dict[str, Any]:
    """GetTranscript. Also of a chat that has ended, as long as the connection token lives."""
    body = await read_body(request, GetTranscript)
    await parts.settling.settled(session.conversation.id)
    await _check_contact(parts, session, body.contact_id)
    span = await _span(parts, session, body)
    limit = body.max_results or DEFAULT_RESULTS
    items = []
    if span is not None:
        items = await transcript.page(parts.db, session.conversation.id, span, limit + 1, body.contact_id)
    page, rest = items[:limit], items[limit:]
    page.sort(key=lambda item: item.seq, reverse=body.sort_order == "DESCENDING")
    seqs = [item.seq for item in page if item.type == "MESSAGE"]
    receipts = await transcript.receipts_of(parts.db, session.conversation.id, seqs) if seqs else {}
    return dump(
        InitialContactId=session.conversation.id,
        Transcript=[wire_item(item, session.conversation.id, receipts.get(item.seq, ())) for item in page],
        NextToken=_next_token(parts, session, Span(rest[0].seq, span.forward)) if rest and span else None,
    )


async def _check_contact(parts: Services, session: Session, contact_id: str | None) -> None:
    if contact_id is None or contact_id in (session.conversation.id, session.contact_id):
        return
    found = await conversations.find_contact(parts.db, session.conversation.instance, contact_id)
    if found is None or found[1].id != session.conversation.id:
        raise InvalidValue(f"ContactId: {contact_id!r} is not a contact of this chat.")


async def _span(parts: Services, session: Session, body: GetTranscript) -> Span | None:
    """Where the page starts and which way it goes; None when nothing lies that way."""
    if body.next_token:
        return _continued(parts, session, body.next_token, body.scan_direction)
    start = body.start_position
    named = start.model_dump(exclude_none=True) if start else {}
    forward = body.scan_direction == "FORWARD" if body.scan_direction else bool(named)
    if start is None or not named:
        return Span(END_OF_TIME, forward)
    seq = await _position(parts, session, start, forward)
    return None if seq is None else Span(seq, forward)


async def _position(parts: Services, session: Session, start: StartPosition, forward: bool) -> int | None:
    db, conversation_id = parts.db, session.conversation.id
    if start.id is not None:
        item = await transcript.find_item(db, conversation_id, start.id)
        if item is None:
            raise InvalidValue(f"StartPosition.Id: there is no item {start.id!r} in this chat.")
        return item.seq
    if start.absolute_time is not None:
        at = _instant(start.absolute_time)
        if forward:
            return await transcript.first_since(db, conversation_id, _whole_millisecond(at))
        return await transcript.last_until(db, conversation_id, at)
    if start.most_recent:
        return await transcript.nth_latest(db, conversation_id, start.most_recent)
    return END_OF_TIME


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidValue("StartPosition.AbsoluteTime: must be like 2026-01-31T23:59:59.000Z.") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def _whole_millisecond(at: datetime) -> datetime:
    """The first whole millisecond from `at` on: items stand at those, and the store would cut off what is finer."""
    with suppress(OverflowError):  # at the end of time nothing comes later
        return at + timedelta(microseconds=-at.microsecond % 1000)
    return at


def _next_token(parts: Services, session: Session, span: Span) -> str:
    return parts.tokens.make(Kind.PAGE, session.conversation.id, seq=span.seq, fwd=span.forward)


def _continued(parts: Services, session: Session, token: str, direction: str | None) -> Span:
    try:
        claims = parts.tokens.read(Kind.PAGE, token)
    except AccessDenied:
        raise InvalidValue("NextToken: is not one that this operation gave.") from None
    if claims["sub"] != session.conversation.id:
        raise InvalidValue("NextToken: belongs to another chat.")
    if direction is not None and (direction == "FORWARD") != claims["fwd"]:
        raise InvalidValue("NextToken: goes in the other ScanDirection.")
    return Span(claims["seq"], claims["fwd"])
