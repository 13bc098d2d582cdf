"""The shape of an event outside: CloudEvents 1.0 in JSON, which is a payload of Standard Webhooks too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from api.agent.responses import Instant
from api.openapi import ResponseBody, example
from store.database import Database
from store.feed import StoredEvent, contents_of

_EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "5b0f8a36-6b3e-5a0e-9a35-6f3f2b1c7d10",
    "source": "/instances/demo",
    "type": "message.created",
    "subject": "0b8f5a36-6b3e-5a0e-9a35-6f3f2b1c7d10",
    "time": "2026-03-02T09:15:04.120Z",
    "datacontenttype": "application/json",
    "conversation": "0b8f5a36-6b3e-5a0e-9a35-6f3f2b1c7d10",
    "seq": 4,
    "position": "1042-317",
    "data": {"role": "CUSTOMER", "content_type": "text/plain", "participant_id": "9c1f5a36"},
}


class FeedEventResponse(ResponseBody):
    """An event.

    `subject` is the contact, `conversation` the id of its first contact. `seq` counts the events of a conversation from 1 without
    gaps. `position` is the place in the feed, for `after`. `id` is the same whenever the event is sent.
    """

    model_config = example(_EVENT)

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str
    type: str
    subject: str
    time: Instant
    datacontenttype: Literal["application/json"] = "application/json"
    conversation: str
    seq: int
    position: str
    data: dict[str, Any]


class FeedResponse(ResponseBody):
    """The next events in order. `next`: what `after` must be for the events after these."""

    model_config = example({"events": [_EVENT], "next": "1042-317"})

    events: list[FeedEventResponse]
    next: str


async def enveloped(db: Database, events: Sequence[StoredEvent], *, with_content: bool) -> list[FeedEventResponse]:
    """Return the events as they are outside.

    Args:
        with_content: whether messages have their text and the name of their sender, as far as the transcript still has them.
    """
    contents = await contents_of(db, events) if with_content else {}
    return [_enveloped(event, contents) for event in events]


def _enveloped(event: StoredEvent, contents: dict[tuple[str, int], tuple[str | None, str | None]]) -> FeedEventResponse:
    data = dict(event.data)
    if event.item is not None and (found := contents.get((event.conversation_id, event.item))):
        data["content"], data["display_name"] = found
    return FeedEventResponse(
        id=event.id,
        source=f"/instances/{event.instance}",
        type=event.type,
        subject=event.contact_id,
        time=event.at,
        conversation=event.conversation_id,
        seq=event.seq,
        position=str(event.position),
        data=data,
    )
