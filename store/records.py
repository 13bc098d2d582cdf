"""What the store takes and gives: frozen records in the words of the domain, instants aware UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

TALK_IS_OVER = frozenset({"WRAP_UP", "CLOSED"})
"""States of a conversation in which there is nobody left to talk with."""


@dataclass(frozen=True, slots=True)
class Past:
    """What a conversation continues: a contact, and the item with which the past ends that becomes visible with it.

    That item stands in the contact's conversation or, where nothing of that one is visible, in one before it. `items` is
    how many items of `conversation_id` are visible.
    """

    contact_id: str
    association_id: str
    conversation_id: str
    seq: int
    items: int


@dataclass(frozen=True, slots=True)
class NewConversation:
    """A conversation's first record: with it the conversation, its first contact and its customer exist."""

    id: str
    instance: str
    workstream: str
    queue: str
    mode: str
    started_at: datetime
    customer_participant_id: str
    customer_name: str
    customer_id: str | None
    attributes: Mapping[str, str]
    segment_attributes: Mapping[str, Any]
    content_types: tuple[str, ...]
    related_contact_id: str | None
    past: Past | None = None


@dataclass(frozen=True, slots=True)
class ParticipantFacts:
    """A participant as the conversation knows them."""

    id: str
    role: str
    name: str
    user: str | None
    presence: str
    joined_at: datetime | None
    left_at: datetime | None


@dataclass(frozen=True, slots=True)
class ContactFacts:
    """A contact as the conversation knows it. `last_seq` is set once another contact follows it."""

    id: str
    initiation_method: str
    previous_contact_id: str | None
    queue: str
    initiated_at: datetime
    enqueued_at: datetime
    agent_user: str | None
    agent_connected_at: datetime | None
    ended_at: datetime | None
    last_seq: int | None
    wrapped_up_at: datetime | None
    end_reason: str | None


@dataclass(frozen=True, slots=True)
class ConversationFacts:
    """A conversation as it stands at one revision; an older revision never overwrites a newer one."""

    revision: int
    state: str
    ended_at: datetime | None
    end_reason: str | None
    closed_at: datetime | None
    contacts: tuple[ContactFacts, ...]
    answers: Mapping[str, str]
    participants: tuple[ParticipantFacts, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of a transcript."""

    id: str
    seq: int
    at: datetime
    contact_id: str
    type: str
    content_type: str
    content: str | None
    participant_id: str | None
    role: str
    name: str | None
    trigger: str | None


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation's record."""

    id: str
    instance: str
    workstream: str
    queue: str
    mode: str
    state: str
    customer_id: str | None
    attributes: Mapping[str, str]
    segment_attributes: Mapping[str, Any]
    content_types: tuple[str, ...]
    started_at: datetime
    ended_at: datetime | None
    closed_at: datetime | None
    end_reason: str | None
    updated_at: datetime
    association_id: str | None = None
    continued_from: str | None = None
    past_id: str | None = None
    past_seq: int | None = None

    @property
    def talk_is_over(self) -> bool:
        """Whether nobody can go on talking in it; a survey may still be open."""
        return self.state in TALK_IS_OVER


@dataclass(frozen=True, slots=True)
class Contact:
    """One leg of a conversation."""

    id: str
    conversation_id: str
    initiation_method: str
    previous_contact_id: str | None
    related_contact_id: str | None
    queue: str | None
    initiated_at: datetime
    enqueued_at: datetime | None
    agent_user: str | None
    agent_connected_at: datetime | None
    ended_at: datetime | None
    last_seq: int | None
    wrapped_up_at: datetime | None
    end_reason: str | None


@dataclass(frozen=True, slots=True)
class Participant:
    """A party of a conversation."""

    id: str
    conversation_id: str
    role: str
    name: str
    user: str | None
    presence: str
    joined_at: datetime | None
    left_at: datetime | None
    delivered_seq: int
    read_seq: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """When a participant's client received and showed a message."""

    seq: int
    participant_id: str
    delivered_at: datetime | None
    read_at: datetime | None
