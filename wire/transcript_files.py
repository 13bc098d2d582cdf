"""Files of a contact's transcript: the JSON file that Amazon Connect writes to S3, and plain text for people.

The functions do no I/O. They convert one page of records at a time, so a long transcript is never in memory as a whole.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from domain.attachments import AttachmentStatus
from domain.participants import Role
from domain.transcript import EVENT_PREFIX, EventType, ItemType, TranscriptItem
from domain.value import REORDERING
from store.records import Receipt, StoredContact, StoredConversation, StoredParticipant
from wire.items import item_without_contact
from wire.models import AWS_ACCOUNT

FORMAT_VERSION = "2019-08-26"
"""`Version` in the transcript files of Amazon Connect."""

Entry = tuple[TranscriptItem, Sequence[Receipt]]
"""An item and its receipts."""

_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_ROLES = {Role.CUSTOM_BOT: "bot"}
_EVENTS: dict[str, str] = {
    EventType.JOINED: " joined",
    EventType.LEFT: " left",
    "participant.invited": " was invited",
    EventType.TRANSFERRED: " transferred the chat",
    "transfer.failed": " could not transfer the chat",
}
_SYSTEM_NAMES = frozenset({"system", "systemmessage"})
"""The names of the system, as letters. A person with such a name is shown in quotation marks."""


@dataclass(frozen=True, slots=True)
class TranscriptSubject:
    """The subject of a file: a contact, its conversation, and its participants."""

    contact: StoredContact
    conversation: StoredConversation
    participants: Sequence[StoredParticipant]


async def transcript_json(subject: TranscriptSubject, pages: AsyncIterable[Sequence[Entry]]) -> AsyncIterator[bytes]:
    """Yields the file that Amazon Connect writes to S3, in UTF-8: one JSON object, with one item on each line.

    Args:
        pages: the contact's items, in order.
    """
    contact, conversation = subject.contact, subject.conversation
    header = {
        "Version": FORMAT_VERSION,
        "AWSAccountId": AWS_ACCOUNT,
        "InstanceId": conversation.instance,
        "InitialContactId": conversation.id,
        "ContactId": contact.id,
        "Participants": [{"ParticipantId": participant.id} for participant in subject.participants],
    }
    prefix = _json(header)[:-1] + ',"Transcript":[\n'
    async for page in pages:
        if page:
            yield (prefix + ",\n".join(_json(_json_item(item, receipts)) for item, receipts in page)).encode()
            prefix = ",\n"
    yield (("" if prefix == ",\n" else prefix) + "\n]}\n").encode()


async def transcript_text(subject: TranscriptSubject, pages: AsyncIterable[Sequence[Entry]]) -> AsyncIterator[bytes]:
    """Yields the transcript as plain text, in UTF-8: a heading, then one line for each item, with its time in UTC.

    A text cannot imitate another line: a line break becomes `⏎`, a control or reordering character becomes `�`.

    Args:
        pages: the contact's items, in order.
    """
    yield "".join(f"{line}\n" for line in (*_heading(subject), "")).encode()
    async for page in pages:
        yield "".join(f"{_line(item)}\n" for item, _ in page).encode()


def _json_item(item: TranscriptItem, receipts: Sequence[Receipt]) -> dict[str, Any]:
    """Builds an item of the JSON file. An event without a participant, such as `chat.ended`, has no role and no name there."""
    document = item_without_contact(item, receipts)
    if item.type is ItemType.EVENT and item.participant_id is None:
        del document["ParticipantRole"]
        document.pop("DisplayName", None)
    return document


def _heading(subject: TranscriptSubject) -> list[str]:
    contact, conversation = subject.contact, subject.conversation
    agent = next((participant for participant in subject.participants if participant.user == contact.agent_user), None)
    customer = next((participant for participant in subject.participants if participant.role is Role.CUSTOMER), None)
    ended = None if contact.ended_at is None else _timestamp(contact.ended_at)
    reason = contact.end_reason or (conversation.end_reason if contact.ended_at == conversation.ended_at else None)
    fields = {
        "Contact": contact.id,
        "Conversation": conversation.id,
        "Instance": conversation.instance,
        "Queue": contact.queue or "none",
        "Agent": f"{agent.name} ({contact.agent_user})"
        if agent and contact.agent_user
        else contact.agent_user or "none",
        "Customer": customer.name if customer else "none",
        "Began": _timestamp(contact.initiated_at),
        "Ended": f"{ended} ({reason})" if ended and reason else ended or "not yet",
    }
    return [f"{name + ':':<14}{_single_line(value)}" for name, value in fields.items()]


def _line(item: TranscriptItem) -> str:
    role = _ROLES.get(item.role, item.role.lower())
    # by role, never by name: a customer may be called "System"
    author = "System" if item.role is Role.SYSTEM else _author(item.name or role)
    return f"{_timestamp(item.at)}  {role:<10}  {_sentence(item, author)}"


def _author(name: str) -> str:
    """Returns the name of a person on one line, in quotation marks if it reads like the system's."""
    shown = _single_line(name)
    letters = "".join(filter(str.isalnum, unicodedata.normalize("NFKC", shown))).casefold()
    return f'"{shown}"' if letters in _SYSTEM_NAMES else shown


def _sentence(item: TranscriptItem, author: str) -> str:
    if item.type is ItemType.EVENT:
        name = item.content_type.removeprefix(EVENT_PREFIX)
        return (
            "The chat ended"
            if name == EventType.CHAT_ENDED
            else author + _EVENTS.get(name, ": " + name.replace(".", " "))
        )
    if item.attachment:
        was_rejected = item.attachment.status is AttachmentStatus.REJECTED
        return f"{author} sent a file{', which was rejected' if was_rejected else ''}: {_single_line(item.attachment.name)}"
    if item.content is None:
        return f"{author} sent {item.content_type}"
    return f"{author}: {_single_line(item.content)}"


def _timestamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _single_line(text: str) -> str:
    """Returns a text on one line, without characters that control a terminal or an editor."""
    if text.isprintable():
        return text
    return "".join(_visible_character(character) for character in " ⏎ ".join(text.splitlines()))


def _visible_character(character: str) -> str:
    if character == "\t":
        return " "
    is_control = unicodedata.category(character) == "Cc" or unicodedata.bidirectional(character) in REORDERING
    return "\ufffd" if is_control else character
