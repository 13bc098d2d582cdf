"""Refusing what a closed queue does not take."""

from __future__ import annotations

from datetime import UTC, datetime

from domain.errors import MalformedRequest
from runtime.hours import for_people, opening
from runtime.instances import Instance


def refuse_if_closed(instance: Instance, queue: str, member: str) -> None:
    """Lets pass what asks for a queue that is open now.

    Raises:
        MalformedRequest: it is closed; the message begins with the member that asked for it, and says until when.
    """
    schedule = instance.schedule(queue)
    if schedule is None:
        return
    now = opening(schedule, datetime.now(UTC))
    if not now.open:
        until = f" until {for_people(schedule, now.until)}" if now.until else ""
        raise MalformedRequest(f"{member}: the queue {queue!r} is closed{until}.")
