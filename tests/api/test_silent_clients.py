"""A client that answers no pings: the application learns at once since when it is silent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import uvicorn
from websockets.asyncio.client import connect

from api.websocket_protocol import ChatSocketProtocol
from realtime.socket import SILENT_SINCE
from tests.chatjs.proxy import Proxy

SECONDS = 0.3
"""The interval of the pings, and the time to answer one."""

Event = MutableMapping[str, Any]


@asynccontextmanager
async def served(events: asyncio.Queue[Event]) -> AsyncGenerator[int]:
    """Serve an application that accepts every socket and keeps the events. Yields the port."""

    async def app(_: Event, receive: Callable[[], Awaitable[Event]], send: Callable[[Event], Awaitable[None]]) -> None:
        while (event := await receive())["type"] != "websocket.disconnect":
            if event["type"] == "websocket.connect":
                await send({"type": "websocket.accept"})
            await events.put(event)
        await events.put(event)

    config = uvicorn.Config(
        app,
        port=0,
        lifespan="off",
        log_config=None,
        ws=ChatSocketProtocol,
        ws_ping_interval=SECONDS,
        ws_ping_timeout=SECONDS,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving


async def next_of(events: asyncio.Queue[Event], kind: str) -> Event:
    async with asyncio.timeout(10):
        while (event := await events.get())["type"] != kind:
            pass
    return event


async def test_application_learns_since_when_a_client_is_silent() -> None:
    events: asyncio.Queue[Event] = asyncio.Queue()
    async with served(events) as port, Proxy(port) as proxy:
        async with connect(proxy.url.replace("http", "ws")) as client:
            await client.send("hello")
            await next_of(events, "websocket.receive")
            heard = datetime.now(UTC)
            proxy.freeze()
            event = await next_of(events, "websocket.disconnect")
            noticed = datetime.now(UTC)
        assert abs((event[SILENT_SINCE] - heard).total_seconds()) < SECONDS / 2
        assert (noticed - heard).total_seconds() > SECONDS


async def test_client_that_closes_its_socket_is_not_silent() -> None:
    events: asyncio.Queue[Event] = asyncio.Queue()
    async with served(events) as port:
        async with connect(f"ws://127.0.0.1:{port}"):
            await next_of(events, "websocket.connect")
        assert SILENT_SINCE not in await next_of(events, "websocket.disconnect")
