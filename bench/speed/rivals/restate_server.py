"""Restate with a virtual object for each chat: its server, its handlers, and the load over HTTP."""

from __future__ import annotations

import asyncio
import os
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from time import perf_counter
from uuid import uuid4

import aiohttp

from bench.speed.measurements import Load
from bench.speed.rivals.installation import install_python_packages, install_restate_server
from bench.speed.rivals.rival import Rival
from tests.stack import free_ports

GOAL = 0.7
READY_SECONDS = 30

# as the product does by default, it does not wait for the disk
SETTINGS = {
    "RESTATE_BIFROST__LOCAL__ROCKSDB_DISABLE_WAL_FSYNC": "true",
    "RESTATE_LOG_SERVER__ROCKSDB_DISABLE_WAL_FSYNC": "true",
    "RESTATE_METADATA_SERVER__ROCKSDB_DISABLE_WAL_FSYNC": "true",
    "RESTATE_DISABLE_TELEMETRY": "true",
    "RESTATE_LISTEN_MODE": "tcp",
    "RESTATE_LOG_FILTER": "error",
}


@asynccontextmanager
async def restate(folder: Path) -> AsyncGenerator[Rival, None]:
    """Run Restate.

    Raises:
        NotInstalled: it cannot be installed.
    """
    server = await asyncio.to_thread(install_restate_server)
    python = await asyncio.to_thread(install_python_packages)
    ingress, admin, node, handlers = free_ports(4)
    addresses = {
        "RESTATE_INGRESS__BIND_ADDRESS": f"127.0.0.1:{ingress}",
        "RESTATE_ADMIN__BIND_ADDRESS": f"127.0.0.1:{admin}",
        "RESTATE_BIND_ADDRESS": f"127.0.0.1:{node}",
    }
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(
            _process([str(server), "--base-dir", str(folder / "restate"), "--no-logo"], {**SETTINGS, **addresses})
        )
        await stack.enter_async_context(
            _process([str(python), str(Path(__file__).parent / "services/restate_chat.py"), str(handlers)])
        )
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        await _register(http, f"http://127.0.0.1:{admin}/deployments", f"http://127.0.0.1:{handlers}")

        async def load(chats: int, messages: int) -> Load:
            return await _load(http, f"http://127.0.0.1:{ingress}/Chat", chats, messages)

        yield Rival("Restate, a virtual object a chat", GOAL, load)


async def _load(http: aiohttp.ClientSession, objects: str, chats: int, messages: int) -> Load:
    """Call the handlers. An answer says that the message is counted."""
    run = uuid4().hex[:8]

    async def send_all(number: int) -> None:
        for count in range(1, messages + 1):
            async with http.post(f"{objects}/{run}-{number}/message", json=f"message {count}") as response:
                assert await response.json() == count, "a message is missing or doubled"

    began = perf_counter()
    await asyncio.gather(*(send_all(number) for number in range(chats)))
    seconds = perf_counter() - began
    return Load(chats * messages, seconds, seconds, {})


async def _register(http: aiohttp.ClientSession, deployments: str, handlers: str) -> None:
    async with asyncio.timeout(READY_SECONDS):
        while True:
            try:
                async with http.post(deployments, json={"uri": handlers}) as response:
                    if response.ok:
                        return
            except aiohttp.ClientError:
                pass  # the server or the handlers do not listen yet
            await asyncio.sleep(0.1)


@asynccontextmanager
async def _process(command: list[str], environment: dict[str, str] | None = None) -> AsyncGenerator[None, None]:
    process = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, **(environment or {})}, stdout=DEVNULL, stderr=DEVNULL
    )
    try:
        yield
    finally:
        process.kill()
        await process.wait()
