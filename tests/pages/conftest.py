"""The built pages, a Perennial that serves them, Chromium, and agents."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, expect

from tests.api.calls import Api, served
from tests.pages.agents import Agent
from tests.pages.browser import Device, running_chromium
from tests.pages.networks import Network
from tests.stack import ROOT, free_ports

[SHOP_PORT] = free_ports(1)
"""Where the site of another origin is; the configuration names it."""

IN_THREE_DAYS = datetime.now(UTC) + timedelta(days=3)

CONFIGURATION = (
    (ROOT / "perennial.toml").read_text()
    + f"""
[instances.elsewhere.workstreams.live]
mode = "live"
queue = "live"

[instances.elsewhere.chat_pages]
workstreams = ["live"]
origins = ["http://shop.localhost:{SHOP_PORT}"]
attributes = ["topic"]

[instances.closed.hours.never]
time_zone = "Europe/Vienna"
weekly = {{ {IN_THREE_DAYS.strftime("%a").lower()} = ["08:00-12:00"] }}

[instances.closed.queues.live]
hours = "never"

[instances.closed.queues.persistent]
hours = "never"

[instances.closed.workstreams.live]
mode = "live"
queue = "live"

[instances.closed.workstreams.persistent]
mode = "persistent"
queue = "persistent"

[instances.closed.chat_pages]
workstreams = ["live", "persistent"]
"""
)


@pytest.fixture(scope="session")
def built_pages() -> None:
    """Build the pages, unless they are as new as their sources."""
    completed = subprocess.run(["make", "pages"], cwd=ROOT, capture_output=True, text=True, timeout=500, check=False)
    assert completed.returncode == 0, completed.stdout + completed.stderr


@pytest.fixture(scope="session")
def served_pages(built_pages: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("pages")
    with served(folder, CONFIGURATION, PERENNIAL_POSITIONS_EVERY="PT1S") as api:
        yield api


@pytest.fixture(scope="session")
def http(served_pages: Api) -> httpx.Client:
    return served_pages.http


PATIENCE_MS = 30_000
"""How long a test waits for what it expects: the machines of CI are busy."""


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    expect.set_options(timeout=PATIENCE_MS)
    async with running_chromium() as browser:
        yield browser


Devices = Callable[..., Awaitable[Device]]
Networks = Callable[..., Awaitable[Network]]


@pytest.fixture
async def devices(chromium: Browser, served_pages: Api) -> AsyncIterator[Devices]:
    """Makes devices. No page of any of them may have an error that the test does not expect."""
    made: list[Device] = []

    async def make(**options: Any) -> Device:
        options = {"viewport": {"width": 1100, "height": 800}, "locale": "en-GB", **options}
        device = Device(await chromium.new_context(**options), served_pages.stack.url)
        made.append(device)
        return device

    yield make
    for device in made:
        await device.context.close()
    assert [error for device in made for error in device.unexpected] == []


@pytest.fixture
async def device(devices: Devices) -> Device:
    return await devices()


@pytest.fixture
async def networks(devices: Devices, served_pages: Api) -> AsyncIterator[Networks]:
    """Makes devices, each on a network of its own."""
    async with AsyncExitStack() as stack:

        async def make(**options: Any) -> Network:
            return await stack.enter_async_context(Network.of(await devices(**options), served_pages.stack.api_port))

        yield make


@pytest.fixture(autouse=True)
def no_open_chats(http: httpx.Client) -> Iterator[None]:
    """End all chats after a test. They would wait for the agents of the next one."""
    yield
    supervisor = Agent(http, "s1")
    for contact in supervisor.call("GET", "/v1/supervision/contacts?limit=1000")["contacts"]:
        for action in ("end", "close"):
            supervisor.attempt("POST", f"/v1/supervision/contacts/{contact['contact_id']}/{action}")


@pytest.fixture
def quiet_floor(http: httpx.Client) -> Iterator[None]:
    """After a test no agent is at work, and none has a contact."""
    yield
    for user in ("a1", "a2"):
        agent = Agent(http, user)
        for contact in agent.call("GET", "/v1/agent/contacts")["contacts"]:
            id = contact["contact_id"]
            if contact["state"] in ("WAITING", "OPEN"):
                agent.act(id, "resume")
            if contact["state"] != "WRAP_UP":
                agent.act(id, "end")
            agent.act(id, "close")
        agent.call("PUT", "/v1/agent/status", {"status": "offline"})


@pytest.fixture
def agent(http: httpx.Client) -> Iterator[Agent]:
    agent = Agent(http)
    yield agent
    agent.leave()
