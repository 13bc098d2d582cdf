"""What a conversation reports to the audit log."""

from __future__ import annotations

from datetime import datetime

from domain.value import Value


class OperatorSignal(Value):
    """A signal that a person has sent by hand. It names the signal and its author, and has no content."""

    instance: str
    contact_id: str
    kind: str
    by: str
    at: datetime
    refused: bool
