"""Participants: the parties of a conversation."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from domain.value import Value


class Role(StrEnum):
    """Roles of participants (`ParticipantRole` on the wire)."""

    CUSTOMER = "CUSTOMER"
    AGENT = "AGENT"
    SYSTEM = "SYSTEM"
    CUSTOM_BOT = "CUSTOM_BOT"
    SUPERVISOR = "SUPERVISOR"


class ParticipantPresence(StrEnum):
    """Whether a participant's client is connected to the chat. `AWAITED`: it has not connected yet.

    Not the agent status, which says whether an agent takes chats at all.
    """

    AWAITED = "awaited"
    CONNECTED = "connected"
    AWAY = "away"


class ParticipantTimer(StrEnum):
    """What a participant timer does when it fires (`TimerType` on the wire)."""

    IDLE = "IDLE"
    DISCONNECT_NONCUSTOMER = "DISCONNECT_NONCUSTOMER"


class Participant(Value):
    """One party of a conversation. `user` names the agent; None for all others."""

    id: str
    role: Role
    name: str
    user: str | None = None
    presence: ParticipantPresence = ParticipantPresence.AWAITED
    joined_at: datetime | None = None
    left_at: datetime | None = None
