"""GetTranscript: pages, sort order and start positions of the current conversation, and of the past that it continues.

A page has the items from a position on, in one direction. `NextToken` has the position after the page. It keeps the direction,
is signed, and belongs to one conversation. A backward scan first reads the current conversation, then, with further tokens, the
past. `StartPosition` and `ContactId` do not reach the past, as on Amazon Connect.

An agent, bot or supervisor who has left a chat that goes on reads what was said until then, and nothing later. Surveys are
read by customers and bots only.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from annotated_types import Interval, MaxLen, MinLen
from fastapi import APIRouter
from pydantic import model_validator

from api.bodies import JsonBody
from api.dependencies import Services, ServicesInRequest
from api.openapi import DescribedRoute
from api.participant.authentication import ByConnectionToken
from api.tokens import TokenKind
from domain.errors import AccessDenied, InvalidValue
from domain.instants import next_whole_millisecond
from domain.participants import Role
from domain.transcript import TranscriptItem, size_of
from realtime.sessions import Session
from store import conversations, receipts, transcript
from store.past import PastPosition, page_of_past
from store.records import Receipt
from store.transcript import NO_ITEM_LATER, PageStart
from wire.items import item_with_contact, item_with_related_contact
from wire.models import ContactId, OrDefault, Text, WireModel, without_none

router = APIRouter(route_class=DescribedRoute)

DEFAULT_RESULTS = 10

MAX_PAGE_BYTES = 1_000_000
"""The size of the messages of a page. A page that would be larger has fewer items, but at least one, and a `NextToken`."""


class StartPosition(WireModel):
    """Start of the page: at most one member. ChatJS always sends an empty one."""

    id: Annotated[Text, MinLen(1), MaxLen(256)] | None = None
    absolute_time: Annotated[Text, MinLen(1), MaxLen(100)] | None = None
    most_recent: Annotated[int, Interval(ge=0, le=100)] | None = None

    @model_validator(mode="after")
    def _at_most_one(self) -> Self:
        if len(self.model_dump(exclude_none=True)) > 1:
            raise ValueError("must have at most one of Id, AbsoluteTime, MostRecent")
        return self


class GetTranscript(WireModel):
    """POST /participant/transcript. Without `MaxResults`, or with 0, a page has at most 10 results."""

    contact_id: ContactId | None = None
    max_results: Annotated[int, Interval(ge=0, le=100)] | None = None
    next_token: Annotated[Text, MinLen(1), MaxLen(1000)] | None = None
    scan_direction: Literal["FORWARD", "BACKWARD"] | None = None
    sort_order: OrDefault[Literal["ASCENDING", "DESCENDING"]] = "DESCENDING"
    start_position: StartPosition | None = None


@router.post("/participant/transcript")
async def get_transcript(
    services: ServicesInRequest, session: ByConnectionToken, body: JsonBody[GetTranscript]
) -> dict[str, Any]:
    """GetTranscript. Also of an ended chat, until the connection token expires."""
    await services.accepted_messages.wait_until_recorded(session.conversation.id)
    await _require_contact_of_this_chat(services, session, body.contact_id)
    until = await last_readable(services, session)
    start = await _start(services, session, body, until)
    limit = body.max_results or DEFAULT_RESULTS
    if isinstance(start, PastPosition):
        page, rest = await _past_page(services, session, start, limit)
    else:
        page, rest = await _current_page(services, session, start, limit, body, until)
    if (body.sort_order == "ASCENDING") != _is_forward(start):
        page.reverse()
    return without_none(
        InitialContactId=session.conversation.id,
        Transcript=page,
        NextToken=_next_token(services, session, rest) if rest else None,
    )


async def last_readable(services: Services, session: Session) -> int:
    """Return the number of the last item that the participant may read."""
    if session.participant.role == Role.CUSTOMER:
        return NO_ITEM_LATER
    # read anew: they may just have left
    present = await services.sessions.read(session.participant.id, session.conversation.id)
    left_at = present and present.left_at
    if left_at is None:
        return NO_ITEM_LATER
    return await transcript.last_until(services.db, session.conversation.id, left_at) or 0


async def _current_page(
    services: Services, session: Session, start: PageStart | None, limit: int, body: GetTranscript, until: int
) -> tuple[list[dict[str, Any]], PageStart | PastPosition | None]:
    """Return a page of the current conversation, in the direction of the scan, and the start of the next page."""
    conversation = session.conversation
    items = []
    if start is not None:
        items = await transcript.page(services.db, conversation.id, start, limit + 1, body.contact_id, until=until)
    page = items[: fitting(items[:limit])]
    found = await _receipts(services, [(conversation.id, item) for item in page])
    rendered = [item_with_contact(item, conversation.id, found.get((conversation.id, item.seq), ())) for item in page]
    if start is not None and len(items) > len(page):
        return rendered, PageStart(items[len(page)].seq, start.forward, start.present_only)
    past_follows = start is not None and not start.forward and not start.present_only and body.contact_id is None
    if past_follows and conversation.past_id is not None and conversation.past_seq is not None:
        return rendered, PastPosition(conversation.past_id, conversation.past_seq)
    return rendered, None


async def _past_page(
    services: Services, session: Session, start: PastPosition, limit: int
) -> tuple[list[dict[str, Any]], PastPosition | None]:
    """Return a page of the past, latest item first, and the start of the next page. An agent's page has no items of surveys."""
    page, rest = await page_of_past(services.db, start, limit)
    if (count := fitting([each.item for each in page])) < len(page):
        page, rest = page[:count], PastPosition(page[count].conversation_id, page[count].item.seq)
    if session.participant.role in (Role.AGENT, Role.SUPERVISOR):
        surveys = await conversations.survey_contacts(services.db, {each.item.contact_id for each in page})
        page = [each for each in page if each.item.contact_id not in surveys]
    found = await _receipts(services, page)
    items = [
        item_with_related_contact(each.item, found.get((each.conversation_id, each.item.seq), ())) for each in page
    ]
    return items, rest


