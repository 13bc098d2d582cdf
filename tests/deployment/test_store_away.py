"""PostgreSQL freezes, or is stopped, under running processes: requests are refused in time, and all comes back by itself."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import Any

import httpx
import pytest
import websockets

from tests import postgres
from tests.deployment.test_probes import PROBE_SECONDS, worker_url
from tests.deployment.test_processes import TYPING, credentials, frame, post, start_chat, subscribe
from tests.postgres import OwnServer
from tests.stack import SECRET, Stack
from tests.workflows.engine import eventually

LIMIT_SECONDS = 14
"""8 s for a transaction, 2 s to end its connection, and room for a slow machine."""

BACK_SECONDS = 15
"""A poll is tried again after 5 s at most."""

READY_SECONDS = 30
"""The bus notices a frozen server after 10 s at most, and a loop that failed is tried again after 10 s at most."""


@dataclass
class Deployment:
    stack: Stack
    server: OwnServer


@pytest.fixture(scope="module")
async def deployment(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Deployment]:
    with ExitStack() as stack:
        server = stack.enter_context(postgres.own_server())
        async with postgres.database(server.url) as url:
            running = Stack(tmp_path_factory.mktemp("away"), {"PERENNIAL_STORE_URL": url})
            running.start()
            yield Deployment(running, server)
            running.stop()


OFFER_SECONDS = 2.5
"""The lease of routing is taken, and the offer made, within a look or two of one second each."""

OUTAGES, OUTAGE_SECONDS = 3, 9

AWAY: dict[str, tuple[Callable[[OwnServer], None], Callable[[OwnServer], None]]] = {
    "frozen": (OwnServer.freeze, OwnServer.thaw),
    "stopped": (OwnServer.stop, OwnServer.start),
}


async def ask(url: str, token: str) -> tuple[httpx.Response, float]:
    begun = time.monotonic()
    async with httpx.AsyncClient(timeout=60) as http:
        answer = await http.post(f"{url}/participant/transcript", json={}, headers={"X-Amz-Bearer": token})
    return answer, time.monotonic() - begun


@pytest.mark.timeout(240)
@pytest.mark.parametrize("how", AWAY)
async def test_requests_are_refused_in_time_and_everything_comes_back(deployment: Deployment, how: str) -> None:
    leave, come_back = AWAY[how]
    stack, url = deployment.stack, deployment.stack.url
    chat, agent = await start_chat(url), await sign_in(url)
    token = await credentials(url, chat)
    async with await subscribe(url, chat) as socket:
        await post(url, "message", token, {"ContentType": "text/plain", "Content": "before"})
        await frame(socket, Content="before")
        log_before, begun = len(stack.log()), time.monotonic()
        leave(deployment.server)
        try:
            async with asyncio.TaskGroup() as group:
                asked = [group.create_task(ask(url, token)) for _ in range(30)]
            answers = [await each for each in asked]
            sent = await post_during_outage(url, token)
        finally:
            come_back(deployment.server)
        away, back = time.monotonic() - begun, time.monotonic()
        for answer, seconds in answers:
            assert answer.status_code == 503, answer.text
            assert answer.headers["x-amzn-errortype"] == "InternalServerException"
            assert answer.headers["retry-after"]
            assert seconds < LIMIT_SECONDS
        await eventually(lambda: answered(url, token), "a request is answered", BACK_SECONDS)
        if sent:
            await frame(socket, Content="during")
        await post(url, "message", token, {"ContentType": "text/plain", "Content": "after"})
        await frame(socket, Content="after")
        await eventually(lambda: typed(url, token, socket), "the bus delivers", BACK_SECONDS)
        await start_chat(url)
        await eventually(lambda: offered(url, agent), "the dispatcher makes offers", BACK_SECONDS)
        log = stack.log()[log_before:]
        lines = [line for line in log.splitlines() if "the store does not answer" in line]
        assert len(lines) <= 2 * (away + time.monotonic() - back + 2), log  # two processes, one line a second
        assert "Application" not in log.replace("ApplicationError", "")
        assert " failed\nTraceback" not in log, log


async def test_socket_that_subscribes_while_the_store_is_away_is_closed(deployment: Deployment) -> None:
    stack = deployment.stack
    chat = await start_chat(stack.url)
    addresses = [
        (await post(stack.url, "connection", chat["ParticipantToken"], {"Type": ["WEBSOCKET"]}))["Websocket"]["Url"]
        for _ in range(2)
    ]
    async with websockets.connect(addresses[0]) as socket, websockets.connect(addresses[1]) as impatient:
        log_before = len(stack.log())
        deployment.server.freeze()
        try:
            for each in (impatient, socket):
                await each.send(json.dumps({"topic": "aws/subscribe", "content": {"topics": ["aws/chat"]}}))
            impatient.transport.abort()
            with pytest.raises(websockets.ConnectionClosed):
                await asyncio.wait_for(socket.recv(), 2 * LIMIT_SECONDS)
        finally:
            deployment.server.thaw()
    assert socket.close_code == 1013
    await eventually(lambda: begins_chat(stack.url), "the store is back", BACK_SECONDS)
    assert "Traceback" not in stack.log()[log_before:]


async def begins_chat(url: str) -> bool | None:
    try:
        await start_chat(url)
    except (AssertionError, httpx.HTTPError):
        return None
    return True


@pytest.mark.timeout(240)
@pytest.mark.parametrize("how", AWAY)
async def test_processes_are_not_ready_while_the_store_is_away(deployment: Deployment, how: str) -> None:
    leave, come_back = AWAY[how]
    urls = (deployment.stack.url, worker_url(deployment.stack))
    for url in urls:
        await until_problems(url, lambda found: not found)
    leave(deployment.server)
    try:
        for url in urls:
            # the loops count as late, too, when an outage before this one kept them from their work
            await until_problems(url, lambda found: found >= {"store", "bus"})
    finally:
        come_back(deployment.server)
    for url in urls:
        await until_problems(url, lambda found: not found)


async def until_problems(url: str, expected: Callable[[set[str]], bool]) -> None:
    """Probe until a process names the expected parts. Each probe must answer in time."""
    deadline = time.monotonic() + READY_SECONDS
    async with httpx.AsyncClient(timeout=PROBE_SECONDS) as http:
        while True:
            answer = await http.get(f"{url}/readyz")
            found: dict[str, str] = answer.json().get("problems", {})
            assert answer.status_code == (503 if found else 200)
            if expected(set(found)):
                return
            assert time.monotonic() < deadline, found
            await asyncio.sleep(0.1)


@pytest.mark.timeout(240)
async def test_offers_come_soon_after_the_store_is_back(deployment: Deployment) -> None:
    """A customer who waits beside a free agent has waited long enough."""
    url = deployment.stack.url
    chat, agent = await start_chat(url), await sign_in(url)
    token = await credentials(url, chat)
    found: list[float] = []
    for _ in range(OUTAGES):
        async with httpx.AsyncClient(headers=agent) as http:
            (await http.put(f"{url}/v1/agent/status", json={"status": "away"})).raise_for_status()
        deployment.server.stop()
        try:
            await asyncio.sleep(OUTAGE_SECONDS)  # so long that a delay which doubles has grown
        finally:
            deployment.server.start()
        await eventually(lambda: answered(url, token), "a request is answered", BACK_SECONDS)
        back = time.monotonic()
        await eventually(lambda: offered(url, agent), "the dispatcher makes offers", BACK_SECONDS)
        found.append(time.monotonic() - back)
    assert median(found) < OFFER_SECONDS


async def post_during_outage(url: str, token: str) -> bool:
    """Send a message. Whether it is accepted: it needs no store while the session is known."""
    async with httpx.AsyncClient(timeout=60) as http:
        body = {"ContentType": "text/plain", "Content": "during"}
        answer = await http.post(f"{url}/participant/message", json=body, headers={"X-Amz-Bearer": token})
    assert answer.status_code in (200, 503), answer.text
    return answer.status_code == 200


async def answered(url: str, token: str) -> bool | None:
    answer, _ = await ask(url, token)
    assert answer.status_code in (200, 503), answer.text
    return answer.is_success or None


async def typed(url: str, token: str, socket: Any) -> bool | None:
    await post(url, "event", token, {"ContentType": TYPING})
    try:
        async with asyncio.timeout(1):
            await frame(socket, ContentType=TYPING)
    except TimeoutError:
        return None
    return True


async def sign_in(url: str) -> dict[str, str]:
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {SECRET}"}) as http:
        answer = await http.post(f"{url}/v1/agents/sign-in", json={"instance": "demo", "user": "a1"})
    return {"Authorization": f"Bearer {answer.json()['token']}"}


async def offered(url: str, agent: dict[str, str]) -> bool | None:
    async with httpx.AsyncClient(headers=agent, timeout=60) as http:
        changed = await http.put(f"{url}/v1/agent/status", json={"status": "available"})
        if not changed.is_success:
            return None
        offers = (await http.get(f"{url}/v1/agent/offers")).json()["offers"]
    return bool(offers) or None
