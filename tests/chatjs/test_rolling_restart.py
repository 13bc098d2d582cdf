"""Two API processes behind the front restart one after the other during chats: nobody notices it."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import postgres
from tests.chatjs.browser import ChromiumTab, running_chromium, served_page
from tests.chatjs.chats import Backend, Chat
from tests.chatjs.driver import Tab
from tests.chatjs.front import running_front
from tests.chatjs.session import Session
from tests.deployment.test_processes import answers
from tests.stack import TOKEN_KEYS, Stack, free_ports, run_process
from tests.workflows.engine import eventually
from tests.workflows.server import time_skipping_server

PAUSE_SECONDS = 0.15
STOP_SECONDS = 25
"""The default of `PERENNIAL_STOP_TIME`."""

WITHOUT_CONTENT = ["application/vnd.amazonaws.connect.event.participant.joined"] * 2


@dataclass
class Deployment:
    """A worker and two API processes behind the front."""

    url: str
    _folder: Path
    _environment: dict[str, str]
    _ports: list[int]
    _processes: AsyncExitStack
    _apis: list[subprocess.Popen[bytes]]

    async def start_api(self, number: int) -> None:
        """Start an API process, and wait until it answers."""
        port = self._ports[number]
        variables = {**self._environment, "PERENNIAL_API_PORT": str(port)}
        process = self._processes.enter_context(run_process("api", self._folder, variables))
        self._apis[number:] = [process, *self._apis[number + 1 :]]
        await eventually(lambda: answers(f"http://127.0.0.1:{port}"), "the API answers", seconds=60)

    async def restart_api(self, number: int) -> None:
        """Stop an API process as a platform does, and start it again."""
        process = self._apis[number]
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, STOP_SECONDS) == 0
        await self.start_api(number)


@pytest.fixture
async def deployment(tmp_path: Path) -> AsyncGenerator[Deployment]:
    ports = free_ports(2)
    async with AsyncExitStack() as processes:
        database = await processes.enter_async_context(postgres.database(processes.enter_context(postgres.server())))
        temporal = await processes.enter_async_context(time_skipping_server(tmp_path))
        environment = {
            "TEMPORAL_ADDRESS": temporal.client.service_client.config.target_host,
            "PERENNIAL_STORE_URL": database,
            "PERENNIAL_TOKEN_KEYS": TOKEN_KEYS,
            "PERENNIAL_STOP_NOTICE": "PT2S",
        }
        front = processes.enter_context(running_front(tmp_path, [f"127.0.0.1:{port}" for port in ports]))
        processes.enter_context(run_process("worker", tmp_path, environment))
        running = Deployment(front, tmp_path, environment, ports, processes, [])
        for number in range(2):
            await running.start_api(number)
        yield running


@pytest.mark.chaos
@pytest.mark.timeout(300)
async def test_rolling_restart_breaks_no_session_and_loses_no_message(
    deployment: Deployment, chatjs: None, tmp_path: Path
) -> None:
    async def opened(name: str) -> Session:
        return await Tab.open(tmp_path / f"{name}.log")

    await restart_during_chats(deployment, tmp_path, opened, chats=2)


@pytest.mark.browser
@pytest.mark.timeout(300)
async def test_rolling_restart_breaks_no_session_of_a_browser_and_loses_no_message(
    deployment: Deployment, chatjs: None, tmp_path: Path
) -> None:
    """The sessions are pages of another origin than the API. They write at once, so they are the load, too."""
    with served_page() as address:
        async with running_chromium() as browser:

            async def opened(name: str) -> Session:
                return await ChromiumTab.open(browser, address, tmp_path / f"{name}.log")

            await restart_during_chats(deployment, tmp_path, opened, chats=6)


async def restart_during_chats(
    deployment: Deployment, folder: Path, opened: Callable[[str], Awaitable[Session]], chats: int
) -> None:
    """Restart both API processes while the customers and agents of some chats write. Nobody may notice it."""
    front = Stack(folder / "front")
    front.url = deployment.url
    backend = Backend(front)
    async with AsyncExitStack() as tabs:

        async def joined(name: str, details: dict[str, Any], type: str) -> Session:
            tab = await opened(f"{name}-{type}")
            tabs.push_async_callback(tab.close)
            await tab.create(deployment.url, details, type)
            await tab.connect()
            return tab

        tabs.callback(backend.close)
        begun = [backend.start() for _ in range(chats)]
        pairs = [
            (await joined(chat.contact, chat.customer, "CUSTOMER"), await joined(chat.contact, chat.agent, "AGENT"))
            for chat in begun
        ]
        done = asyncio.Event()
        writers = [asyncio.create_task(write(tab, done)) for pair in pairs for tab in pair]
        for number in range(2):
            await deployment.restart_api(number)
        done.set()
        sent = await asyncio.gather(*writers)
        for index, (chat, pair) in enumerate(zip(begun, pairs, strict=True)):
            await check(backend, chat, pair, sent[2 * index] + sent[2 * index + 1])
        lost = sum(tab.count("onConnectionLost") for pair in pairs for tab in pair)
        assert lost >= 2 * chats, "no session was handed over"


async def write(tab: Session, done: asyncio.Event) -> list[str]:
    """Send messages until the restarts are done. Return their ids."""
    sent: list[str] = []
    while not done.is_set():
        sent.append(await tab.send(f"message {len(sent)}"))
        await asyncio.sleep(PAUSE_SECONDS)
    return sent


async def check(backend: Backend, chat: Chat, pair: tuple[Session, Session], sent: list[str]) -> None:
    """Compare the transcript and what both tabs have received with what was sent."""
    await eventually(lambda: _has_all(backend, chat, sent), "every message is recorded", seconds=30)
    transcript = backend.transcript(chat)
    messages = [item["Id"] for item in transcript if item["Type"] == "MESSAGE"]
    assert Counter(messages) == Counter(sent)
    assert [item["ContentType"] for item in transcript if item["Type"] == "EVENT"] == WITHOUT_CONTENT
    for tab in pair:
        await tab.wait_for("onMessage", lambda item: item["Id"] == messages[-1])
        received = [item["Id"] for item in tab.items() if item["Type"] == "MESSAGE"]
        assert received == messages
        assert tab.count("onConnectionBroken") == 0
        assert tab.count("onEnded") == 0


async def _has_all(backend: Backend, chat: Chat, sent: list[str]) -> bool | None:
    return set(sent) <= {item["Id"] for item in await asyncio.to_thread(backend.transcript, chat)} or None
