"""Socket frames, and the events that go to sockets only, in the shape that ChatJS reads."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from domain.instants import iso
from domain.participants import Role
from domain.transcript import EVENT_PREFIX, SYSTEM_NAME, EventType, TranscriptItem
from store.records import Receipt, StoredParticipant
from wire.items import metadata
from wire.models import without_none

ATTACHMENT = "application/vnd.amazonaws.connect.message.attachment"
"""The content type of the frame of an attachment. The item itself has none."""

TYPING = EVENT_PREFIX + "typing"
DELIVERED = EVENT_PREFIX + "message.delivered"
READ = EVENT_PREFIX + "message.read"
METADATA = EVENT_PREFIX + "message.metadata"
REHYDRATED = EVENT_PREFIX + "chat.rehydrated"
CHAT_ENDED = EventType.CHAT_ENDED.content_type
LEFT = EventType.LEFT.content_type
TRANSFERRED = EventType.TRANSFERRED.content_type

HEARTBEAT = json.dumps({"topic": "aws/heartbeat"})
PING = json.dumps({"topic": "aws/ping", "statusCode": 200, "statusContent": "OK"})


def transient_event(
    content_type: str, *, conversation_id: str, contact_id: str, participant: StoredParticipant | None = None
) -> dict[str, Any]:
    """Build an event that happens now and goes to sockets only, not to the transcript.

    Args:
        participant: the participant that it concerns; None for the system.
    """
    return without_none(
        Id=str(uuid4()),
        AbsoluteTime=iso(datetime.now(UTC)),
        Type="EVENT",
        ContentType=content_type,
        ParticipantId=participant.id if participant else None,
        DisplayName=participant.name if participant else SYSTEM_NAME,
        ParticipantRole=participant.role if participant else Role.SYSTEM,
        InitialContactId=conversation_id,
        ContactId=contact_id,
    )


def receipt_event(item: TranscriptItem, receipt: Receipt, at: datetime, conversation_id: str) -> dict[str, Any]:
    """Build the event that a participant has received or read a message."""
    return {
        "Id": item.id,
        "AbsoluteTime": iso(at),
        "Type": "MESSAGEMETADATA",
        "ContentType": METADATA,
        "InitialContactId": conversation_id,
        "ContactId": item.contact_id,
        "MessageMetadata": metadata(item.id, [receipt]),
    }


def chat_frame(item: dict[str, Any]) -> str:
    """Build the frame for an item. Its content is a JSON string; ChatJS drops anything else."""
    content_type = ATTACHMENT if "Attachments" in item else "application/json"
    return json.dumps({"topic": "aws/chat", "contentType": content_type, "content": json.dumps(item)})


def subscribed(topics: list[str], *, success: bool) -> str:
    """Build the answer to a subscription."""
    status = "success" if success else "failure"
    return json.dumps({"topic": "aws/subscribe", "content": {"status": status, "topics": topics}})
