"""Pages that stand still for a minute, as those of a laptop that sleeps: they go on, and nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import Generator
from contextlib import contextmanager, suppress

import httpx
import psutil
import pytest
from playwright.async_api import Page, expect

from tests.pages.agents import Participant
from tests.pages.conftest import Devices
from tests.pages.desks import WIDE, Desk

pytestmark = pytest.mark.usefixtures("quiet_floor")

FROZEN_SECONDS = 60
"""Longer than the 15 s after which the server takes a socket without heartbeats for dead, and the 20 s of the desk."""

NOTE_PAUSES = """() => {
  let last = performance.now();
  window.longestPause = 0;
  setInterval(() => {
    const now = performance.now();
    window.longestPause = Math.max(window.longestPause, now - last);
    last = now;
  }, 100);
}"""


@contextmanager
def frozen_pages() -> Generator[None]:
    """Stop the processes that run the pages of this test run. The rest of the browser, with its network, runs."""
    stopped: list[psutil.Process] = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if "--type=renderer" in " ".join(process.cmdline()):
                process.send_signal(signal.SIGSTOP)
                stopped.append(process)
    try:
        yield
    finally:
        for process in stopped:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)


async def was_frozen(page: Page) -> None:
    """Wait until the page has noticed that it stood still."""
    await page.wait_for_function("least => window.longestPause > least", arg=FROZEN_SECONDS * 900)


@pytest.mark.timeout(300)
async def test_pages_go_on_after_a_minute_without_life(devices: Devices, http: httpx.Client) -> None:
    desk = await Desk.open(await devices(**WIDE))
    customer = await (await devices()).customer()
    contact = await customer.start("Before", name="Pia")
    await desk.accept("Pia")
    await desk.say("Answered before")
    await expect(customer.words).to_have_text(["Before", "Answered before"])
    # both are elsewhere, too: what they write there is news for their frozen pages
    kept = await desk.page.evaluate("key => JSON.parse(sessionStorage.getItem(key))", f"perennial.team.chat.{contact}")
    customer_elsewhere = Participant(http, (await customer.saved())["details"]["ParticipantToken"], connects=False)
    agent_elsewhere = Participant(http, kept["details"]["ParticipantToken"], connects=False)
    for page in (customer.page, desk.page):
        await page.evaluate(NOTE_PAUSES)

    words = ["Before", "Answered before", "From the customer's phone", "From the agent's phone", "And once more"]
    with frozen_pages():
        customer_elsewhere.say(words[2])
        agent_elsewhere.say(words[3])
        start = {"InstanceId": "demo", "ContactFlowId": "live", "ParticipantDetails": {"DisplayName": "Quin"}}
        http.post("/v1/chat-pages/chats", json=start).raise_for_status()
        await asyncio.sleep(FROZEN_SECONDS)
        customer_elsewhere.say(words[4])

    for page in (customer.page, desk.page):
        await was_frozen(page)
    for side in (customer, desk):
        await expect(side.words).to_have_text(words)
        await expect(side.is_connected).to_be_visible()
    # the offer was made a minute ago, and lasts two
    await expect(desk.offer("Quin").get_by_role("timer")).to_have_text(re.compile(r"^(1:00|0:[345]\d)$"))
    await desk.say("The agent is back")
    await expect(customer.words).to_have_text([*words, "The agent is back"])
    await customer.say("The customer is back")
    words += ["The agent is back", "The customer is back"]
    for side in (customer, desk):
        await expect(side.words).to_have_text(words)
    await expect(customer.log.locator(".message-own").last).to_contain_text("Read")
    assert customer_elsewhere.said() == words
    await desk.finish("Pia")
    await expect(customer.has_ended).to_be_visible()
