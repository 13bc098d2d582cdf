"""Check of a queue's opening hours."""

from __future__ import annotations

from datetime import UTC, datetime

from domain.errors import MalformedRequest
from runtime.hours import for_people, opening
from runtime.instances import Instance


def require_open(instance: Instance, queue: str, member: str) -> None:
    """Check that a queue is open now. A queue without opening hours is always open.

    Raises:
        MalformedRequest: the queue is closed. The message begins with `member`, and says when the queue opens.
    """
    schedule = instance.schedule(queue)
    if schedule is None:
        return
    now = opening(schedule, datetime.now(UTC))
    if not now.open:
        until = f" until {for_people(schedule, now.until)}" if now.until else ""
        raise MalformedRequest(f"{member}: the queue {queue!r} is closed{until}.")
