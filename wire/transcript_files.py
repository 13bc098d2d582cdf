"""A contact's transcript as a document: the JSON file that Amazon Connect keeps in S3, and plain text for people.

Pure: records in, text out, page by page, so that a transcript of 100,000 items is never in memory as a whole.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from domain.participants import Role
from domain.transcript import EVENT_PREFIX, EventType, ItemType, TranscriptItem
from store.records import Receipt, StoredContact, StoredConversation, StoredParticipant
from wire.items import item_document

VERSION = "2019-08-26"
"""The version that Amazon Connect writes into its transcript files."""

ACCOUNT = "000000000000"
"""Stands for the AWS account, which there is none of."""

Entry = tuple[TranscriptItem, Sequence[Receipt]]
"""An item with its receipts."""

_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_ROLES = {Role.CUSTOM_BOT: "bot"}
_EVENTS = {
    "participant.joined": " joined",
    "participant.left": " left",
    "participant.invited": " was invited",
    "transfer.succeeded": " transferred the chat",
    "transfer.failed": " could not transfer the chat",
}
_NOBODY = "SYSTEM_MESSAGE"
_REORDERING = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
"""Unicode's classes of invisible characters that move what stands beside them."""


@dataclass(frozen=True, slots=True)
class TranscriptSubject:
    """What a document is about: a contact, the conversation it is a leg of, and who took part in it."""

    contact: StoredContact
    conversation: StoredConversation
    participants: Sequence[StoredParticipant]


async def transcript_json(subject: TranscriptSubject, pages: AsyncIterable[Sequence[Entry]]) -> AsyncIterator[bytes]:
    """The transcript as Amazon Connect writes it to S3, in UTF-8, in pieces that make one JSON object with one item a line.

    Args:
        subject: what it is about.
        pages: the contact's items in their order.
    """
    contact, conversation = subject.contact, subject.conversation
    head = {
        "Version": VERSION,
        "AWSAccountId": ACCOUNT,
        "InstanceId": conversation.instance,
        "InitialContactId": conversation.id,
        "ContactId": contact.id,
        "Participants": [{"ParticipantId": who.id} for who in subject.participants],
    }
    before = _json(head)[:-1] + ',"Transcript":[\n'
    async for page in pages:
        if page:
            yield (before + ",\n".join(_json(_stored(item, receipts)) for item, receipts in page)).encode()
            before = ",\n"
    yield (("" if before == ",\n" else before) + "\n]}\n").encode()


async def transcript_text(subject: TranscriptSubject, pages: AsyncIterable[Sequence[Entry]]) -> AsyncIterator[bytes]:
    """The transcript for people, in UTF-8: what it is of, then one line an item with its time in UTC.

    What somebody wrote stays on its line: line breaks show as `⏎`, and what could disguise a line as `�`.
    """
    yield "".join(f"{line}\n" for line in (*_heading(subject), "")).encode()
    async for page in pages:
        yield "".join(f"{_line(item)}\n" for item, _ in page).encode()


def _stored(item: TranscriptItem, receipts: Sequence[Receipt]) -> dict[str, Any]:
    """An item of the file: an event that nobody caused, such as the end, names nobody there."""
    document = item_document(item, receipts)
    if item.type is ItemType.EVENT and item.participant_id is None:
        del document["ParticipantRole"]
        document.pop("DisplayName", None)
    return document


def _heading(subject: TranscriptSubject) -> list[str]:
    contact, conversation = subject.contact, subject.conversation
    agent = next((who for who in subject.participants if who.user == contact.agent_user), None)
    customer = next((who for who in subject.participants if who.role is Role.CUSTOMER), None)
    ended = None if contact.ended_at is None else _moment(contact.ended_at)
    reason = contact.end_reason or (conversation.end_reason if contact.ended_at == conversation.ended_at else None)
    facts = {
        "Contact": contact.id,
        "Conversation": conversation.id,
        "Instance": conversation.instance,
        "Queue": contact.queue or "none",
        "Agent": f"{agent.name} ({contact.agent_user})"
        if agent and contact.agent_user
        else contact.agent_user or "none",
        "Customer": customer.name if customer else "none",
        "Began": _moment(contact.initiated_at),
        "Ended": f"{ended} ({reason})" if ended and reason else ended or "not yet",
    }
    return [f"{name + ':':<14}{_visible(value)}" for name, value in facts.items()]


def _line(item: TranscriptItem) -> str:
    role = _ROLES.get(item.role, item.role.lower())
    who = "System" if item.name in (None, _NOBODY) else _visible(item.name)
    return f"{_moment(item.at)}  {role:<10}  {_words(item, who)}"


def _words(item: TranscriptItem, who: str) -> str:
    if item.type is ItemType.EVENT:
        name = item.content_type.removeprefix(EVENT_PREFIX)
        return (
            "The chat ended" if name == EventType.CHAT_ENDED else who + _EVENTS.get(name, ": " + name.replace(".", " "))
        )
    if item.content is None:
        return f"{who} sent {item.content_type}"
    return f"{who}: {_visible(item.content)}"


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _visible(text: str) -> str:
    """A text on one line, without characters that terminals and editors obey."""
    if text.isprintable():
        return text
    return "".join(_character(c) for c in " ⏎ ".join(text.splitlines()))


def _character(c: str) -> str:
    if c == "\t":
        return " "
    obeyed = unicodedata.category(c) == "Cc" or unicodedata.bidirectional(c) in _REORDERING
    return "\ufffd" if obeyed else c
