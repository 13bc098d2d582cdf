"""Accessibility: axe finds nothing in any state, and everything can be done with the keyboard."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import expect

from tests.pages.accessibility import findings
from tests.pages.agents import Agent
from tests.pages.browser import PHONE, Customer
from tests.pages.conftest import Devices

LOOKS: list[dict[str, Any]] = [
    {"color_scheme": "light"},
    {"color_scheme": "dark"},
    {"color_scheme": "light", **PHONE},
]


@pytest.mark.parametrize("look", LOOKS, ids=["light", "dark", "phone"])
async def test_axe_finds_nothing(devices: Devices, agent: Agent, look: dict[str, Any]) -> None:
    device = await devices(**look)
    customer = await device.customer()

    async def check(state: str) -> None:
        assert await findings(customer.page) == [], state
        assert await findings(customer.frame) == [], state

    await expect(customer.chat.get_by_role("button", name="Start chat")).to_be_visible()
    await check("start")
    contact = await customer.start(kind="Leave it open, with a survey")
    await check("waiting")
    participant = agent.take(contact)
    participant.say("A [link](https://example.org) and `code`", "text/markdown")
    await customer.say("Thanks")
    await expect(customer.log.locator(".rich-text")).to_be_visible()
    await check("chat")
    await customer.chat.get_by_role("button", name="More").click()
    await check("menu")
    await customer.page.keyboard.press("Escape")
    agent.finish(contact)
    await expect(customer.chat.get_by_role("button", name="Good")).to_be_visible()
    await check("survey")
    await customer.chat.get_by_role("button", name="Good").click()
    await customer.say("Nothing")
    await expect(customer.chat.get_by_role("button", name="Continue")).to_be_visible()
    await check("ended")
    await customer.chat.get_by_role("button", name="Continue").click()
    await expect(customer.message).to_be_visible()
    await check("continued")


@pytest.mark.parametrize("path", ["widget?instance=closed", "widget?instance=nothing"])
async def test_axe_finds_nothing_in_other_states(devices: Devices, path: str) -> None:
    device = await devices()
    device.expected = ("404",)
    page = await device.page(path)
    await expect(page.get_by_role("status").or_(page.get_by_role("alert")).first).to_be_visible()
    assert await findings(page) == []


async def test_whole_chat_by_keyboard(devices: Devices, agent: Agent) -> None:
    device = await devices()
    page = await device.page()
    customer = Customer(page)
    keyboard = page.keyboard
    await customer.launcher.focus()
    await keyboard.press("Enter")
    await expect(customer.chat.get_by_label("Your message")).to_be_focused()
    await keyboard.press("Shift+Tab")
    await expect(customer.chat.get_by_label("Your name")).to_be_focused()
    await keyboard.type("Ada")
    await keyboard.press("Tab")
    await keyboard.type("By keyboard")
    await keyboard.press("Enter")
    await customer.sees("By keyboard")
    await expect(customer.message).to_be_focused()
    contact = (await customer.saved())["details"]["ContactId"]
    agent.take(contact)
    await keyboard.type("First line")
    await keyboard.press("Shift+Enter")
    await keyboard.type("second line")
    await keyboard.press("Enter")
    await expect(customer.log.locator(".message-own").last).to_contain_text("First line\nsecond line")

    await customer.chat.get_by_role("button", name="More").focus()
    await keyboard.press("Enter")
    await customer.chat.get_by_role("button", name="End chat").focus()
    await keyboard.press("Enter")
    await expect(customer.chat.get_by_role("dialog")).to_be_visible()
    await keyboard.press("Escape")
    await expect(customer.chat.get_by_role("dialog")).to_be_hidden()
    # Escape has closed the dialog, and not the chat
    await expect(page.locator("iframe")).to_be_visible()
    await keyboard.press("Escape")
    await expect(page.locator("iframe")).to_be_hidden()
    await expect(customer.launcher).to_be_focused()


async def test_what_arrives_is_said_politely(devices: Devices, agent: Agent) -> None:
    device = await devices()
    customer = await device.customer()
    participant = agent.take(await customer.start())
    participant.say("Listen to this")
    said = customer.frame.locator("body > [role=status][aria-live=polite]")
    await expect(said).to_contain_text("Agent One: Listen to this")
    # the list itself is silent, or everything would be said twice
    assert await customer.log.get_attribute("aria-live") == "off"


async def test_no_motion_for_those_who_want_none(devices: Devices, agent: Agent) -> None:
    device = await devices(reduced_motion="reduce")
    customer = await device.customer()
    participant = agent.take(await customer.start())
    participant.event("typing")
    dots = customer.chat.locator(".typing-dots i").first
    await dots.wait_for()
    assert await dots.evaluate("dot => getComputedStyle(dot).animationName") == "none"


async def test_right_to_left(devices: Devices, agent: Agent) -> None:
    device = await devices()
    page = await device.page(f"widget?instance=demo#{RIGHT_TO_LEFT}")
    await expect(page.get_by_role("heading", name="كيف يمكننا مساعدتك؟")).to_be_visible()
    assert await page.evaluate("[document.documentElement.dir, document.documentElement.lang]") == ["rtl", "ar"]
    await page.get_by_label("Your message").fill("مرحبا")
    await page.get_by_role("button", name="Start chat").click()
    message = page.get_by_role("log").locator(".message-own .message-body")
    await expect(message).to_have_text("مرحبا")
    box, log = await message.bounding_box(), await page.get_by_role("log").bounding_box()
    assert box
    assert log
    # own messages stand at the end of the line, which is the left
    assert box["x"] - log["x"] < log["width"] / 4


RIGHT_TO_LEFT = '{"direction": "rtl", "language": "ar", "texts": {"greeting": "كيف يمكننا مساعدتك؟"}}'
