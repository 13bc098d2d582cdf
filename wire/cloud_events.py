"""The shape of an event outside: CloudEvents 1.0 in JSON, which is a payload of Standard Webhooks too."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from domain.feed import WITHOUT_CONVERSATION
from domain.instants import iso
from store.database import Database
from store.feed import StoredEvent, contents_of

TEST = "test"
"""The type of events that only test a webhook."""


async def cloud_events(db: Database, events: Sequence[StoredEvent], *, with_content: bool) -> list[dict[str, Any]]:
    """Return events as they are outside.

    Args:
        db: the store, for the texts.
        events: the events.
        with_content: whether messages have their text and the name of their sender, as far as the transcript still has them.
    """
    contents = await contents_of(db, events) if with_content else {}
    return [_cloud_event(event, contents) for event in events]


def cloud_event_of_test(instance: str, event_id: str, at: datetime) -> dict[str, Any]:
    """Return an event that says nothing."""
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": f"/instances/{instance}",
        "type": TEST,
        "time": iso(at),
        "datacontenttype": "application/json",
        "data": {},
    }


def _cloud_event(event: StoredEvent, contents: dict[tuple[str, int], tuple[str | None, str | None]]) -> dict[str, Any]:
    data = dict(event.data)
    if event.item is not None and (found := contents.get((event.conversation_id, event.item))):
        data["content"], data["display_name"] = found
    return {
        "specversion": "1.0",
        "id": event.id,
        "source": f"/instances/{event.instance}",
        "type": event.type,
        "subject": event.contact_id,
        "time": iso(event.at),
        "datacontenttype": "application/json",
        "conversation": None if event.type in WITHOUT_CONVERSATION else event.conversation_id,
        "seq": event.seq,
        "position": str(event.position),
        "data": data,
    }
