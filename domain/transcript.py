"""The transcript: its items, their content types and limits."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic_core import to_json

from domain.attachments import Attachment
from domain.participants import Role
from domain.value import Value

EVENT_PREFIX = "application/vnd.amazonaws.connect.event."
"""Content types of events start with this (Amazon Connect, ChatJS 5.0.0)."""

SYSTEM_NAME = "SYSTEM_MESSAGE"
"""The display name of the system (Amazon Connect)."""

INTERACTIVE = "application/vnd.amazonaws.connect.message.interactive"
INTERACTIVE_RESPONSE = "application/vnd.amazonaws.connect.message.interactive.response"

ContentType = Literal[
    "text/plain",
    "text/markdown",
    "application/json",
    "application/vnd.amazonaws.connect.message.interactive",
    "application/vnd.amazonaws.connect.message.interactive.response",
]
"""Content types of messages (SupportedMessagingContentTypes of StartChatContact)."""

MAX_CONTENT_BYTES = 16_384
"""Maximum content of one message, in UTF-8 bytes (connectparticipant SendMessage)."""


def size_of(content: str) -> int:
    """The size of a content in JSON, in UTF-8 bytes: so it stands in histories and answers."""
    return len(to_json(content))


def checked_content(content: str) -> str:
    """Returns the content of a message unchanged.

    Raises:
        ValueError: it has more than `MAX_CONTENT_BYTES` UTF-8 bytes.
    """
    if len(content.encode()) > MAX_CONTENT_BYTES:
        raise ValueError(f"must be at most {MAX_CONTENT_BYTES} UTF-8 bytes")
    return content


class ItemType(StrEnum):
    """Kinds of transcript items (`Type` on the wire)."""

    MESSAGE = "MESSAGE"
    ATTACHMENT = "ATTACHMENT"
    EVENT = "EVENT"


class EventType(StrEnum):
    """Events that a conversation writes or sends. The value is the last part of the content type."""

    JOINED = "participant.joined"
    LEFT = "participant.left"
    CHAT_ENDED = "chat.ended"
    TRANSFERRED = "transfer.succeeded"
    IDLE = "participant.idle"
    RETURNED = "participant.returned"
    AUTO_DISCONNECTED = "participant.autodisconnection"

    @property
    def content_type(self) -> str:
        """The full content type, as on the wire."""
        return EVENT_PREFIX + self


class TranscriptItem(Value):
    """One entry of a transcript.

    Attributes:
        seq: the item's number; strictly increasing within a conversation. 0 for the item of a notice.
        at: when it was recorded (UTC, whole milliseconds); strictly increasing with `seq`.
        trigger: the rule by which the system wrote it; None for items of people.
        attachment: the file of an `ATTACHMENT`, which has its content type and no content; None for other items.
    """

    id: str
    seq: int
    at: datetime
    contact_id: str
    type: ItemType
    content_type: str
    content: str | None = None
    participant_id: str | None = None
    role: Role
    name: str | None = None
    trigger: str | None = None
    attachment: Attachment | None = None


class Notice(Value):
    """An item for the sockets only; the transcript does not contain it. `to`: the id of its only recipient; None: all."""

    item: TranscriptItem
    to: str | None = None
