"""A link: a TCP proxy between two parts, which can be slow, silent or cut."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import StrEnum

HOST = "127.0.0.1"
CHUNK_BYTES = 262_144
RESET = struct.pack("ii", 1, 0)

_GONE = (OSError, RuntimeError)
"""What a connection raises that is closed. uvloop raises a RuntimeError."""

Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


class Passage(StrEnum):
    """What a link does with what comes."""

    PASS = "pass"
    DELAY = "delay"
    """Everything is late by `Link.delay`."""
    HOLE = "hole"
    """Connections are accepted and stay open, and nothing passes, also no end of a connection. Later it passes in order."""
    CUT = "cut"
    """Connections are reset, new ones at once."""


class Link:
    """A proxy of its own port for one pair of parts."""

    def __init__(self, name: str, target: Connect) -> None:
        self.name = name
        self.delay = 0.0
        self._target = target
        self._passage = Passage.PASS
        self._passes = asyncio.Event()
        self._passes.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def open(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._accept, HOST, 0, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """End the proxy and all its connections."""
        if self._server:
            self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def turn(self, passage: Passage, delay: float = 0.0) -> None:
        """Change what the link does, for present and new connections."""
        self._passage, self.delay = passage, delay
        if passage is Passage.HOLE:
            self._passes.clear()
        else:
            self._passes.set()
        if passage is Passage.CUT:
            for writer in tuple(self._writers):
                _reset(writer)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._join(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._passage is Passage.CUT:
            _reset(writer)
            return
        try:
            await self._passes.wait()
            far_reader, far_writer = await self._target()
        except OSError:
            _reset(writer)
            return
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        writers = {writer, far_writer}
        self._writers |= writers
        try:
            await asyncio.gather(self._copy(reader, far_writer), self._copy(far_reader, writer))
        finally:
            self._writers -= writers
            for each in writers:
                each.transport.abort()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(*_GONE):
            while data := await reader.read(CHUNK_BYTES):
                if self._passage is Passage.DELAY:
                    await asyncio.sleep(self.delay)
                await self._passes.wait()
                writer.write(data)
                await writer.drain()
        await self._passes.wait()
        with suppress(*_GONE):
            writer.write_eof()


def to_port(port: int) -> Connect:
    """Connect to a port of this machine."""
    return lambda: asyncio.open_connection(HOST, port, limit=CHUNK_BYTES)


def to_file(path: str) -> Connect:
    """Connect to a socket in the file system."""
    return lambda: asyncio.open_unix_connection(path, limit=CHUNK_BYTES)


def _reset(writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()
