"""Check of a queue's opening hours."""

from __future__ import annotations

from datetime import UTC, datetime

from configuration.schema.instances import InstanceSettings
from configuration.schema.opening_hours import local_time_text, opening_at
from domain.errors import MalformedRequest


def require_open_queue(instance: InstanceSettings, queue: str, member: str) -> None:
    """Check that a queue is open now. A queue without opening hours is always open.

    Raises:
        MalformedRequest: the queue is closed. The message begins with `member`, and says when the queue opens.
    """
    schedule = instance.schedule(queue)
    if schedule is None:
        return
    now = opening_at(schedule, datetime.now(UTC))
    if not now.open:
        until = f" until {local_time_text(schedule, now.until)}" if now.until else ""
        raise MalformedRequest(f"{member}: the queue {queue!r} is closed{until}.")
