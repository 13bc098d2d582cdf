"""Several tabs of one customer, and pages that are loaded again in the middle of a chat."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import expect

from tests.pages.agents import Agent
from tests.pages.browser import Device
from tests.pages.conftest import Devices
from tests.pages.desks import WIDE, Desk

pytestmark = pytest.mark.usefixtures("quiet_floor")


async def test_two_tabs_show_everything_once_and_end_together(device: Device, agent: Agent) -> None:
    first = await device.customer()
    contact = await first.start("Hello")
    participant = agent.take(contact)
    await first.page.reload()
    second = await device.customer()
    words = ["Hello"]
    for tab, text in ((first, "From the first tab"), (second, "From the second tab")):
        await expect(tab.is_connected).to_be_visible()
        await tab.say(text)
        words.append(text)
        for each in (first, second):
            await expect(each.words).to_have_text(words)
    participant.say("For both tabs")
    words.append("For both tabs")
    for tab in (first, second):
        await expect(tab.words).to_have_text(words)
    assert participant.said() == words

    await second.end()
    for tab in (first, second):
        await expect(tab.has_ended).to_be_visible()
        await expect(tab.message).to_have_count(0)
        await expect(tab.words).to_have_text(words)

    # continued in one tab, the chat goes on in the other, too
    await first.chat.get_by_role("button", name="Continue").click()
    for tab in (first, second):
        await expect(tab.message).to_be_visible()
        await expect(tab.words).to_have_text(words)
    assert (await second.saved())["details"]["ContactId"] != contact
    await second.say("Once more")
    for tab in (first, second):
        await expect(tab.words).to_have_text([*words, "Once more"])


async def test_agent_reloads_in_the_middle_of_a_chat(devices: Devices) -> None:
    desk = await Desk.open(await devices(**WIDE))
    customer = await (await devices()).customer()
    await customer.start("Hello", name="Hans")
    await desk.accept("Hans")
    await desk.say("Before the reload")
    await expect(customer.words).to_have_text(["Hello", "Before the reload"])
    note = desk.page.get_by_label("New note, for agents only")
    await desk.message.fill("A draft")
    await note.fill("A draft of a note")

    reload = asyncio.create_task(desk.page.reload())
    await customer.say("During the reload")
    await reload
    words = ["Hello", "Before the reload", "During the reload"]
    await expect(desk.words).to_have_text(words)
    await expect(desk.status).to_have_value("available")
    await expect(desk.is_connected).to_be_visible()
    await expect(desk.message).to_have_value("A draft")
    await expect(note).to_have_value("A draft of a note")
    await desk.message.press("Enter")
    await expect(customer.words).to_have_text([*words, "A draft"])
    await expect(desk.message).to_have_value("")
    # the customer has noticed nothing
    await expect(customer.log.locator(".event-line").filter(has_text="Agent One")).to_have_text(
        ["Agent One has joined"]
    )

    await desk.page.reload()
    await expect(desk.words).to_have_text([*words, "A draft"])
    await expect(desk.message).to_have_value("")
    await customer.say("Still there?")
    await expect(desk.words).to_have_text([*words, "A draft", "Still there?"])
    await desk.finish("Hans")
