"""Separate processes: a worker and two API processes that share a Temporal server and a PostgreSQL store."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncGenerator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets
from websockets.asyncio.client import ClientConnection

from tests import postgres
from tests.stack import KEY_ID, SECRET, TOKEN_KEYS, free_ports, run_process
from tests.workflows.engine import eventually
from tests.workflows.server import time_skipping_server
from workflows.conversation import Conversation

pytestmark = pytest.mark.chaos

TYPING = "application/vnd.amazonaws.connect.event.typing"


@dataclass
class Deployment:
    """The addresses and the environment of the processes."""

    folder: Path
    environment: dict[str, str]
    urls: list[str]
    client: Any

    def api(self, number: int) -> Any:
        """Run one of the API processes for the time of the block."""
        port = self.urls[number].rpartition(":")[2]
        return run_process("api", self.folder, {**self.environment, "PERENNIAL_API_PORT": port})

    def worker(self) -> Any:
        """Run the worker for the time of the block."""
        return run_process("worker", self.folder, self.environment)

    async def ready(self) -> None:
        """Wait until all API processes answer."""
        for url in self.urls:
            await eventually(lambda url=url: answers(url), f"{url} answers", seconds=30)


@asynccontextmanager
async def deployed(folder: Path, processes: int, **settings: str) -> AsyncGenerator[Deployment]:
    """Provide a Temporal server, an empty store on PostgreSQL, and the addresses of some API processes."""
    with postgres.server() as server:
        async with postgres.database(server) as url, time_skipping_server(folder) as temporal:
            environment = {
                "TEMPORAL_ADDRESS": temporal.client.service_client.config.target_host,
                "PERENNIAL_STORE_URL": url,
                "PERENNIAL_TOKEN_KEYS": TOKEN_KEYS,
                **settings,
            }
            urls = [f"http://127.0.0.1:{port}" for port in free_ports(processes)]
            yield Deployment(folder, environment, urls, temporal.client)


@pytest.fixture
async def deployment(tmp_path: Path) -> AsyncGenerator[Deployment]:
    quick = {"PERENNIAL_PRESENCE_DEBOUNCE": "PT0.2S", "PERENNIAL_PRESENCE_LEASE": "PT1S"}
    async with deployed(tmp_path, 2, **quick) as deployment:
        yield deployment


async def test_two_api_processes_serve_one_conversation(deployment: Deployment) -> None:
    with ExitStack() as processes:
        for process in (deployment.worker(), deployment.api(0), deployment.api(1)):
            processes.enter_context(process)
        await deployment.ready()
        here, there = deployment.urls
        chat = await start_chat(here)
        async with await subscribe(here, chat) as first, await subscribe(there, chat) as second:
            token = await credentials(there, chat)
            sent = await post(there, "message", token, {"ContentType": "text/plain", "Content": "to all processes"})
            for socket in (first, second):
                assert (await frame(socket, Type="MESSAGE"))["Id"] == sent["Id"]
            await post(here, "event", token, {"ContentType": TYPING})
            for socket in (first, second):
                await frame(socket, ContentType=TYPING)


async def test_participants_of_a_killed_api_process_become_away(deployment: Deployment) -> None:
    with ExitStack() as processes:
        processes.enter_context(deployment.worker())
        killed = processes.enter_context(deployment.api(0))
        processes.enter_context(deployment.api(1))
        await deployment.ready()
        chat = await start_chat(deployment.urls[0])
        socket = await subscribe(deployment.urls[0], chat)
        await frame(socket, ContentType="application/vnd.amazonaws.connect.event.participant.joined")
        killed.send_signal(signal.SIGKILL)
        await presence(deployment, chat, "away")
        async with await subscribe(deployment.urls[1], chat):
            await presence(deployment, chat, "connected")


async def test_messages_are_accepted_while_no_worker_runs(deployment: Deployment) -> None:
    with deployment.api(0):
        await eventually(lambda: answers(deployment.urls[0]), "the API answers", seconds=30)
        chat = await start_chat(deployment.urls[0])
        token = await credentials(deployment.urls[0], chat)
        for number in range(5):
            await post(deployment.urls[0], "message", token, {"ContentType": "text/plain", "Content": str(number)})
        with deployment.worker():

            async def recorded() -> list[str] | None:
                page = await post(deployment.urls[0], "transcript", token, {"SortOrder": "ASCENDING"})
                contents = [item["Content"] for item in page["Transcript"] if item["Type"] == "MESSAGE"]
                return contents if len(contents) == 5 else None

            assert await eventually(recorded, "all messages are recorded", seconds=30) == ["0", "1", "2", "3", "4"]


async def test_configuration_change_in_one_process_applies_in_all(deployment: Deployment) -> None:
    """Both APIs use it, the worker passes it to conversations, and an API that starts later uses it too."""
    path, agent = "/v1/instances/demo/agents/new", {"name": "New"}
    workstream = {"mode": "live", "queue": "live", "open_age": "PT2H"}
    here, there = deployment.urls
    with ExitStack() as processes:
        processes.enter_context(deployment.worker())
        processes.enter_context(deployment.api(0))
        with deployment.api(1):
            await deployment.ready()
            chat = await start_chat(here)
            assert await administer(here, "PUT", "/v1/instances/demo/workstreams/live", workstream) == workstream
            await administer(there, "PUT", path, agent)
            assert await administer(here, "GET", path) == agent
            signed_in = {"instance": "demo", "user": "new"}
            await eventually(
                lambda: administered(here, "POST", "/v1/agents/sign-in", signed_in), "the new agent can sign in"
            )
        with deployment.api(1):
            await deployment.ready()
            await administer(there, "POST", "/v1/agents/sign-in", signed_in)
        token = await credentials(here, chat)
        handle = deployment.client.get_workflow_handle(chat["ContactId"])

        async def policy_applies() -> bool | None:
            await post(here, "message", token, {"ContentType": "text/plain", "Content": "Still there?"})
            return True if (await handle.query(Conversation.status)).policy.open_age == timedelta(hours=2) else None

        await eventually(policy_applies, "the conversation has the new policy")


async def administer(url: str, method: str, path: str, body: Any = None) -> Any:
    async with httpx.AsyncClient() as http:
        answer = await http.request(method, url + path, json=body, headers={"Authorization": f"Bearer {SECRET}"})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def administered(url: str, method: str, path: str, body: Any = None) -> Any:
    """Send a request of the administration. Return its answer, or None if it is refused."""
    try:
        return await administer(url, method, path, body)
    except AssertionError:
        return None


async def start_chat(url: str) -> dict[str, Any]:
    body = {"InstanceId": "demo", "ContactFlowId": "live", "ParticipantDetails": {"DisplayName": "Ada"}}
    async with httpx.AsyncClient() as http:
        answer = await http.put(f"{url}/contact/chat", json=body, headers={"Authorization": f"Bearer {SECRET}"})
    assert answer.status_code == 200, (KEY_ID, answer.text)
    return answer.json()


async def post(url: str, operation: str, token: str, body: dict[str, Any]) -> dict[str, Any]:
    async with httpx.AsyncClient() as http:
        answer = await http.post(f"{url}/participant/{operation}", json=body, headers={"X-Amz-Bearer": token})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def credentials(url: str, chat: dict[str, Any]) -> str:
    answer = await post(url, "connection", chat["ParticipantToken"], {"Type": ["CONNECTION_CREDENTIALS"]})
    return answer["ConnectionCredentials"]["ConnectionToken"]


async def subscribe(url: str, chat: dict[str, Any]) -> ClientConnection:
    answer = await post(url, "connection", chat["ParticipantToken"], {"Type": ["WEBSOCKET"]})
    socket = await websockets.connect(answer["Websocket"]["Url"])
    await socket.send(json.dumps({"topic": "aws/subscribe", "content": {"topics": ["aws/chat"]}}))
    assert json.loads(await socket.recv())["content"]["status"] == "success"
    return socket


async def frame(socket: ClientConnection, **members: str) -> dict[str, Any]:
    """Wait for the next item on a socket that has these members."""
    async with asyncio.timeout(20):
        while True:
            item = json.loads(json.loads(await socket.recv())["content"])
            if members.items() <= item.items():
                return item


async def presence(deployment: Deployment, chat: dict[str, Any], expected: str) -> None:
    """Wait until the customer's presence in the conversation is as expected."""
    handle = deployment.client.get_workflow_handle(chat["ContactId"])

    async def reached() -> bool | None:
        return True if (await handle.query(Conversation.status)).customer.presence == expected else None

    await eventually(reached, f"the customer is {expected}", seconds=30)


async def answers(url: str) -> bool | None:
    """True when the API answers, else None."""
    async with httpx.AsyncClient() as http:
        try:
            return (await http.get(f"{url}/healthz")).is_success or None
        except httpx.TransportError:
            return None
