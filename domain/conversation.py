"""The conversation as a whole: its mode, its state, its initial data, and its record at one revision."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from domain.contacts import Contact, EndReason
from domain.participants import Participant
from domain.routing import Placement
from domain.value import Count, Name, ShownName, Value


class Mode(StrEnum):
    """The mode of a conversation: a `live` one ends when its customer stays away, a `persistent` one continues."""

    LIVE = "live"
    PERSISTENT = "persistent"


class State(StrEnum):
    """The state of a conversation (Dynamics 365: status reason)."""

    OPEN = "OPEN"
    ACTIVE = "ACTIVE"
    WAITING = "WAITING"
    WRAP_UP = "WRAP_UP"
    CLOSED = "CLOSED"


INTERACTION_ENDED = frozenset({State.WRAP_UP, State.CLOSED})
"""States in which customer and agent cannot talk any more. A survey may still run."""


class RehydratedPast(Value):
    """The past that a conversation continues: an earlier contact, and the last item that becomes visible.

    That item is in the contact's own conversation or, when that conversation has no visible item, in one before it.

    Attributes:
        contact_id: the contact that the conversation continues (`ContinuedFromContactId`).
        association_id: `ContactAssociationId`, shared by all conversations of the chain.
        conversation_id: the conversation of the last visible item.
        seq: the number of that item.
        items: how many items of `conversation_id` are visible.
    """

    contact_id: Name
    association_id: Name
    conversation_id: Name
    seq: Count
    items: Count


class ConversationOpening(Value):
    """The initial data of a conversation. `contact_id` is the id of its first contact and of the conversation."""

    contact_id: Name
    instance: Annotated[Name, Field(max_length=100)]
    workstream: Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00]*$")]
    queue: Name
    mode: Mode
    started_at: datetime
    customer_participant_id: Name
    customer_name: ShownName
    customer_id: Annotated[Name, Field(max_length=128)] | None = None
    is_customer_signed: bool = False
    """Whether a signed token named the customer, and not the backend alone."""
    attributes: dict[str, str] = Field(default_factory=dict)
    segment_attributes: dict[str, object] = Field(default_factory=dict)
    content_types: tuple[str, ...] = ()
    """Content types that the customer may send; empty for all."""
    related_contact_id: Name | None = None
    past: RehydratedPast | None = None


class ConversationSnapshot(Value):
    """The whole record of a conversation at one revision. Writing it is idempotent; the highest revision wins.

    The workflow writes a snapshot when it differs from the last one. A new field whose value varies causes more writes,
    so recorded histories no longer replay. Such a field needs a new rules version.

    Attributes:
        contacts: the present contact, and the contacts that changed since the last write.
        participants: the present participants, and those who left since the last write.
        answers: survey answers since the last write. Each is written once, so that a backend may correct it.
    """

    revision: int
    state: State
    contacts: tuple[Contact, ...]
    participants: tuple[Participant, ...]
    answers: dict[str, str] = Field(default_factory=dict)
    ended_at: datetime | None = None
    end_reason: EndReason | None = None
    closed_at: datetime | None = None
    placement: Placement
