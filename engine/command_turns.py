"""Turns of commands: one command of a conversation at a time in each process, and agents and backends before customers.

Temporal takes few commands of a workflow at once, and refuses the others; while a customer repeats a command, those of the agent
would be among them. A process that lets them wait itself can choose.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from domain.errors import Throttled
from runtime.turns import is_given, turn_within

MAX_WAITING = 20
"""How many commands of one conversation wait, of agents and backends, and likewise of customers."""

WAIT_SECONDS = 10.0
"""How long a command waits for its turn."""

TOO_MANY = "Too many commands of this chat wait. Try again later."


class _Line:
    def __init__(self) -> None:
        self._first = deque[asyncio.Future[None]]()
        self._last = deque[asyncio.Future[None]]()
        self._is_taken = False

    @property
    def is_idle(self) -> bool:
        return not self._is_taken

    async def enter(self, *, last: bool) -> None:
        if not self._is_taken:
            self._is_taken = True
            return
        waiting = self._last if last else self._first
        if len(waiting) >= MAX_WAITING:
            raise Throttled(TOO_MANY)
        turn = asyncio.get_running_loop().create_future()
        waiting.append(turn)
        try:
            await turn_within(turn, WAIT_SECONDS, TOO_MANY)
        except BaseException:
            if is_given(turn):
                self.leave()
            elif turn in waiting:
                waiting.remove(turn)
            raise

    def leave(self) -> None:
        for waiting in (self._first, self._last):
            while waiting:
                turn = waiting.popleft()
                if not turn.done():  # else its wait has just ended
                    turn.set_result(None)
                    return
        self._is_taken = False


class CommandTurns:
    """The commands of a process that are under way or wait, by conversation."""

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}

    def __len__(self) -> int:
        return len(self._lines)

    @asynccontextmanager
    async def turn(self, conversation_id: str, *, last: bool = False) -> AsyncGenerator[None]:
        """Wait for a turn, and hold it for the time of the block.

        Args:
            conversation_id: the conversation.
            last: whether all others go first that are not last, too.

        Raises:
            Throttled: too many wait, or the turn does not come within `WAIT_SECONDS`.
        """
        line = self._lines.setdefault(conversation_id, _Line())
        await line.enter(last=last)
        try:
            yield
        finally:
            line.leave()
            if line.is_idle:
                self._lines.pop(conversation_id, None)
