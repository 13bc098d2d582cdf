"""Rows of the store as frozen values: the domain's records, and the columns that only the store has."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.contacts import Contact, EndReason
from domain.conversation import INTERACTION_ENDED, Mode, State
from domain.participants import Participant
from domain.value import Value


class StoredConversation(Value):
    """A row of `conversations`.

    Attributes:
        continued_from: the contact that it continues; None when it continues none.
        past_id: the conversation of the last visible item of its past.
        past_seq: the number of that item.
    """

    id: str
    instance: str
    workstream: str
    queue: str
    mode: Mode
    state: State
    customer_id: str | None
    is_customer_signed: bool
    attributes: Mapping[str, str]
    segment_attributes: Mapping[str, Any]
    content_types: tuple[str, ...]
    started_at: datetime
    ended_at: datetime | None
    closed_at: datetime | None
    end_reason: EndReason | None
    updated_at: datetime
    association_id: str | None = None
    continued_from: str | None = None
    past_id: str | None = None
    past_seq: int | None = None

    @property
    def interaction_ended(self) -> bool:
        """Whether customer and agent cannot talk any more. A survey may still run."""
        return self.state in INTERACTION_ENDED


class ContactReference(Value):
    """A reference of a contact, such as a URL, by the type that it has on the wire."""

    type: str
    value: str


class StoredContact(Contact):
    """A row of `contacts`.

    Attributes:
        attributes: those of the conversation when this contact ended and another one followed; None while none has followed.
        name: a name that a backend gave it; so with `description`, and with `references` and `tags` by their keys.
    """

    conversation_id: str
    related_contact_id: str | None = None
    attributes: Mapping[str, str] | None = None
    name: str | None = None
    description: str | None = None
    references: Mapping[str, ContactReference] | None = None
    tags: Mapping[str, str] | None = None


class StoredParticipant(Participant):
    """A row of `participants`.

    Attributes:
        delivered_seq: number of the last message that the participant's client received.
        read_seq: number of the last message that it displayed.
    """

    conversation_id: str
    delivered_seq: int = 0
    read_seq: int = 0


class Receipt(Value):
    """When a participant's client received and displayed a message."""

    seq: int
    participant_id: str
    delivered_at: datetime | None
    read_at: datetime | None
