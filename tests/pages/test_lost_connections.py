"""A lost connection: the pages say it, messages wait for its return, and then each has arrived once and in order."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Route, expect

from tests.pages.agents import Agent
from tests.pages.browser import ON_THEIR_WAY, WAITS, Device
from tests.pages.conftest import Devices, Networks
from tests.pages.desks import WIDE, Desk

pytestmark = pytest.mark.usefixtures("quiet_floor")

WRITTEN = ["One", "Two", "Three"]
"""What somebody writes without a connection."""


async def test_customer_without_a_network(networks: Networks, agent: Agent) -> None:
    network = await networks()
    customer = await network.device.customer()
    participant = agent.take(await customer.start("Before"))
    await expect(customer.is_connected).to_be_visible()
    await network.lose()
    offline = customer.chat.locator(".bar-state")
    await expect(offline).to_have_text("You are offline. What you write is sent once you are back.")
    participant.say("Are you there?")
    for text in WRITTEN:
        await customer.say(text)
    await expect(customer.log.get_by_text(WAITS)).to_have_count(len(WRITTEN))
    assert participant.said() == ["Before", "Are you there?"]

    await network.come_back()
    await expect(customer.words).to_have_text(["Before", "Are you there?", *WRITTEN])
    await expect(customer.log.locator(ON_THEIR_WAY)).to_have_count(0)
    await expect(customer.is_connected).to_be_visible()
    assert participant.said() == ["Before", "Are you there?", *WRITTEN]
    participant.say("There you are")
    await customer.say("Yes")
    everything = ["Before", "Are you there?", *WRITTEN, "There you are", "Yes"]
    await expect(customer.words).to_have_text(everything)
    await expect(customer.log.locator(ON_THEIR_WAY)).to_have_count(0)
    assert participant.said() == everything


async def test_agent_without_a_network(networks: Networks, devices: Devices) -> None:
    network = await networks(**WIDE)
    desk = await Desk.open(network.device)
    customer = await (await devices()).customer()
    await customer.start("Before", name="Olga")
    await desk.accept("Olga")
    await network.lose()
    notice = desk.page.get_by_text("You are offline. The desk connects again once you are back.")
    await expect(notice).to_be_visible()
    await expect(desk.chat.get_by_text("You are offline", exact=True)).to_be_visible()
    await customer.say("Are you there?")
    await expect(customer.log.locator(".message-own").last).to_contain_text("Sent")
    for text in WRITTEN:
        await desk.say(text)
    await expect(desk.log.get_by_text(WAITS)).to_have_count(len(WRITTEN))
    other = await (await devices()).customer()
    await other.start("Hello", name="Ida")

    await network.come_back()
    everything = ["Before", "Are you there?", *WRITTEN]
    await expect(desk.words).to_have_text(everything)
    await expect(customer.words).to_have_text(everything)
    await expect(notice).to_have_count(0)
    await expect(desk.is_connected).to_be_visible()
    await expect(desk.log.locator(ON_THEIR_WAY)).to_have_count(0)
    await expect(desk.status).to_have_value("available")
    # what has come meanwhile for the agent is there, too
    await desk.accept("Ida")
    await desk.sees("Hello")


async def test_connection_that_breaks_while_the_browser_is_online(networks: Networks, agent: Agent) -> None:
    network = await networks()
    customer = await network.device.customer()
    participant = agent.take(await customer.start("Before"))
    await expect(customer.is_connected).to_be_visible()
    network.break_off()
    await expect(customer.chat.locator(".bar-state")).to_have_text("The connection is lost. Connecting again…")
    for text in WRITTEN:
        await customer.say(text)
    await expect(customer.log.get_by_text(WAITS)).to_have_count(len(WRITTEN))
    network.heal()
    await expect(customer.is_connected).to_be_visible()
    await expect(customer.log.locator(ON_THEIR_WAY)).to_have_count(0)
    await expect(customer.words).to_have_text(["Before", *WRITTEN])
    await expect(customer.log.locator(".message-own").last).to_contain_text("Sent")
    assert participant.said() == ["Before", *WRITTEN]


async def test_message_whose_answer_is_lost_arrives_once(device: Device, agent: Agent) -> None:
    device.expected = ("net::ERR_FAILED",)
    customer = await device.customer()
    participant = agent.take(await customer.start("Before"))
    await expect(customer.is_connected).to_be_visible()
    answers: list[int] = []

    async def lose_answer(route: Route) -> None:
        answers.append((await route.fetch()).status)
        await route.abort()

    await device.context.route("**/participant/message", lose_answer, times=1)
    for text in WRITTEN:
        await customer.say(text)
    await expect(customer.log.locator(".message-own").last).to_contain_text("Sent")
    await expect(customer.words).to_have_text(["Before", *WRITTEN])
    assert answers == [200]
    assert participant.said() == ["Before", *WRITTEN]


async def test_refused_message_stays_and_can_be_sent_again(device: Device, agent: Agent) -> None:
    device.expected = ("the server responded with a status of 429",)
    customer = await device.customer()
    participant = agent.take(await customer.start("Before"))
    await expect(customer.is_connected).to_be_visible()

    async def refuse(route: Route) -> None:
        body = {"__type": "ThrottlingException", "Message": "There are too many requests."}
        await route.fulfill(status=429, headers={"x-amzn-errortype": "ThrottlingException"}, json=body)

    await device.context.route("**/participant/message", refuse)
    await customer.say("Too fast")
    await customer.say("Not that important")
    problems = customer.log.get_by_role("alert").filter(has_text="Not sent. That was too fast.")
    await expect(problems).to_have_count(2)
    await device.context.unroute("**/participant/message", refuse)
    await problems.first.get_by_role("button", name="Try again").click()
    await expect(problems).to_have_count(1)
    await problems.get_by_role("button", name="Discard").click()
    await expect(customer.words).to_have_text(["Before", "Too fast"])
    await expect(customer.log.locator(".message-own").last).to_contain_text("Sent")
    assert participant.said() == ["Before", "Too fast"]


async def test_page_stays_when_a_part_of_it_cannot_be_loaded(device: Device, agent: Agent) -> None:
    device.expected = ("net::ERR_FAILED",)
    customer = await device.customer()
    participant = agent.take(await customer.start("Before"))
    await expect(customer.is_connected).to_be_visible()
    await customer.frame.evaluate("window.isSame = true")

    async def refuse(route: Route) -> None:
        await route.abort()

    parts = re.compile(r"/pages/assets/Markdown-|/widget(\?|$)")
    await device.context.route(parts, refuse)
    async with customer.page.expect_event("requestfailed", lambda request: "Markdown-" in request.url):
        participant.say("**Hello**", "text/markdown")
    await customer.sees("**Hello**")
    async with customer.page.expect_event("requestfailed", lambda request: "/widget" in request.url):
        participant.say("**once more**", "text/markdown")
    await device.context.unroute(parts, refuse)
    participant.say("*there*", "text/markdown")
    await expect(customer.log.locator(".rich-text em")).to_have_text("there")
    assert await customer.frame.evaluate("window.isSame")