def fitting(items: Sequence[TranscriptItem]) -> int:
    """Return how many of the first items fit into a page."""
    size = 0
    for number, item in enumerate(items):
        size += size_of(item.content or "")
        if size > MAX_PAGE_BYTES and number:
            return number
    return len(items)


async def _receipts(
    services: Services, page: Sequence[tuple[str, TranscriptItem]]
) -> dict[tuple[str, int], list[Receipt]]:
    messages = [(conversation_id, item.seq) for conversation_id, item in page if item.type != "EVENT"]
    return await receipts.receipts_of(services.db, messages) if messages else {}


def _is_forward(start: PageStart | PastPosition | None) -> bool:
    return isinstance(start, PageStart) and start.forward


async def _require_contact_of_this_chat(services: Services, session: Session, contact_id: str | None) -> None:
    if contact_id is None or contact_id in (session.conversation.id, session.contact_id):
        return
    found = await conversations.find_contact(services.db, session.conversation.instance, contact_id)
    if found is None or found[1].id != session.conversation.id:
        raise InvalidValue(f"ContactId: {contact_id!r} is not a contact of this chat.")


async def _start(
    services: Services, session: Session, body: GetTranscript, until: int
) -> PageStart | PastPosition | None:
    """Return the start and direction of the page, or None if there are no items in this direction."""
    position = body.start_position
    named = position.model_dump(exclude_none=True) if position else {}
    if body.next_token:
        return _read_next_token(services, session, body)
    forward = body.scan_direction == "FORWARD" if body.scan_direction else bool(named)
    if position is None or not named:
        return PageStart(NO_ITEM_LATER, forward)
    seq = await _position(services, session, position, until, forward=forward)
    return None if seq is None else PageStart(seq, forward, present_only=True)


async def _position(
    services: Services, session: Session, start: StartPosition, until: int, *, forward: bool
) -> int | None:
    db, conversation_id = services.db, session.conversation.id
    if start.id is not None:
        item = await transcript.find_item(db, conversation_id, start.id)
        if item is None or item.seq > until:
            raise InvalidValue(f"StartPosition.Id: there is no item {start.id!r} in this chat.")
        return item.seq
    if start.absolute_time is not None:
        at = _instant(start.absolute_time)
        if forward:
            return await transcript.first_since(db, conversation_id, next_whole_millisecond(at))
        return await transcript.last_until(db, conversation_id, at)
    if start.most_recent:
        return await transcript.nth_latest(db, conversation_id, start.most_recent, until=until)
    return NO_ITEM_LATER


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidValue("StartPosition.AbsoluteTime: must be like 2026-01-31T23:59:59.000Z.") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def _next_token(services: Services, session: Session, rest: PageStart | PastPosition) -> str:
    conversation_id = session.conversation.id
    if isinstance(rest, PastPosition):
        return services.tokens.make(TokenKind.PAGE, conversation_id, past=rest.conversation_id, seq=rest.seq)
    return services.tokens.make(TokenKind.PAGE, conversation_id, seq=rest.seq, fwd=rest.forward, now=rest.present_only)


def _read_next_token(services: Services, session: Session, body: GetTranscript) -> PageStart | PastPosition:
    try:
        claims = services.tokens.verify(TokenKind.PAGE, body.next_token or "")
    except AccessDenied:
        raise InvalidValue("NextToken: was not issued by this operation.") from None
    if claims["sub"] != session.conversation.id:
        raise InvalidValue("NextToken: belongs to another chat.")
    past = claims.get("past")
    forward = bool(claims.get("fwd"))
    if body.scan_direction is not None and (body.scan_direction == "FORWARD") != forward:
        raise InvalidValue("NextToken: goes in the other ScanDirection.")
    if past is None:
        return PageStart(claims["seq"], forward, present_only=bool(claims.get("now")))
    if body.contact_id is not None:
        raise InvalidValue("ContactId: cannot be used for items of past chats.")
    if body.start_position and body.start_position.model_dump(exclude_none=True):
        raise InvalidValue("StartPosition: cannot be used for items of past chats.")
    return PastPosition(past, claims["seq"])
