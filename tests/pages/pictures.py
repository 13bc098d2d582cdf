"""Makes the pictures of README.md from a Perennial of its own: `python -m tests.pages.pictures`, after `make pages`.

Everything in them is done by the pages, with the configuration of the demo.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from playwright.async_api import Browser, Page, expect

from tests.pages.agents import Agent, Participant
from tests.pages.browser import Customer, Device, running_chromium
from tests.pages.conftest import PATIENCE_MS
from tests.pages.desks import Desk
from tests.stack import ROOT, SECRET, Stack

IMAGES = ROOT / "docs" / "images"
MOST_BYTES = 200_000

PHONE = {"viewport": {"width": 400, "height": 640}, "device_scale_factor": 2}
SCREEN = {"viewport": {"width": 1360, "height": 800}, "device_scale_factor": 1.25}

ANSWER = """They do, for **five to eight hours** a day:

- foragers at night
- young bees at any time"""

KEY = {"authorization": f"Bearer {SECRET}"}


def describe(http: httpx.Client, contact_id: str, **attributes: str) -> None:
    """Say what a backend knows of a customer."""
    body = {"InstanceId": "demo", "InitialContactId": contact_id, "Attributes": attributes}
    http.post("/contact/attributes", json=body, headers=KEY).raise_for_status()


def start(http: httpx.Client, name: str, workstream: str, message: str, **attributes: str) -> Participant:
    """Start a chat as a backend does for a customer, and connect them."""
    body = {
        "InstanceId": "demo",
        "ContactFlowId": workstream,
        "ParticipantDetails": {"DisplayName": name},
        "InitialMessage": {"ContentType": "text/plain", "Content": message},
        "Attributes": attributes,
    }
    chat = http.put("/contact/chat", json=body, headers=KEY).raise_for_status().json()
    return Participant(http, chat["ParticipantToken"], connects=False)


async def take(page: Page, name: str) -> None:
    """Save what the page shows, light and dark."""
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        path = IMAGES / f"{name}-{scheme}.png"
        await page.screenshot(path=path, animations="disabled", caret="hide")
        size = path.stat().st_size
        print(f"{path.relative_to(ROOT)}: {size // 1000} KB")
        assert size < MOST_BYTES, f"{path} is too large for a page that people read"


async def device(browser: Browser, stack: Stack, **options: Any) -> Device:
    """A device of its own, whose people read English."""
    return Device(await browser.new_context(locale="en-GB", **options), stack.url)


async def customer_picture(browser: Browser, stack: Stack, http: httpx.Client) -> None:
    """A live chat with receipts, and an agent who is writing."""
    page = await (await device(browser, stack, **PHONE)).page("widget?instance=demo")
    await page.get_by_label("Your name").fill("Ada")
    await page.get_by_label("Your message").fill("Do bees sleep?")
    await page.get_by_role("button", name="Start chat").click()
    await expect(page.get_by_text("Waiting for somebody to answer")).to_be_visible()
    contact = await page.evaluate("JSON.parse(localStorage['perennial.chat.demo']).details.ContactId")
    agent = Agent(http)
    participant = agent.take(contact)
    participant.say(ANSWER, "text/markdown")
    await expect(page.locator(".rich-text")).to_be_visible()
    message = page.get_by_role("textbox", name="Message", exact=True)
    await message.fill("And where?")
    await message.press("Enter")
    await expect(page.locator(".message-own").last).to_contain_text("Sent")
    said = participant.transcript()[-1]
    participant.event("message.read", f'{{"messageId": "{said["Id"]}"}}')
    await expect(page.locator(".message-own").last).to_contain_text("Read")
    participant.event("typing")
    await expect(page.get_by_text("Agent One is writing…")).to_be_visible()
    await take(page, "customer")
    agent.finish(contact)
    agent.leave()


async def desk_picture(browser: Browser, stack: Stack, http: httpx.Client) -> None:
    """A conversation with its past, others beside it, and an offer."""
    customer = Customer(await (await device(browser, stack)).page("chat"))
    await customer.launcher.click()
    first = await customer.start("My order from last week has not arrived.", kind="Leave it open")
    agent = Agent(http)
    agent.take(first).say("It is on its way: you have it by Friday.")
    await customer.sees("It is on its way: you have it by Friday.")
    agent.finish(first)

    desk = await Desk.open(await device(browser, stack, **SCREEN))
    start(http, "Cyril", "persistent", "No hurry: which honey goes with cheese?")
    await desk.accept("Cyril")
    await desk.say("A dark one. I ask our beekeeper which.")
    await desk.act("Park")
    berta = start(http, "Berta", "live", "Can I change my address?", topic="address")
    await desk.accept("Berta")
    await desk.say("Of course. What is the new one?")

    await customer.chat.get_by_role("button", name="Continue").click()
    await customer.say("It is here, thank you! But one jar is broken.")
    second = (await customer.saved())["details"]["ContactId"]
    describe(http, second, order="B-2041", tier="gold")
    await desk.accept("Ada")
    await desk.say("I am sorry! We send you a new one.")
    await customer.say("That is kind.")
    await desk.sees("That is kind.")
    note = desk.page.get_by_label("New note, for agents only")
    await note.fill("Second parcel with a broken jar: tell the packers.")
    await note.press("Control+Enter")
    await expect(desk.page.get_by_role("region", name="Notes")).to_contain_text("tell the packers")
    berta.say("Hive Lane 7, as of Monday")
    start(http, "Dmitri", "live", "Do you deliver to Graz?", topic="delivery")
    await expect(desk.offer("Dmitri")).to_be_visible()
    await expect(desk.group("Active").get_by_role("button", name="Berta")).to_contain_text("Hive Lane 7")
    await desk.message.focus()
    await take(desk.page, "desk")


async def main() -> None:
    expect.set_options(timeout=PATIENCE_MS)
    with TemporaryDirectory() as folder:
        stack = Stack(Path(folder))
        stack.start()
        try:
            with httpx.Client(base_url=stack.url, timeout=60) as http:
                async with running_chromium() as browser:
                    await customer_picture(browser, stack, http)
                    await desk_picture(browser, stack, http)
        finally:
            stack.stop()


if __name__ == "__main__":
    asyncio.run(main())
