"""`GET /v1/events`: the next events after a position, at once, when there are some, or as a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import suppress
from typing import Annotated, Any

from annotated_types import Interval, MaxLen
from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import StreamingResponse

from api.connect.authentication import AuthenticatedBackend, ByEventsKey
from api.contact_transcripts import InstanceName
from api.dependencies import Services, ServicesInRequest
from api.feed.positions import known_position
from api.feed.responses import FeedEventResponse, FeedResponse
from api.head_requests import sent_method
from api.openapi import ACCESS_KEY, DescribedRoute, error_responses
from configuration.schema.access_keys import KeyRole
from domain.errors import AccessDenied, InvalidValue, Unavailable
from domain.feed import is_named, types_named
from runtime.streams import prepended
from store.feed import FeedPosition, page_of_feed
from wire.cloud_events import cloud_events

STREAM = "text/event-stream"
STREAM_SECONDS = 600.0
"""How long a stream lasts. Clients of server-sent events then come back with `Last-Event-ID`, and are authenticated again."""

MOST_WITH_CONTENT = 100
"""How many events are read at once if they have texts, which are as long as 16 KB each."""

KEEP_ALIVE_LOOKS = 15
"""After so many looks without an event, a stream sends a comment. A look comes every second at least."""

router = APIRouter(
    prefix="/v1",
    tags=["events"],
    route_class=DescribedRoute,
    dependencies=[Depends(ACCESS_KEY)],
    responses=error_responses(message="after: is not the `position` of an event or the `next` of an answer."),
)

Position = Annotated[
    str | None,
    Query(
        description="The `position` of the last event that is known, or the `next` of an answer. Without it: all kept events."
    ),
]
Types = Annotated[
    str | None,
    MaxLen(1_000),
    Query(description="Types of events, or their beginnings, with commas: `message,contact.parked`."),
]


class _Reader:
    """Reads events after a position, which it moves on."""

    def __init__(
        self, services: Services, instance: str, after: FeedPosition, types: Collection[str], limit: int
    ) -> None:
        self._services, self.instance, self.position = services, instance, after
        self._types, self._limit = types, limit

    async def page(self, *, with_content: bool) -> FeedResponse:
        """Return the next events. Those of other types are skipped."""
        limit = min(self._limit, MOST_WITH_CONTENT) if with_content else self._limit
        found = await page_of_feed(self._services.db, self.instance, self.position, limit)
        if found:
            self.position = found[-1].position
        asked = [event for event in found if is_named(event.type, self._types)]
        shown = await cloud_events(self._services.db, asked, with_content=with_content)
        return FeedResponse(events=[FeedEventResponse(**each) for each in shown], next=str(self.position))


@router.get("/events", response_model=FeedResponse)
async def get_events(
    request: Request,
    services: ServicesInRequest,
    caller: ByEventsKey,
    instance: InstanceName,
    after: Position = None,
    types: Types = None,
    limit: Annotated[int, Interval(ge=1, le=1_000), Query(description="Maximum number of events.")] = 100,
    wait: Annotated[float, Interval(ge=0, le=30), Query(description="Seconds to wait for an event.")] = 0,
    content: Annotated[
        bool, Query(description="Whether messages have their text. Needs the role `transcripts`, too.")
    ] = False,
    accept: Annotated[str, Header(include_in_schema=False)] = "",
    last_event_id: Annotated[str | None, Header(description="For streams: the last `id`, which is a position.")] = None,
) -> Any:
    """Returns events of an instance in their order, also as server-sent events (`Accept: text/event-stream`).

    Whoever goes on from `next` misses none. An event comes again when an older position is given. An answer can be empty and
    still have another `next`, because events of other types were skipped.
    """
    name, _ = services.instance(instance, caller.instances, "instance")
    _check_content(caller, content)
    is_stream = STREAM in accept and sent_method(request) == "GET"  # HEAD would take the place of a reader for nothing
    start = await known_position(services.db, name, last_event_id if is_stream and last_event_id else after)
    reader = _Reader(services, name, start, _types(types), limit)
    if is_stream:
        pages = _pages(services, reader, with_content=content)
        # read the first page now: until the response starts, a failure can still become an error response
        return StreamingResponse(_server_sent(prepended(await anext(pages), pages)), media_type=STREAM)
    return await _next_events(services, reader, wait, with_content=content)


async def _next_events(services: Services, reader: _Reader, wait: float, *, with_content: bool) -> FeedResponse:
    if wait == 0:
        return await reader.page(with_content=with_content)
    found = FeedResponse(events=[], next=str(reader.position))
    async for _ in services.feed_waits.looks(reader.instance, wait):
        found = await reader.page(with_content=with_content)
        if found.events or services.stopping.is_set():
            break
    return found


async def _pages(services: Services, reader: _Reader, *, with_content: bool) -> AsyncIterator[FeedResponse]:
    """The pages of a stream. Each look for new events ends with an empty one."""
    async for _ in services.feed_waits.looks(reader.instance, STREAM_SECONDS):
        is_at_end = False
        while not is_at_end:
            before = reader.position
            yield await reader.page(with_content=with_content)
            is_at_end = reader.position == before or services.stopping.is_set()
            await asyncio.sleep(0)  # SQLite reads, and an empty page is sent, without a turn of the loop
        if services.stopping.is_set():
            return


async def _server_sent(pages: AsyncIterator[FeedResponse]) -> AsyncIterator[bytes]:
    yield b"retry: 1000\n\n"
    known, silent = "", 0
    with suppress(Unavailable):  # the client comes back with its last position, and then gets the error
        async for page in pages:
            for event in page.events:
                known = event.position
                yield f"id: {known}\nevent: {event.type}\ndata: {event.model_dump_json()}\n\n".encode()
            if page.next != known:  # events of other types were skipped: the client goes on behind them
                known = page.next
                yield f"id: {known}\n\n".encode()
            silent = 0 if page.events else silent + 1
            if silent == KEEP_ALIVE_LOOKS:
                silent = 0
                yield b": \n\n"


def _check_content(caller: AuthenticatedBackend, content: bool) -> None:
    if content and KeyRole.TRANSCRIPTS not in caller.roles:
        raise AccessDenied(
            f"content: the access key {caller.key_id!r} does not have the role {KeyRole.TRANSCRIPTS.value!r}."
        )


def _types(text: str | None) -> list[str]:
    """Return the names of a list, of types or their beginnings."""
    names = [name.strip() for name in text.split(",")] if text else []
    for name in names:
        if not types_named(name):
            raise InvalidValue(f"types: there are no events of the type {name[:100]!r}.")
    return names
