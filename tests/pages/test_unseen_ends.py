"""Chats that end while somebody is away: they see the end, and what was said before it."""

from __future__ import annotations

import pytest
from playwright.async_api import TimeoutError, expect

from tests.pages.agents import Agent
from tests.pages.browser import Device
from tests.pages.conftest import Devices, Networks
from tests.pages.desks import WIDE, Desk

pytestmark = pytest.mark.usefixtures("quiet_floor")

OVER = "the server responded with a status of 403"
"""The server refuses to connect to a chat that is over."""

AGAIN_MS = 3_000
"""Longer than a page waits after a change of the network until it connects."""


async def test_customer_comes_back_to_a_chat_that_is_over(device: Device, agent: Agent) -> None:
    device.expected = (OVER,)
    customer = await device.customer()
    contact = await customer.start("I go to lunch")
    participant = agent.take(contact)
    await expect(customer.is_connected).to_be_visible()
    await customer.page.close()
    participant.say("Here is your answer. Goodbye!")
    agent.finish(contact)

    customer = await device.customer()
    await expect(customer.has_ended).to_be_visible()
    await expect(customer.words).to_have_text(["I go to lunch", "Here is your answer. Goodbye!"])
    await customer.chat.get_by_role("button", name="Continue").click()
    await customer.say("Thank you")
    await expect(customer.words).to_have_text(["I go to lunch", "Here is your answer. Goodbye!", "Thank you"])


async def test_chat_ends_while_the_customer_has_no_network(networks: Networks, agent: Agent) -> None:
    network = await networks()
    customer = await network.device.customer()
    contact = await customer.start("Before")
    participant = agent.take(contact)
    await expect(customer.is_connected).to_be_visible()
    network.device.expected = (OVER,)
    await network.lose()
    await expect(customer.chat.locator(".bar-state")).to_contain_text("You are offline.")
    await customer.say("Too late")
    participant.say("Goodbye!")
    agent.finish(contact)

    await network.come_back()
    await expect(customer.has_ended).to_be_visible()
    await expect(customer.words).to_have_text(["Before", "Goodbye!", "Too late"])
    unsent = customer.log.get_by_role("alert")
    await expect(unsent).to_contain_text("Not sent. This chat has ended.")
    await expect(unsent.get_by_role("button", name="Try again")).to_have_count(0)
    assert participant.said() == ["Before", "Goodbye!"]


async def test_chat_ends_while_the_agent_has_no_network(networks: Networks, devices: Devices) -> None:
    network = await networks(**WIDE)
    desk = await Desk.open(network.device)
    customer = await (await devices()).customer()
    await customer.start("Before", name="Tom")
    await desk.accept("Tom")
    network.device.expected = (OVER,)
    await network.lose()
    await expect(desk.chat.get_by_text("You are offline", exact=True)).to_be_visible()
    await customer.say("I have to go")
    await customer.end()
    await expect(customer.has_ended).to_be_visible()

    await network.come_back()
    await expect(desk.group("Wrap-up").get_by_role("button", name="Tom")).to_be_visible()
    await expect(desk.words).to_have_text(["Before", "I have to go"])
    await expect(desk.message).to_have_count(0)
    # nobody asks again for a chat that is over, also when the network changes
    with pytest.raises(TimeoutError):
        async with desk.page.expect_request("**/participant/connection", timeout=AGAIN_MS):
            await desk.page.evaluate("window.dispatchEvent(new Event('online'))")
    await desk.page.get_by_role("button", name="Close", exact=True).click()
    await expect(desk.page.get_by_text("Nothing to finish")).to_be_visible()


async def test_messages_without_a_network_count_as_new(networks: Networks, agent: Agent) -> None:
    network = await networks()
    customer = await network.device.customer()
    participant = agent.take(await customer.start())
    await expect(customer.is_connected).to_be_visible()
    await customer.chat.get_by_role("button", name="Close chat").click()
    await expect(customer.page.locator("iframe")).to_be_hidden()
    await network.lose()
    participant.say("One")
    participant.say("Two")
    await network.come_back()
    await expect(customer.launcher).to_have_accessible_name("Open chat, new messages: 2")
    await customer.launcher.click()
    await customer.sees("Two")
    await expect(customer.launcher).to_have_accessible_name("Close chat")
