"""Content types of messages and events, and the size of messages."""

from __future__ import annotations

from typing import Literal

MAX_CONTENT_BYTES = 16_384
"""Longest content of one message, in UTF-8 bytes (connectparticipant SendMessage)."""

ContentType = Literal[
    "text/plain",
    "text/markdown",
    "application/json",
    "application/vnd.amazonaws.connect.message.interactive",
    "application/vnd.amazonaws.connect.message.interactive.response",
]
"""The content types of messages (SupportedMessagingContentTypes of StartChatContact)."""


EventContentType = Literal[
    "application/vnd.amazonaws.connect.event.typing",
    "application/vnd.amazonaws.connect.event.message.delivered",
    "application/vnd.amazonaws.connect.event.message.read",
    "application/vnd.amazonaws.connect.event.connection.acknowledged",
]
"""Content types of SendEvent. The last one is legacy, and has no effect."""


def checked_content(content: str) -> str:
    """Return the content, if it is not too long.

    Raises:
        ValueError: it has more than `MAX_CONTENT_BYTES` UTF-8 bytes.
    """
    if len(content.encode()) > MAX_CONTENT_BYTES:
        raise ValueError(f"must be at most {MAX_CONTENT_BYTES} UTF-8 bytes")
    return content
