"""Contacts: the successive parts of a conversation. A transfer, a release and a survey begin another contact."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Self

from domain.value import Value


class InitiationMethod(StrEnum):
    """The cause of a contact (`InitiationMethod` on the wire). `DISCONNECT`: the disconnect flow, which runs the survey."""

    API = "API"
    TRANSFER = "TRANSFER"
    DISCONNECT = "DISCONNECT"


class EndReason(StrEnum):
    """Why a contact or a conversation ended. Operators read and filter by the value."""

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
    WORKFLOW_GONE = "workflow gone"


class Contact(Value):
    """One contact of a conversation. Each contact has at most one agent.

    Attributes:
        last_seq: number of the contact's last transcript item; None for the latest contact of its conversation.
        wrapped_up_at: end of the agent's wrap-up; None before it, or without an agent.
    """

    id: str
    initiation_method: InitiationMethod = InitiationMethod.API
    previous_contact_id: str | None = None
    queue: str | None = None
    initiated_at: datetime
    enqueued_at: datetime | None = None
    agent_user: str | None = None
    agent_connected_at: datetime | None = None
    ended_at: datetime | None = None
    end_reason: EndReason | None = None
    wrapped_up_at: datetime | None = None
    last_seq: int | None = None

    def ended(self, at: datetime, reason: EndReason, last_seq: int) -> Self:
        """Returns this contact as ended, because another contact follows it."""
        return self._with_fields({"ended_at": at, "end_reason": reason, "last_seq": last_seq})

    def wrapped_up(self, at: datetime | None) -> Self:
        """Returns this contact with the end of its wrap-up. `at` is None while the wrap-up continues."""
        return self._with_fields({"wrapped_up_at": at})
