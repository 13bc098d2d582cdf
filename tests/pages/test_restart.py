"""The whole of Perennial ends and starts again while a customer and an agent talk: both pages go on by themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from playwright.async_api import expect

from tests.api.calls import Api
from tests.pages.browser import ON_THEIR_WAY, WAITS
from tests.pages.conftest import Devices
from tests.pages.desks import WIDE, Desk
from tests.stack import Stack

pytestmark = pytest.mark.usefixtures("quiet_floor")

AWAY = (
    *("net::ERR_CONNECTION_REFUSED", "net::ERR_CONNECTION_RESET", "net::ERR_EMPTY_RESPONSE"),
    "the server responded with a status of 503",
)
"""The errors that a browser writes to the console while the server is not there, or is about to go."""

BACK_MS = 45_000
"""How long the pages may take after the start: they ask every 15 s at least."""


def stop(stack: Stack) -> None:
    assert stack.stop() == 0, stack.log()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("end", [stop, Stack.kill_everything], ids=["stopped", "killed"])
async def test_both_pages_go_on_after_a_restart(
    devices: Devices, served_pages: Api, end: Callable[[Stack], None]
) -> None:
    customers, agents = await devices(), await devices(**WIDE)
    for device in (customers, agents):
        device.expected = AWAY
    desk = await Desk.open(agents)
    customer = await customers.customer()
    await customer.start("Before", name="Rosa")
    await desk.accept("Rosa")
    await desk.say("Answered before")
    await expect(customer.words).to_have_text(["Before", "Answered before"])

    await asyncio.to_thread(end, served_pages.stack)
    await expect(customer.chat.locator(".bar-state")).to_have_text("The connection is lost. Connecting again…")
    lost = desk.page.get_by_text("The connection to the server is lost. The desk connects again by itself.")
    await expect(lost).to_be_visible()
    await expect(desk.chat.get_by_text("The connection is lost. Connecting again…")).to_be_visible()
    await customer.say("Meanwhile, from the customer")
    await desk.say("Meanwhile, from the agent")
    for log in (customer.log, desk.log):
        await expect(log.get_by_text(WAITS)).to_be_visible()

    await asyncio.to_thread(served_pages.stack.start)
    for page in (customer, desk):
        await expect(page.is_connected).to_be_visible(timeout=BACK_MS)
        await expect(page.log.locator(ON_THEIR_WAY)).to_have_count(0)
        await expect(page.words).to_have_count(4)
    await expect(lost).to_have_count(0)
    await desk.say("After")
    await customer.say("After that")
    for page in (customer, desk):
        await expect(page.words).to_have_count(6)
    words = await customer.words.all_inner_texts()
    assert words == await desk.words.all_inner_texts()
    assert words[:2] == ["Before", "Answered before"]
    assert sorted(words[2:4]) == ["Meanwhile, from the agent", "Meanwhile, from the customer"]
    assert sorted(words[4:]) == ["After", "After that"]
    await expect(desk.status).to_have_value("available")
    await desk.finish("Rosa")
    await expect(customer.has_ended).to_be_visible()
