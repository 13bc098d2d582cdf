"""Response bodies of the feed. See `wire.cloud_events` for the shape of an event."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import WithJsonSchema

from api.openapi import ResponseBody, example

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
    gaps. An event about an agent has the agent as `subject`, no `conversation`, and counts for this agent. `position` is the
    place in the feed, for `after`. `id` is the same whenever the event is sent.
    """

    model_config = example(_EVENT)

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    subject: str
    time: Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
    datacontenttype: Literal["application/json"]
    conversation: str | None
    seq: int
    position: str
    data: dict[str, Any]


class FeedResponse(ResponseBody):
    """The next events in order. `next`: what `after` must be for the events after these."""

    model_config = example({"events": [_EVENT], "next": "1042-317"})

    events: list[FeedEventResponse]
    next: str
