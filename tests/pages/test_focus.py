"""Where the keys go on: after an action, after a dialog, and after the end of a chat."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.pages.agents import Agent
from tests.pages.browser import Device
from tests.pages.conftest import Devices
from tests.pages.desks import WIDE, Desk

pytestmark = pytest.mark.usefixtures("quiet_floor")


async def test_focus_goes_on_when_what_had_it_is_gone(devices: Devices) -> None:
    desk = await Desk.open(await devices(**WIDE))
    conversation = desk.page.get_by_role("region", name="Conversation", exact=True)
    first = await (await devices()).customer()
    await first.start("Hello", name="Quirin")
    decline = desk.offer("Quirin").get_by_role("button", name="Decline")
    await decline.focus()
    await desk.page.keyboard.press("Enter")
    await expect(desk.offer("Quirin")).to_have_count(0)
    await expect(conversation).to_be_focused()

    second = await (await devices()).customer()
    await second.start("Hello", name="Rita")
    await desk.accept("Rita")
    await expect(desk.message).to_be_focused()
    await desk.actions.get_by_role("button", name="End").focus()
    await desk.page.keyboard.press("Enter")
    # what cannot be undone is not done by the same key twice
    await expect(desk.dialog.get_by_role("button", name="Cancel")).to_be_focused()
    await desk.page.keyboard.press("Escape")
    await expect(desk.actions.get_by_role("button", name="End")).to_be_focused()
    await desk.page.keyboard.press("Enter")
    await desk.page.keyboard.press("Shift+Tab")
    await desk.page.keyboard.press("Enter")
    await expect(desk.page.get_by_role("timer", name="Time in wrap-up")).to_be_visible()
    await expect(conversation).to_be_focused()
    await desk.page.get_by_role("button", name="Close", exact=True).click()
    await expect(desk.page.get_by_text("Nothing to finish")).to_be_visible()


async def test_dialog_closes_beside_it_and_not_at_its_edge(devices: Devices) -> None:
    desk = await Desk.open(await devices(**WIDE))
    await desk.page.get_by_role("button", name="Keyboard shortcuts").click()
    await desk.dialog.click(position={"x": 6, "y": 6})
    await expect(desk.dialog).to_be_visible()
    box = await desk.dialog.bounding_box()
    assert box
    await desk.page.mouse.click(box["x"] - 40, box["y"])
    await expect(desk.dialog).to_have_count(0)
    await expect(desk.page.get_by_role("button", name="Keyboard shortcuts")).to_be_focused()


async def test_writer_goes_on_where_the_chat_has_ended(device: Device, agent: Agent) -> None:
    customer = await device.customer()
    contact = await customer.start()
    agent.take(contact)
    await customer.message.click()
    agent.finish(contact)
    await expect(customer.chat.get_by_role("heading", name="This chat has ended")).to_be_focused()
    await customer.page.keyboard.press("Tab")
    await expect(customer.chat.get_by_role("button", name="Continue")).to_be_focused()
