"""The one lazy timer of a conversation: it sleeps to the nearest deadline, and a timer that is merely too early may fire.

Setting a timer anew with every message would cost two events of history each time; this one costs two only when a
deadline moves nearer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from temporalio import workflow

from workflows import view
from workflows.timers import Deadline


class Alarm:
    """Wakes the workflow at the latest when the nearest deadline is due."""

    def __init__(self, nearest: Callable[[], Deadline | None]) -> None:
        self._nearest = nearest
        self._set_for: Deadline | None = None
        self._sleep: asyncio.Task[None] | None = None

    def is_due(self) -> bool:
        """Whether the nearest deadline has passed."""
        deadline = self._nearest()
        return deadline is not None and deadline.due <= workflow.now()

    def set(self) -> None:
        """Sets a timer for the nearest deadline, unless one runs that ends no later."""
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
        await workflow.sleep(deadline.due - workflow.now(), summary=view.deadline_summary(deadline))
        self._sleep = self._set_for = None
        self.set()
