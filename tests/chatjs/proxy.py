"""A wire between a client and the server that a test can cut and mend. It carries bytes and knows 127.0.0.1 only."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from typing import Self

HOST = "127.0.0.1"
BYTES = 65_536
RESET = struct.pack("ii", 1, 0)
DIAL = b"GET /participant/websocket"


class Proxy:
    """Listens in front of a port. `dialled` counts the WebSockets that were asked for through it."""

    def __init__(self, target: int) -> None:
        self.dialled = 0
        self._target = target
        self._whole = asyncio.Event()
        self._whole.set()
        self._carriers: set[asyncio.Task[None]] = set()
        self._frozen: set[asyncio.StreamWriter] = set()
        self._ends: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, HOST, 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server
        self._server.close()
        self.cut()
        for carrier in tuple(self._carriers):
            carrier.cancel()
        await asyncio.gather(*self._carriers, return_exceptions=True)

    @property
    def url(self) -> str:
        """Where to go instead of the server."""
        assert self._server
        return f"http://{HOST}:{self._server.sockets[0].getsockname()[1]}"

    def cut(self) -> None:
        """Resets every connection, at both of its ends. Who comes now is let in, and waits."""
        self._whole.clear()
        for end in tuple(self._ends):
            # a mere close would let ChatJS give up: in Node it tries again after a reset only
            end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            end.transport.abort()

    def freeze(self) -> None:
        """Carries nothing more on the connections there are, which nobody is told; new ones are carried."""
        self._frozen |= self._ends

    def mend(self) -> None:
        """Carries again, those who have waited first."""
        self._whole.set()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        carrier = asyncio.create_task(self._carry(reader, writer))
        self._carriers.add(carrier)
        carrier.add_done_callback(self._carriers.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._whole.wait()
            far_reader, far_writer = await asyncio.open_connection(HOST, self._target)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, far_writer}
        self._ends |= ends
        try:
            await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
        finally:
            self._ends -= ends
            for end in ends:
                end.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(BYTES):
                if writer in self._frozen:
                    continue
                self.dialled += data.count(DIAL)
                writer.write(data)
                await writer.drain()
            if writer not in self._frozen:
                writer.write_eof()
