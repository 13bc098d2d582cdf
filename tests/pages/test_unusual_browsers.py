"""Browsers that deny or delay what most of them give: storage, secure contexts, timers. Sites with the script twice."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

import httpx
import pytest
from playwright.async_api import WebSocket, expect

from tests.pages.agents import Agent
from tests.pages.conftest import Devices
from tests.pages.desks import Desk

pytestmark = pytest.mark.usefixtures("quiet_floor")

NO_STORAGE = """for (const name of ["localStorage", "sessionStorage"]) {
  Object.defineProperty(window, name, { configurable: true, get() { throw new DOMException("denied", "SecurityError") } });
}"""
NO_SECURE_CONTEXT = "delete Crypto.prototype.randomUUID"
MINUTE = 60_000


async def test_widget_works_where_the_browser_denies_storage(devices: Devices, agent: Agent) -> None:
    device = await devices()
    await device.context.add_init_script(NO_STORAGE)
    customer = await device.customer()
    await expect(customer.launcher).to_have_accessible_name("Close chat")
    await customer.chat.get_by_label("Your message").fill("Hello")
    await customer.chat.get_by_role("button", name="Start chat").click()
    await customer.sees("Hello")
    await customer.chat.get_by_role("button", name="Close chat").click()
    # the place in the queue can come just then, as a new message
    await expect(customer.launcher).to_have_accessible_name(re.compile("^Open chat"))


async def test_chat_starts_on_a_site_without_tls(devices: Devices) -> None:
    device = await devices()
    await device.context.add_init_script(NO_SECURE_CONTEXT)
    customer = await device.customer()
    await customer.start("Hello")
    await customer.say("Are you there?")
    await customer.sees("Are you there?")


async def test_second_tag_is_one_too_many(devices: Devices) -> None:
    page = await (await devices()).page()
    await page.locator("button.launcher").wait_for()
    await page.evaluate(
        """() => new Promise((resolve) => {
          const tag = Object.assign(document.createElement("script"), { src: "pages/perennial-chat.js", onload: resolve });
          document.body.append(tag);
        })"""
    )
    await expect(page.locator("button.launcher")).to_have_count(1)


async def test_desk_in_a_hidden_tab_stays_connected(devices: Devices, http: httpx.Client) -> None:
    """Browsers let the timers of a tab that has been hidden for long run once a minute."""
    device = await devices()
    await device.context.clock.install()
    sockets: list[WebSocket] = []
    device.context.on("page", lambda page: page.on("websocket", lambda socket: sockets.append(socket)))
    desk = await Desk.open(device)
    [socket] = sockets
    for _ in range(3):
        answered = on_frame(socket, "pong")
        await device.context.clock.fast_forward(MINUTE)
        await asyncio.wait_for(answered, 30)
    assert sockets == [socket]
    await expect(desk.page.get_by_text("The connection to the server is lost.", exact=False)).to_have_count(0)
    await desk.status.select_option("Offline")


def on_frame(socket: WebSocket, part: str) -> asyncio.Future[None]:
    """Settles with the next frame that has this in it."""
    heard = asyncio.get_running_loop().create_future()

    def listen(payload: str | bytes) -> None:
        if part in str(payload) and not heard.done():
            heard.set_result(None)

    listener: Callable[[str | bytes], None] = listen
    socket.on("framereceived", listener)
    return heard
