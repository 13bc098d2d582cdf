"""An application, served as the API is served, and connections to it as bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from socket import SO_RCVBUF, SOL_SOCKET, socket

from fastapi import FastAPI, Request, Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from api.connection_limits import RELEASE
from api.server import serve
from realtime.socket import ClientSocket, Frame
from runtime.metrics import ApiMetrics
from runtime.settings import Settings

SECONDS = 0.5
"""The time limits of these tests."""

PATIENCE_SECONDS = 15.0
"""How long a client waits to be cut off. Without a limit it would wait for ever."""

LARGE = 8_000_000
"""Bytes of an answer: more than the buffers of two sockets hold."""

POST = b"POST /body HTTP/1.1\r\nhost: x\r\n"
CHUNKED = POST + b"transfer-encoding: chunked\r\n\r\n"
UPGRADE = (
    b"GET /socket HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
)
HANDSHAKE = UPGRADE + b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"


class Seen:
    """What the application has seen."""

    def __init__(self) -> None:
        self.headers: list[str] = []
        self.ended = asyncio.Event()
        self.passed_on = 0
        """How many bytes of a body the application has passed on."""
        self.is_full = False
        """Whether no more frames fit into the queue of the socket `answers`."""


@asynccontextmanager
async def served(seen: Seen) -> AsyncGenerator[int]:
    """Serve an application as the API is served. Yields the port."""
    app = FastAPI()

    @app.post("/body")
    async def body(request: Request) -> Response:
        received = await request.body()
        seen.headers = [name.decode() for name, _ in request.scope["headers"]]
        return Response(str(len(received)))

    @app.post("/streamed")
    async def streamed(request: Request) -> Response:
        size = 0
        async for piece in request.stream():
            size += len(piece)
            request.scope[RELEASE](len(piece))
            seen.passed_on = size
        return Response(str(size))

    @app.post("/late")
    async def late(request: Request) -> Response:
        await asyncio.sleep(4 * SECONDS)  # for so long nobody reads the body: the very thing that is tested
        return Response(str(len(await request.body())))

    @app.get("/large")
    async def large() -> Response:
        return Response(b"x" * LARGE)

    @app.websocket("/socket")
    async def accept(websocket: WebSocket) -> None:
        await websocket.accept()
        with suppress(WebSocketDisconnect):
            while True:
                await websocket.receive_text()
        seen.ended.set()

    @app.websocket("/answers")
    async def answers(websocket: WebSocket) -> None:
        client = ClientSocket(websocket, "a client", ApiMetrics().participant_sockets, max_bytes=20_000)

        answer = Frame("x" * 10_000)

        async def reply(_: str | None) -> None:
            seen.is_full = not client.frames.has_room(answer)
            await client.frames.reply(answer)

        async with client.opened():
            await client.read(reply)
        seen.ended.set()

    async with serve(app, Settings(api_port=0)) as running:
        yield running.port


@asynccontextmanager
async def connected(port: int) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def rest(reader: asyncio.StreamReader) -> bytes:
    """All that the server sends until it ends the connection."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        found = b""
        with suppress(ConnectionError):
            while part := await reader.read(65_536):
                found += part
        return found


async def send_all(writer: asyncio.StreamWriter, *parts: bytes) -> None:
    """Send until the server ends the connection."""
    with suppress(ConnectionError):
        for part in parts:
            writer.write(part)
            await writer.drain()


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def unread_request(port: int) -> socket:
    """Ask for a large answer, and do not read it."""
    client = socket()
    client.setsockopt(SOL_SOCKET, SO_RCVBUF, 4_096)
    client.connect(("127.0.0.1", port))
    client.sendall(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")
    return client
