"""The only Temporal timer of a conversation. It ends at the nearest deadline or earlier, and is then set again.

To set a timer again with every message would add two events to the history each time. This timer is set again only when the
nearest deadline becomes earlier.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from temporalio import workflow

from workflows import operator_details
from workflows.timers import Deadline


class DeadlineTimer:
    """Wakes the workflow no later than the nearest deadline."""

    def __init__(self, nearest: Callable[[], Deadline | None]) -> None:
        self._nearest = nearest
        self._set_for: Deadline | None = None
        self._sleep: asyncio.Task[None] | None = None

    def is_due(self) -> bool:
        """Whether the nearest deadline has passed."""
        deadline = self._nearest()
        return deadline is not None and deadline.due <= workflow.now()

    def set(self) -> None:
        """Set the timer for the nearest deadline, unless the present timer ends at that instant or earlier."""
        deadline = self._nearest()
        if deadline is None or deadline.due <= workflow.now():
            return
        if self._set_for and self._set_for.due <= deadline.due:
            return
        if self._sleep:
            self._sleep.cancel()
        self._set_for = deadline
        self._sleep = asyncio.create_task(self._sleep_until(deadline))

    async def _sleep_until(self, deadline: Deadline) -> None:
        await workflow.sleep(deadline.due - workflow.now(), summary=operator_details.deadline_summary(deadline))
        self._sleep = self._set_for = None
        self.set()
