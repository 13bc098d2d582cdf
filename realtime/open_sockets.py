"""The sockets of a process: how many each client has, and their hand-over to other processes when this one stops."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Generator, Hashable
from contextlib import contextmanager
from datetime import timedelta
from math import ceil
from typing import Protocol

from domain.errors import TooFast, Unavailable

HEAD_START_SECONDS = 0.05
"""How long before a socket is closed the other processes learn where its client resumes. It reconnects within about 5 ms."""

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

    def __init__(self, limit: int | None = None) -> None:
        """Begin without sockets. `limit`: how many there may be; None: any number."""
        self._sockets: set[HeldSocket] = set()
        self._by_client: Counter[Hashable] = Counter()
        self._counted = 0
        self._limit = limit

    def __len__(self) -> int:
        return len(self._sockets)

    def count_of(self, client: Hashable) -> int:
        """The number of sockets of a client, also of those that are not open yet."""
        return self._by_client[client]

    @contextmanager
    def counted(self, client: Hashable, limit: int) -> Generator[None]:
        """Count a socket from its handshake to its end. `limit`: how many the client may have.

        Raises:
            TooFast: the client has as many.
            Unavailable: the process has as many as it may have.
        """
        if self._by_client[client] >= limit:
            raise TooFast(f"The client has {limit} WebSockets, which is the limit.")
        if self._limit is not None and self._counted >= self._limit:
            raise Unavailable("This process has as many WebSockets as it may have. Try again later.")
        self._by_client[client] += 1
        self._counted += 1
        try:
            yield
        finally:
            self._counted -= 1
            self._by_client[client] -= 1
            if not self._by_client[client]:
                del self._by_client[client]

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
