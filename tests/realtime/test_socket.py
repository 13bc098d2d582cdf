"""One socket alone, with the network replaced by queues: order, overflow, the last frame, and the ends of a connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, MutableMapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from sys import getsizeof
from typing import Any

import pytest
from starlette.websockets import WebSocket

from realtime import socket as sockets
from realtime.socket import AGENT_REMOVED, ClientSocket, Frame, FrameQueue
from runtime.metrics import ApiMetrics

WAIT = 5
LATER = timedelta(hours=1)
METRICS = ApiMetrics().agent_sockets


class Network:
    """Both directions of a connection."""

    def __init__(self) -> None:
        self._to_server: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._to_client: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
        self.takes_frames = asyncio.Event()
        self.takes_frames.set()
        self.takes_a_close = asyncio.Event()
        self.takes_a_close.set()
        self._to_server.put_nowait({"type": "websocket.connect"})

    def websocket(self) -> WebSocket:
        return WebSocket({"type": "websocket"}, self._to_server.get, self._send)

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "websocket.send":
            await self.takes_frames.wait()
        if message["type"] == "websocket.close":
            await self.takes_a_close.wait()
        await self._to_client.put(message)

    def send_text(self, text: str) -> None:
        self._to_server.put_nowait({"type": "websocket.receive", "text": text})

    def hang_up(self) -> None:
        self._to_server.put_nowait({"type": "websocket.disconnect", "code": 1000})

    async def next(self) -> MutableMapping[str, Any]:
        async with asyncio.timeout(WAIT):
            return await self._to_client.get()

    async def texts(self, count: int) -> list[str]:
        return [(await self.next())["text"] for _ in range(count)]

    async def is_closed(self) -> tuple[int, str | None]:
        message = await self.next()
        assert message["type"] == "websocket.close"
        return message["code"], message.get("reason")


@pytest.fixture
async def network() -> Network:
    return Network()


@pytest.fixture
async def socket(network: Network) -> ClientSocket:
    return ClientSocket(network.websocket(), "a client", METRICS)


async def ignore(_: str | None) -> None:
    return


async def test_frames_are_sent_in_order_also_those_queued_before_the_socket_opens(
    network: Network, socket: ClientSocket
) -> None:
    socket.frames.put(Frame("first", seq=7))
    async with socket.opened():
        assert (await network.next())["type"] == "websocket.accept"
        socket.frames.put(Frame("second"))
        assert await network.texts(2) == ["first", "second"]
        assert socket.frames.sent == 7


async def test_frames_of_the_client_are_passed_on_until_it_hangs_up(network: Network, socket: ClientSocket) -> None:
    received: list[str | None] = []

    async def receive(text: str | None) -> None:
        received.append(text)
        await socket.frames.reply(Frame(f"re: {text}"))

    async with socket.opened():
        await network.next()
        reading = asyncio.create_task(socket.read(receive, expires_at=datetime.now(UTC) + LATER))
        network.send_text("a")
        network.send_text("b")
        assert await network.texts(2) == ["re: a", "re: b"]
        network.hang_up()
        await asyncio.wait_for(reading, WAIT)
    assert received == ["a", "b"]


async def test_socket_closes_some_time_after_the_last_frame(
    network: Network, socket: ClientSocket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "CLOSE_TIMEOUT_SECONDS", 0)
    async with socket.opened():
        await network.next()
        for frame in (Frame("last", last=True), Frame("never sent")):
            socket.frames.put(frame)
        assert await network.texts(1) == ["last"]
        assert await network.is_closed() == (1000, "")


async def test_socket_whose_client_reads_too_slowly_is_closed(network: Network) -> None:
    socket = ClientSocket(network.websocket(), "a client", METRICS, max_bytes=2 * getsizeof("0"))
    async with socket.opened():
        await network.next()
        network.takes_frames.clear()
        for number in range(10):
            socket.frames.put(Frame(f"{number}"))
        assert await network.is_closed() == (1013, "it lags too far behind")


@asynccontextmanager
async def stuck_socket(network: Network) -> AsyncGenerator[tuple[ClientSocket, asyncio.Task[None]]]:
    """A socket whose client sends several frames and reads no answers, and the task that reads from it."""
    socket = ClientSocket(network.websocket(), "a client", METRICS, max_bytes=1)

    async def receive(text: str | None) -> None:
        await socket.frames.reply(Frame("pong"))

    async with socket.opened():
        await network.next()
        network.takes_frames.clear()
        for _ in range(5):
            network.send_text("ping")
        yield socket, asyncio.create_task(socket.read(receive))


async def test_closed_socket_does_not_block_its_reader(network: Network) -> None:
    """Neither a reply that waits for room nor a later one keeps the reader from the end of the connection."""
    async with stuck_socket(network) as (socket, reading):
        await asyncio.sleep(0.05)
        assert not reading.done()
        socket.frames.put(Frame("too much"))
        for _ in range(5):
            network.send_text("ping")
        network.hang_up()
        await asyncio.wait_for(reading, WAIT)


async def test_client_that_reads_nothing_is_closed_in_time_also_when_nothing_more_is_queued(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its reader ends, too, although the client answers no close: the participant no longer counts as connected."""
    monkeypatch.setattr(sockets, "SEND_SECONDS", 0.1)
    monkeypatch.setattr(sockets, "CLOSE_TIMEOUT_SECONDS", 0.1)
    async with stuck_socket(network) as (_, reading):
        await asyncio.wait_for(reading, WAIT)
        assert await network.is_closed() == (1013, "it lags too far behind")


