"""The vocabulary of a conversation: enums and small frozen values. No Temporal, no clock, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, StringConstraints

EVENT_PREFIX = "application/vnd.amazonaws.connect.event."
"""Content types of transcript events start with this (Amazon Connect, ChatJS 5.0.0)."""

MAX_CONTENT_BYTES = 16_384
"""Longest content of one message, in UTF-8 bytes (connectparticipant SendMessage)."""


INTERACTIVE = "application/vnd.amazonaws.connect.message.interactive"
INTERACTIVE_RESPONSE = "application/vnd.amazonaws.connect.message.interactive.response"
"""Content types of interactive messages and of the answers to them (Amazon Connect)."""


class Value(BaseModel):
    """A frozen value. It ignores unknown fields when it is read, so that a newer writer never breaks an older reader."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    def _with_fields(self, changes: Mapping[str, object]) -> Self:
        """Copy this value with some fields changed. Only for methods of subclasses, whose parameters are typed.

        Raises:
            TypeError: a name is not a field of this value.
        """
        unknown = changes.keys() - type(self).model_fields.keys()
        if unknown:
            raise TypeError(f"{type(self).__name__} has no field {', '.join(sorted(unknown))}")
        return self.model_copy(update=changes)


Name = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^\x00]*$")]
"""A name or id; U+0000 is refused because PostgreSQL cannot store it."""


class Mode(StrEnum):
    """How a workstream treats absence: `live` ends with it, `persistent` outlives it."""

    LIVE = "live"
    PERSISTENT = "persistent"


class State(StrEnum):
    """Where a conversation stands (Dynamics 365 status reasons)."""

    OPEN = "OPEN"
    ACTIVE = "ACTIVE"
    WAITING = "WAITING"
    WRAP_UP = "WRAP_UP"
    CLOSED = "CLOSED"


class Role(StrEnum):
    """Participant roles of Amazon Connect."""

    CUSTOMER = "CUSTOMER"
    AGENT = "AGENT"
    SYSTEM = "SYSTEM"
    CUSTOM_BOT = "CUSTOM_BOT"
    SUPERVISOR = "SUPERVISOR"


class Presence(StrEnum):
    """Whether a participant's client is there. `AWAITED`: it has never been."""

    AWAITED = "awaited"
    CONNECTED = "connected"
    AWAY = "away"


class EndReason(StrEnum):
    """Why a conversation ended."""

    CUSTOMER_ENDED = "customer ended"
    AGENT_ENDED = "agent ended"
    STOPPED = "stopped"
    CUSTOMER_LOST = "customer lost"
    NEVER_CONNECTED = "customer never connected"
    OPEN_TOO_LONG = "open too long"
    WAITED_TOO_LONG = "waited too long"
    TRANSFERRED = "transferred"
    RELEASED = "released"
    AGENT_LOST = "agent lost"
    CUSTOMER_SILENT = "customer silent"
    AUTO_DISCONNECTED = "participant idle"
    DURATION_REACHED = "chat duration reached"


class EventType(StrEnum):
    """Events that a conversation writes or sends, by the last part of their content type."""

    JOINED = "participant.joined"
    LEFT = "participant.left"
    CHAT_ENDED = "chat.ended"
    TRANSFERRED = "transfer.succeeded"
    IDLE = "participant.idle"
    RETURNED = "participant.returned"
    AUTO_DISCONNECTED = "participant.autodisconnection"

    @property
    def content_type(self) -> str:
        """The full content type, as the wire carries it."""
        return EVENT_PREFIX + self


class Initiation(StrEnum):
    """How a contact came to be (`InitiationMethod` on the wire)."""

    API = "API"
    TRANSFER = "TRANSFER"
    DISCONNECT = "DISCONNECT"


class ParticipantTimer(StrEnum):
    """What a participant timer does when it ends (`TimerType` on the wire)."""

    IDLE = "IDLE"
    DISCONNECT_NONCUSTOMER = "DISCONNECT_NONCUSTOMER"


class OfferOutcome(StrEnum):
    """What became of an offer to an agent.

    `WITHDRAWN`: somebody else got it, or there is nothing left to get. `ABSENT`: who took it never came.
    """

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    MISSED = "missed"
    WITHDRAWN = "withdrawn"
    ABSENT = "absent"


class Stage(StrEnum):
    """Where a conversation stands on the board. `OFF`: it is not there any more."""

    QUEUED = "queued"
    WORKING = "working"
    PARKED = "parked"
    WRAP_UP = "wrap_up"
    OFF = "off"


class ItemType(StrEnum):
    """Kinds of transcript items (`Type` on the wire)."""

    MESSAGE = "MESSAGE"
    EVENT = "EVENT"


class Participant(Value):
    """One party of a conversation, and since when it has been connected or away."""

    id: str
    role: Role
    name: str
    user: str | None = None
    presence: Presence = Presence.AWAITED
    since: datetime
    joined_at: datetime | None = None
    left_at: datetime | None = None

    def connected(self, at: datetime) -> Self:
        """This participant, connected from `at` on. The first connection counts as joining."""
        return self._with_fields({"presence": Presence.CONNECTED, "since": at, "joined_at": self.joined_at or at})

    def away(self, at: datetime) -> Self:
        """This participant, away from `at` on."""
        return self._with_fields({"presence": Presence.AWAY, "since": at})

    def left(self, at: datetime) -> Self:
        """This participant, who left the conversation at `at`."""
        return self._with_fields({"left_at": at})


class Item(Value):
    """One entry of a transcript. `seq` orders a conversation's items; `at` increases strictly with it (milliseconds)."""

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


class Notice(Value):
    """Something for the sockets alone, which no transcript keeps: `item` has no number. `to` is one participant's id."""

    item: Item
    to: str | None = None
