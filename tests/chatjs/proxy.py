"""A TCP proxy in front of the server. A test can cut and restore its connections. It uses 127.0.0.1 only."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from typing import Self

HOST = "127.0.0.1"
CHUNK_BYTES = 65_536
RESET = struct.pack("ii", 1, 0)
WEBSOCKET_REQUEST = b"GET /participant/websocket"


class Proxy:
    """Forwards connections to a port. `websocket_requests` counts the WebSocket requests sent through it."""

    def __init__(self, target: int) -> None:
        self.websocket_requests = 0
        self._target = target
        self._intact = asyncio.Event()
        self._intact.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._frozen: set[asyncio.StreamWriter] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, HOST, 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server
        self._server.close()
        self.cut()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        """Return the URL of the proxy."""
        assert self._server
        return f"http://{HOST}:{self._server.sockets[0].getsockname()[1]}"

    def cut(self) -> None:
        """Reset every connection at both ends. New connections are accepted but wait until `restore`."""
        self._intact.clear()
        for peer in tuple(self._writers):
            # in Node, ChatJS reconnects after a reset only; after a normal close it gives up
            peer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            peer.transport.abort()

    def freeze(self) -> None:
        """Stop forwarding on the present connections without closing them. New connections are forwarded."""
        self._frozen |= self._writers

    def restore(self) -> None:
        """Forward again; waiting connections come first."""
        self._intact.set()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._forward(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._intact.wait()
            server_reader, server_writer = await asyncio.open_connection(HOST, self._target)
        except OSError:
            writer.transport.abort()
            return
        writers = {writer, server_writer}
        self._writers |= writers
        try:
            await asyncio.gather(self._copy(reader, server_writer), self._copy(server_reader, writer))
        finally:
            self._writers -= writers
            for peer in writers:
                peer.transport.abort()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK_BYTES):
                if writer in self._frozen:
                    continue
                self.websocket_requests += data.count(WEBSOCKET_REQUEST)
                writer.write(data)
                await writer.drain()
            if writer not in self._frozen:
                writer.write_eof()