async def test_close_of_a_client_that_reads_nothing_has_a_limit(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "CLOSE_TIMEOUT_SECONDS", 0.1)
    network.takes_a_close.clear()
    socket = ClientSocket(network.websocket(), "a client", METRICS)
    async with asyncio.timeout(WAIT):
        async with socket.opened():
            await network.next()
            socket.close(AGENT_REMOVED)
            await socket.read(ignore)


async def test_waiting_frames_are_bounded_in_bytes() -> None:
    closed: list[None] = []
    frames = FrameQueue(lambda: closed.append(None))
    for _ in range(1_000):
        frames.put(Frame("x" * 10))
    assert closed == []
    for _ in range(1_000):
        frames.put(Frame("x" * 16_384))
    assert closed


async def test_socket_is_closed_once_and_with_its_first_reason(network: Network, socket: ClientSocket) -> None:
    async with socket.opened():
        await network.next()
        socket.close(AGENT_REMOVED)
        socket.close()
        assert await network.is_closed() == (4003, "the agent does not exist any more")


async def test_expired_token_closes_the_socket(network: Network, socket: ClientSocket) -> None:
    async with socket.opened():
        await network.next()
        await asyncio.wait_for(socket.read(ignore, expires_at=datetime.now(UTC)), WAIT)
        assert await network.is_closed() == (4001, "the agent token has expired")


async def test_timeout_of_a_handler_is_not_an_expired_token(network: Network, socket: ClientSocket) -> None:
    async def receive(text: str | None) -> None:
        raise TimeoutError("the store does not answer")

    async with socket.opened():
        network.send_text("a")
        with pytest.raises(TimeoutError, match="the store does not answer"):
            await socket.read(receive, expires_at=datetime.now(UTC) + LATER)


async def test_queue_drops_frames_after_it_is_closed() -> None:
    overflows: list[None] = []
    frames = FrameQueue(lambda: overflows.append(None), max_bytes=1)
    frames.put(Frame("one"))
    frames.put(Frame("two"))
    assert len(overflows) == 1
    frames.close()
    frames.put(Frame("three"))
    await frames.reply(Frame("four"))
    assert frames.empty()
    assert len(overflows) == 1
