"""The Temporal timers of a conversation. The next one fires at the nearest deadline or earlier, and is then set again.

To set a timer again with every message would add events to the history each time. A timer is set only when the nearest deadline
becomes earlier than every timer. The later timers stay and are used in their turn.

No timer is ever cancelled, because of a fault of the SDK (1.35). When a local activity ends while the worker answers a query, its
marker is recorded together with the answer, but its result reaches the workflow in the next task. A replay delivers the result at
once. A timer that was set in the first task and cancelled after the result is then set and cancelled in one task, which yields no
command for its events. So the replay fails, and the conversation stands still. See `tests/workflows/test_queries.py`.

Since version 6 of the rules only the loop of the workflow sets timers. A worker that takes a run over can receive tasks that led
to nothing together with the task of a command. A timer then fires after the command, but before it in a replay. So a
timer that was set at once when another one fired had another place in the replay. See `tests/workflows/test_merged_tasks.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from temporalio import workflow

from workflows import operator_details
from workflows.timers import Deadline


class DeadlineTimer:
    """Wakes the workflow no later than the nearest deadline.

    Args:
        nearest: the nearest deadline; None if there is none.
        rules_version: that of the run.
    """

    def __init__(self, nearest: Callable[[], Deadline | None], rules_version: int) -> None:
        self._nearest = nearest
        self._rules_version = rules_version
        self.has_fired = False
        """Whether a timer has fired since the last `set`."""
        self._sleeps: dict[Deadline, asyncio.Task[None]] = {}

    def is_due(self) -> bool:
        """Whether the nearest deadline has passed."""
        deadline = self._nearest()
        return deadline is not None and deadline.due <= workflow.now()

    def set(self) -> None:
        """Set a timer for the nearest deadline, unless one fires as early."""
        self.has_fired = False
        deadline = self._nearest()
        if deadline is None or deadline.due <= workflow.now():
            return
        if any(other.due <= deadline.due for other in self._sleeps):
            return
        self._sleeps[deadline] = asyncio.create_task(self._sleep_until(deadline))

    async def _sleep_until(self, deadline: Deadline) -> None:
        await workflow.sleep(deadline.due - workflow.now(), summary=operator_details.deadline_summary(deadline))
        del self._sleeps[deadline]
        if self._rules_version < 6:
            self.set()
        else:
            self.has_fired = True
