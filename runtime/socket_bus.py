"""A bus between a process and its child processes, over one socket pair for each child."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import cast

from runtime.bus import Announcement, LocalBus, decoded, encoded

logger = logging.getLogger(__name__)

MAX_UNSENT_BYTES = 16 * 1024 * 1024
"""How much may wait for a process that does not read. Further announcements to it are dropped until it has read."""


class SocketBus(LocalBus):
    """A bus within this process and to the processes that are attached to it. What one of them announces, the others get too."""

    def __init__(self) -> None:
        super().__init__()
        self._peers: set[_Peer] = set()

    async def announce(self, announcement: Announcement) -> None:
        """Call the listeners of this process before returning. Other processes get the announcement soon after."""
        await super().announce(announcement)
        if self._peers:
            self._send(encoded(announcement), self._peers)

    async def attach(self, peer: socket.socket, on_lost: Callable[[], None] | None = None) -> None:
        """Exchange announcements over a connected stream socket.

        Args:
            peer: the socket. It belongs to the bus from now on, and `stop` closes it.
            on_lost: called when the other process closes the connection or ends.
        """
        peer.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.create_unix_connection(lambda: _Peer(self._peers, self._receive, on_lost), sock=peer)

    async def stop(self) -> None:
        """Close the connections."""
        while self._peers:
            self._peers.pop().transport.close()

    def _receive(self, line: bytes, sender: _Peer) -> None:
        if others := self._peers - {sender}:
            self._send(line, others)
        announcement = decoded(line)
        for listener in self._listeners:
            listener(announcement)

    @staticmethod
    def _send(line: bytes, peers: set[_Peer]) -> None:
        for peer in peers:
            peer.send(line)


class _Peer(asyncio.Protocol):
    """The connection to one process. Announcements are lines."""

    transport: asyncio.Transport

    def __init__(
        self, peers: set[_Peer], receive: Callable[[bytes, _Peer], None], on_lost: Callable[[], None] | None
    ) -> None:
        self._peers = peers
        self._receive = receive
        self._on_lost = on_lost
        self._begun = b""
        self._drops = False

    def send(self, line: bytes) -> None:
        """Send a line, unless too much waits."""
        drops = self.transport.get_write_buffer_size() > MAX_UNSENT_BYTES
        if drops and not self._drops:
            logger.warning("another process does not read its announcements; they are dropped until it does")
        self._drops = drops
        if not drops:
            self.transport.write(line + b"\n")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._peers.add(self)

    def data_received(self, data: bytes) -> None:
        *lines, self._begun = (self._begun + data).split(b"\n")
        for line in lines:
            self._receive(line, self)

    def connection_lost(self, exc: Exception | None) -> None:
        closed_here = self not in self._peers
        self._peers.discard(self)
        if self._on_lost and not closed_here:
            self._on_lost()
