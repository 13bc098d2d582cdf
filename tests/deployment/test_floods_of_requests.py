"""Floods of requests under the limits as they are by default: other chats go on as before, and nothing accepted is lost."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import psutil
import pytest

from bench.speed.client import (
    BACKEND,
    THROTTLED,
    THROTTLED_SECONDS,
    Backend,
    Chat,
    Refused,
    SimulatedParticipant,
    Socket,
    backend,
    open_socket,
)
from bench.speed.processes import Product, embedded
from tests.deployment.flooders import KINDS
from tests.stack import ROOT
from tests.workflows.engine import eventually

pytestmark = [pytest.mark.chaos, pytest.mark.alone, pytest.mark.timeout(300)]

MESSAGES = 40
"""How many messages the other chat sends to measure: before the flood, and during it."""

PAUSE_SECONDS = 0.15
"""Between two of them. The limit of a participant is ten in a second."""

FLOOD_SECONDS = 12.0

MEMORY = 100_000_000
"""By how much the API process may grow."""


class Measured:
    """A chat of an innocent customer, and how long its messages take to their agent."""

    def __init__(self, customer: SimulatedParticipant, socket: Socket) -> None:
        self._customer, self._socket = customer, socket
        self._sent = 0

    @classmethod
    @asynccontextmanager
    async def opened(cls, shop: Backend) -> AsyncGenerator[Measured]:
        """Start a chat, and connect its agent for the time of the block."""
        chat = await shop.start_with_agent()
        assert chat.agent
        socket = await open_socket(chat.agent)
        yield cls(chat.customer, socket)
        await socket.close()

    async def delivery(self) -> float:
        """The median of the seconds from a request to the frame of its message."""
        seconds = list[float]()
        for _ in range(MESSAGES):
            self._sent += 1
            text, began = f"message {self._sent}", perf_counter()
            await self._customer.send(text)
            await self._socket.wait_for(self._sent)
            seconds.append(self._socket.arrivals[text] - began)
            await asyncio.sleep(PAUSE_SECONDS)
        return median(seconds)


async def flood(url: str, kind: str, token: str, connections: int) -> dict[str, Any]:
    """Flood in a process of its own. Returns what was accepted."""
    arguments = (
        sys.executable,
        "-m",
        "tests.deployment.flooders",
        url,
        kind,
        token,
        str(FLOOD_SECONDS),
        str(connections),
    )
    process = await asyncio.create_subprocess_exec(*arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    assert process.returncode == 0
    return json.loads(output)


@pytest.mark.parametrize("connections", [4, 200])
@pytest.mark.parametrize("kind", KINDS)
async def test_other_chat_goes_on_during_a_flood(tmp_path: Path, kind: str, connections: int) -> None:
    with embedded(tmp_path, {"PERENNIAL_LIMITS": "{}"}) as product:
        async with backend(product.address) as shop, Measured.opened(shop) as innocent:
            attacker = await shop.start()
            await innocent.delivery()  # everything is warm
            calm, memory = await innocent.delivery(), used_memory(product)
            flooding = asyncio.create_task(flood(product.address, kind, attacker.customer.token, connections))
            under_flood = await innocent.delivery()
            assert not flooding.done()
            found = await flooding
            print(
                f"{kind}, {connections}: {calm * 1000:.1f} ms calm, {under_flood * 1000:.1f} ms in the flood, {found['statuses']}"
            )
            assert under_flood <= 2 * calm, found["statuses"]
            assert used_memory(product) - memory < MEMORY
            assert found["statuses"].keys() <= {"200", "403", "429"}, found["statuses"]
            assert found["statuses"]["429"] > 10
            if kind == "messages":
                await eventually(
                    lambda: are_recorded(attacker, found["accepted"]), "all accepted messages are recorded"
                )
            if kind == "starts":
                await eventually(lambda: exist(shop, found["accepted"]), "all accepted chats exist", 60)


def used_memory(product: Product) -> int:
    return sum(psutil.Process(pid).memory_info().rss for pid in product.parts["api"]())


async def are_recorded(chat: Chat, ids: list[str]) -> bool | None:
    found, token = list[str](), None
    while True:
        members = {"NextToken": token} if token else {}
        page = await when_allowed(lambda members=members: chat.customer.transcript(MaxResults=100, **members))
        found += [item["Id"] for item in page["Transcript"] if item["Type"] == "MESSAGE"]
        if (token := page.get("NextToken")) is None:
            assert len(found) == len(set(found))
            return set(ids) <= set(found) or None


async def exist(shop: Backend, ids: list[str]) -> bool | None:
    paths = [f"/contacts/demo/{contact_id}" for contact_id in ids]
    found = [await when_allowed(lambda path=path: shop.http.call("GET", path, **BACKEND)) for path in paths]
    return [each["Contact"]["Id"] for each in found] == ids or None


async def when_allowed(call: Callable[[], Awaitable[Any]]) -> Any:
    """Make a call that is no longer throttled."""
    while True:
        try:
            return await call()
        except Refused as refused:
            if refused.status != THROTTLED:
                raise
        await asyncio.sleep(THROTTLED_SECONDS)
