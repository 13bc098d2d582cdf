"""The agent's desk: offers, chats, parking, transfers, wrap-up, reloads."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import httpx
import pytest
from playwright.async_api import expect

from tests.pages.browser import PHONE, Device
from tests.pages.conftest import Devices
from tests.pages.desks import WIDE, Desk

pytestmark = pytest.mark.usefixtures("quiet_floor")


async def test_agent_accepts_an_offer_and_both_sides_talk(devices: Devices) -> None:
    agent_device, customer_device = await devices(), await devices()
    desk = await Desk.open(agent_device)
    await expect(desk.page.get_by_role("heading", name="All is quiet")).to_be_visible()
    await expect(desk.capacity).to_have_attribute("aria-valuetext", "0 of 4 in use")

    customer = await customer_device.customer()
    await customer.start("Do bees sleep?", name="Berta")
    await expect(desk.offer("Berta").get_by_role("timer")).to_have_text(re.compile(r"^[12]:\d\d$"))
    await expect(desk.page).to_have_title("(1) Desk")
    await expect(desk.capacity).to_have_attribute("aria-valuetext", "1 of 4 in use")
    await desk.accept("Berta")
    await desk.sees("Do bees sleep?")
    await expect(desk.page).to_have_title("Desk")

    await desk.say("Between five and eight hours a day.")
    await customer.sees("Between five and eight hours a day.")
    await customer.message.press_sequentially("Th")
    await expect(desk.page.get_by_text("Berta is writing…")).to_be_visible()
    await customer.say("Thank you!")
    await desk.sees("Thank you!")
    await expect(customer.log.locator(".message-own").last).to_contain_text("Read")


async def test_unseen_messages_are_counted(devices: Devices) -> None:
    desk = await Desk.open(await devices(**WIDE))
    berta, carl = await (await devices()).customer(), await (await devices()).customer()
    await berta.start("Hello from Berta", name="Berta")
    await desk.accept("Berta")
    await carl.start("Hello from Carl", name="Carl")
    await desk.accept("Carl")
    await berta.say("Are you there?")
    entry = desk.group("Active").get_by_role("button", name="Berta")
    await expect(entry).to_contain_text("Are you there?")
    await expect(desk.page).to_have_title("(1) Desk")
    await expect(entry.locator(".count")).to_have_text("New: 1")
    await desk.page.keyboard.press("Alt+ArrowUp")
    await desk.sees("Are you there?")
    await expect(desk.page).to_have_title("Desk")
    await desk.finish("Berta")


async def test_parked_customer_returns_and_the_chat_is_resumed(devices: Devices) -> None:
    desk = await Desk.open(await devices(**WIDE))
    customer = await (await devices()).customer()
    await customer.start("I have time", kind="Leave it open", name="Dora")
    await desk.accept("Dora")
    await desk.say("I look it up.")
    await customer.sees("I look it up.")
    await desk.act("Park")
    parked = desk.group("Waiting").get_by_role("button", name="Dora")
    await expect(parked).to_be_visible()
    await desk.sees("I look it up.")
    await expect(desk.message).to_have_count(0)
    await expect(desk.capacity).to_have_attribute("aria-valuetext", "0 of 4 in use")

    await desk.page.reload()
    await parked.click()
    await desk.sees("I look it up.")

    await customer.say("Any news?")
    await desk.is_told("Dora has come back.")
    await expect(parked).to_contain_text("Has come back")
    await expect(desk.page).to_have_title(re.compile(r"^\(\d\) Desk$"))
    await desk.page.get_by_role("button", name="Resume", exact=True).click()
    await desk.sees("Any news?")
    await desk.say("Here is the answer.")
    await customer.sees("Here is the answer.")

    history = desk.page.get_by_role("region", name="History")
    await expect(history.get_by_text("Agent One joined", exact=True)).to_have_count(2)

    # without a return of the customer, and by keys
    await desk.page.keyboard.press("Alt+P")
    await expect(desk.page.get_by_role("button", name="Resume", exact=True)).to_be_enabled()
    await desk.page.keyboard.press("Alt+P")
    await expect(desk.group("Active").get_by_role("button", name="Dora")).to_be_visible()
    await desk.finish("Dora")


async def test_chat_is_transferred_with_its_notes_and_its_past(devices: Devices) -> None:
    first, second = await Desk.open(await devices(**WIDE)), await Desk.open(await devices(**WIDE), "Agent Two", "Away")
    customer = await (await devices()).customer()
    await customer.start("It is about honey", name="Emil")
    await first.accept("Emil")
    await first.page.get_by_label("New note, for agents only").fill("Likes <b>honey</b>.")
    await first.page.get_by_role("button", name="Save note").click()
    await expect(first.page.get_by_role("region", name="Notes")).to_contain_text("Likes <b>honey</b>.")
    await first.act("Transfer")
    await first.dialog.get_by_label(re.compile("Agent Two")).check()
    await first.dialog.get_by_role("button", name="Transfer", exact=True).click()
    await expect(first.group("Active").get_by_role("button")).to_have_count(0)

    await second.is_told("You have a conversation with Emil.")
    await second.page.get_by_role("button", name="Open", exact=True).click()
    await second.sees("It is about honey")
    await expect(second.page.get_by_role("region", name="Notes")).to_contain_text("Likes <b>honey</b>.")
    await second.say("Hello, I am the second one.")
    await customer.sees("Hello, I am the second one.")

    await second.act("Transfer")
    await second.dialog.get_by_label("persistent", exact=True).check()
    await second.dialog.get_by_role("button", name="Transfer", exact=True).click()
    await first.accept("Emil")
    await first.sees("Hello, I am the second one.")
    await first.finish("Emil")


async def test_release_gives_the_chat_back(devices: Devices) -> None:
    desk = await Desk.open(await devices(**WIDE))
    customer = await (await devices()).customer()
    await customer.start("Hello", name="Frida")
    await desk.accept("Frida")
    await desk.act("Release")
    await expect(desk.dialog).to_contain_text("It goes back to the queue live")
    await desk.page.keyboard.press("Escape")
    await expect(desk.group("Active").get_by_role("button", name="Frida")).to_be_visible()
    await desk.act("Release", "Release")
    await expect(desk.group("Active").get_by_role("button", name="Frida")).to_have_count(0)
    other = await Desk.open(await devices(**WIDE), "Agent Two")
    await other.accept("Frida")
    await other.sees("Hello")
    await other.finish("Frida")


async def test_ended_chat_is_wrapped_up(devices: Devices) -> None:
    desk = await Desk.open(await devices(**WIDE))
    customer = await (await devices()).customer()
    await customer.start("Hello", name="Gerd")
    await desk.accept("Gerd")
    await desk.act("End", "End chat")
    await expect(customer.has_ended).to_be_visible()
    await expect(desk.group("Wrap-up").get_by_role("button", name="Gerd")).to_be_visible()
    await expect(desk.page.get_by_role("timer", name="Time in wrap-up")).to_have_text(re.compile(r"^0:\d\d$"))
    await expect(desk.page.get_by_role("timer", name="Time until it closes")).to_have_text(
        re.compile(r"^closes in 1[45]:\d\d$")
    )
    await desk.page.reload()
    await desk.sees("Hello")
    await desk.page.keyboard.press("Alt+N")
    await desk.page.keyboard.type("Wants a jar.")
    await desk.page.keyboard.press("Control+Enter")
    await expect(desk.page.get_by_role("region", name="Notes")).to_contain_text("Wants a jar.")
    await desk.page.get_by_role("button", name="Close", exact=True).click()
    await expect(desk.page.get_by_text("Nothing to finish")).to_be_visible()
    await expect(desk.capacity).to_have_attribute("aria-valuetext", "0 of 4 in use")


async def test_offer_is_declined_and_offline_is_asked_first(devices: Devices) -> None:
    desk = await Desk.open(await devices(**WIDE))
    customer = await (await devices()).customer()
    await customer.start("Hello", name="Jana")
    await desk.offer("Jana").get_by_role("button", name="Decline").click()
    await expect(desk.offer("Jana")).to_have_count(0)
    other = await (await devices()).customer()
    await other.start("Hello", name="Karl")
    await desk.page.keyboard.press("Alt+A")
    await expect(desk.group("Active").get_by_role("button", name="Karl")).to_be_visible()
    await desk.status.select_option("Offline")
    await desk.dialog.get_by_role("button", name="When I am free").click()
    await expect(desk.page.get_by_text("Offline when you are free.")).to_be_visible()
    await desk.finish("Karl")
    await expect(desk.status).to_have_value("offline")


async def test_agent_takes_the_next_of_a_queue(devices: Devices) -> None:
    desk = await Desk.open(await devices(**WIDE), status="Away")
    customer = await (await devices()).customer()
    await customer.start("Hello", name="Lars")
    await desk.page.get_by_text("Queues", exact=True).click()
    await desk.page.get_by_role("button", name="Take next of live").click()
    await desk.sees("Hello")
    await desk.finish("Lars")


async def test_team_hands_the_token_over_in_the_fragment(device: Device, http: httpx.Client) -> None:
    body = {"instance": "demo", "user": "a1"}
    token = http.post("/v1/demo/sign-in", json=body).json()["token"]
    temporal = "https://temporal.example.org/namespaces/support"
    page = await device.page(f"desk#{urlencode({'token': token, 'temporal_ui': temporal})}")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Agent One")
    assert page.url.endswith("/desk")
    assert token not in await page.evaluate("JSON.stringify(localStorage)")
    assert temporal in await page.evaluate("JSON.stringify(sessionStorage)")
    await page.reload()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Agent One")
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_text("Choose who you are.", exact=False)).to_be_visible()
    assert token not in await page.evaluate("JSON.stringify(sessionStorage)")


async def test_invalid_token_is_said(device: Device) -> None:
    device.expected = ("403",)
    page = await device.page("desk#token=wrong")
    await expect(page.get_by_role("alert")).to_contain_text("Your sign-in has ended")


async def test_desk_fits_a_phone(devices: Devices) -> None:
    desk = await Desk.open(await devices(**PHONE))
    customer = await (await devices()).customer()
    name = "Wolfeschlegelsteinhausenbergerdorff" * 2
    await customer.start("Donaudampfschifffahrtselektrizitätenhauptbetriebswerk" * 4, name=name)
    await desk.accept(name)
    assert await desk.page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
    await desk.page.get_by_role("button", name="Details and notes").click()
    await expect(desk.page.get_by_role("region", name="Contact", exact=True)).to_be_visible()
    assert await desk.page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
    await desk.page.get_by_role("button", name="Back to the chat").click()
    await desk.page.get_by_role("button", name="Back to the list").click()
    await expect(desk.status).to_be_visible()
