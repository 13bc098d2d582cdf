"""Limits of all connections of a process together. Each cuts off the client that takes longest."""

from __future__ import annotations

from asyncio import Transport

UNREAD_BYTES = 64_000_000
"""How many bytes of answers may wait for all clients of a process. Beyond that the client that reads longest is cut off."""

IDLE_CONNECTIONS = 5_000
"""How many connections of a process have no complete request. Beyond that the one that waits longest is cut off."""

INCOMPLETE_BYTES = 64_000_000
"""How many bytes of incomplete requests a process holds. Beyond that the connection whose request began first is cut off.

Bodies have 1 MB at most, and most have a few KB and arrive in one piece: so many bytes are room for 64 of the largest uploads, or
thousands of others, at once. The process takes about three times as much memory for them: parts are joined and copied."""

RELEASE = "perennial.release"
"""The key of the scope with the function to which an application that keeps no bodies tells how many bytes it has passed on."""


class UnreadAnswers:
    """The connections of a process whose clients have not read their answers, the oldest first."""

    def __init__(self, most: int = UNREAD_BYTES) -> None:
        self._most = most
        self._waiting: dict[Transport, None] = {}

    def add(self, transport: Transport) -> None:
        """Add a connection. Cuts off the oldest ones while there is too much."""
        self._waiting[transport] = None
        total = sum(each.get_write_buffer_size() for each in self._waiting)
        for oldest in list(self._waiting):
            if total <= self._most:
                return
            total -= oldest.get_write_buffer_size()
            oldest.abort()

    def remove(self, transport: Transport) -> None:
        """Remove a connection. Repeated calls do nothing."""
        self._waiting.pop(transport, None)


class IdleConnections:
    """The connections of a process without a complete request, and how many bytes they have sent of one."""

    def __init__(self, most: int = IDLE_CONNECTIONS, most_bytes: int = INCOMPLETE_BYTES) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._waiting: dict[Transport, None] = {}
        # by the beginning of the requests: the connection that waits longest may have begun its request just now
        self._received: dict[Transport, int] = {}
        self._all_received = 0

    def add(self, transport: Transport) -> None:
        """Add a connection. Cuts off the one that waits longest if there are too many."""
        self._waiting[transport] = None
        if len(self._waiting) > self._most:
            self._cut_off(next(iter(self._waiting)))

    def receive(self, transport: Transport, size: int) -> None:
        """Count bytes of an incomplete request. Cuts off those that began first while there are too many bytes."""
        self._received[transport] = self._received.get(transport, 0) + size
        self._all_received += size
        while self._all_received > self._most_bytes:
            self._cut_off(next(iter(self._received)))

    def release(self, transport: Transport, size: int) -> None:
        """Forget bytes that the process does not hold any more, because the application has passed them on."""
        held = self._received.get(transport, 0)
        self._all_received -= min(size, held)
        if held > size:
            self._received[transport] = held - size
        else:  # a connection of which nothing is held is not cut off
            self._received.pop(transport, None)

    def remove(self, transport: Transport) -> None:
        """Remove a connection, and forget its bytes. Repeated calls do nothing."""
        self._waiting.pop(transport, None)
        self._all_received -= self._received.pop(transport, 0)

    def _cut_off(self, transport: Transport) -> None:
        self.remove(transport)
        transport.abort()
