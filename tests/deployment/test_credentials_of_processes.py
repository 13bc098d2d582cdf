"""Credentials in several API processes: good once is once in all of them, and what is revoked in one is revoked in all."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
import websockets
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.api.signing import SignedRequest
from tests.deployment.test_processes import administer, deployed, post, start_chat
from tests.workflows.engine import eventually

pytestmark = pytest.mark.chaos

SIGN_IN = {"instance": "demo", "user": "a1"}


@pytest.fixture
async def urls(tmp_path: Path) -> AsyncGenerator[tuple[str, str]]:
    """The addresses of two API processes, and a worker beside them."""
    async with deployed(tmp_path, 2) as deployment:
        with ExitStack() as processes:
            for process in (deployment.worker(), deployment.api(0), deployment.api(1)):
                processes.enter_context(process)
            await deployment.ready()
            here, there = deployment.urls
            yield here, there


async def status(url: str, method: str, path: str, token: str) -> int:
    async with httpx.AsyncClient() as http:
        answer = await http.request(method, url + path, headers={"Authorization": f"Bearer {token}"})
    return answer.status_code


async def ticket(url: str, token: str) -> str:
    async with httpx.AsyncClient() as http:
        headers = {"Authorization": f"Bearer {token}"}
        answer = await http.post(f"{url}/v1/agent/socket-ticket", headers=headers)
    return answer.raise_for_status().json()["ticket"]


async def desk_is_open(url: str, token: str) -> bool | None:
    return True if await status(url, "GET", "/v1/agent", token) == 200 else None


async def handshake(url: str) -> int:
    """The status of a handshake: 101 when the socket opens."""
    try:
        async with websockets.connect(url):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


async def test_what_is_good_once_is_good_once_in_all_processes(urls: tuple[str, str]) -> None:
    here, there = urls
    chat = await start_chat(here)
    answer = await post(here, "connection", chat["ParticipantToken"], {"Type": ["WEBSOCKET"]})
    socket_url = answer["Websocket"]["Url"]
    moved = socket_url.replace(here.partition("//")[2], there.partition("//")[2])
    assert moved != socket_url
    assert [await handshake(url) for url in (moved, socket_url, moved)] == [101, 403, 403]

    token = (await administer(here, "POST", "/v1/agents/sign-in", SIGN_IN))["token"]
    await eventually(lambda: desk_is_open(here, token), "desk", seconds=30)
    query = f"/v1/agent/socket?ticket={await ticket(here, token)}"
    desks = [url.replace("http", "ws") + query for url in (there, here)]
    assert [await handshake(url) for url in desks] == [101, 403]

    body = b'{"InstanceId": "demo", "ContactFlowId": "live", "ParticipantDetails": {"DisplayName": "Ada"}}'
    # a front passes on the host for which a client has signed
    signed = SignedRequest("PUT", "/contact/chat", body=body, host=here.partition("//")[2])
    headers = signed.all_headers()
    async with httpx.AsyncClient() as http:
        answers = [await http.put(url + signed.path, content=body, headers=headers) for url in (there, here)]
    assert [answer.status_code for answer in answers] == [200, 403]


async def test_agent_who_is_taken_out_in_one_process_is_gone_in_all(urls: tuple[str, str]) -> None:
    here, there = urls
    chat = await start_chat(here)
    token = (await administer(here, "POST", "/v1/agents/sign-in", SIGN_IN))["token"]
    await eventually(lambda: desk_is_open(there, token), "desk", seconds=30)
    assign = f"/contacts/demo/{chat['ContactId']}/associate-user"
    await administer(here, "POST", assign, {"UserId": "a1"})
    async with httpx.AsyncClient() as http:
        headers = {"Authorization": f"Bearer {token}"}
        joined = await http.post(f"{there}/v1/agent/contacts/{chat['ContactId']}/session", headers=headers)
    session = joined.raise_for_status().json()
    body = {"Type": ["CONNECTION_CREDENTIALS"], "ConnectParticipant": True}
    connection = await post(there, "connection", session["ParticipantToken"], body)
    own = connection["ConnectionCredentials"]["ConnectionToken"]
    await post(there, "transcript", own, {})
    async with websockets.connect(
        there.replace("http", "ws") + f"/v1/agent/socket?ticket={await ticket(there, token)}"
    ) as socket:
        await administer(here, "DELETE", "/v1/instances/demo/agents/a1")
        await administer(here, "POST", "/v1/instances/demo/agents/a1/reset")
        await administer(here, "POST", "/v1/agents/sign-in", SIGN_IN)
        with pytest.raises(ConnectionClosed):
            [frame async for frame in socket]
        assert socket.close_code == 4003
    assert await status(there, "GET", "/v1/agent", token) == 403

    async def is_refused() -> bool | None:
        async with httpx.AsyncClient() as http:
            sent = await http.post(f"{there}/participant/transcript", json={}, headers={"X-Amz-Bearer": own})
        return True if sent.status_code == 403 else None

    await eventually(is_refused, "the agent's connection token is refused", seconds=10)
