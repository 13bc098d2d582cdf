"""The open sockets of a process, and their hand-over to other processes when this one stops."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from math import ceil
from typing import Protocol

HEAD_START_SECONDS = 0.05
"""How long before the close of a socket the other processes get to know where its client resumes. It is back after 5 ms."""

STEP_SECONDS = 0.1
FEWEST_IN_A_STEP = 5
"""How many sockets a step closes at least. A process opens about a hundred sockets per second (docs/performance.md)."""


class HeldSocket(Protocol):
    """An open socket that can be handed over."""

    async def hand_over(self) -> None:
        """Close the socket so that its client continues in another process."""
        ...


class OpenSockets:
    """The sockets that are open in this process."""

    def __init__(self) -> None:
        self._sockets: set[HeldSocket] = set()

    def __len__(self) -> int:
        return len(self._sockets)

    @contextmanager
    def holding(self, socket: HeldSocket) -> Generator[None]:
        """Count a socket as open for the time of the block."""
        self._sockets.add(socket)
        try:
            yield
        finally:
            self._sockets.discard(socket)

    async def hand_over(self, within: timedelta) -> None:
        """Hand all sockets over, spread over the time, because their clients come back at once. Few sockets take less time.

        Returns when no socket is open, or after the time. Sockets that open meanwhile are handed over, too.
        """
        clock = asyncio.get_running_loop()
        deadline = clock.time() + within.total_seconds()
        asked: set[HeldSocket] = set()
        while self._sockets and (left := deadline - clock.time()) > 0:
            remaining = list(self._sockets - asked)
            count = max(FEWEST_IN_A_STEP, ceil(len(remaining) * STEP_SECONDS / left))
            step = remaining[:count]
            asked.update(step)
            await asyncio.gather(*(socket.hand_over() for socket in step), asyncio.sleep(min(STEP_SECONDS, left)))
