"""Right-to-left texts and words without an end: each text has its own direction, and nothing makes a page scroll sideways."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.async_api import Frame, Locator, Page, expect

from tests.pages.agents import Agent
from tests.pages.browser import MESSAGES, PHONE
from tests.pages.conftest import Devices
from tests.pages.desks import WIDE, Desk, Supervisor

pytestmark = pytest.mark.usefixtures("quiet_floor")

ARABIC = "مرحبا، هل ينام النحل؟"
ARABIC_WORD = "مستشفياتنا" * 30
LATIN_WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerk" * 6
ADDRESS = "https://example.org/" + "a-very-long-path" * 20
MIXED = "نحلة means bee, and 3 من 5 نعم"
ARABIC_NAME = "عبدالرحمنبنمحمدبنعبدالله" * 3

MARKDOWN = f"""# {LATIN_WORD}

> {ARABIC_WORD}

1. {LATIN_WORD}
2. `{LATIN_WORD}`

```
{LATIN_WORD} {LATIN_WORD}
```

| {ARABIC_WORD} | {LATIN_WORD} |
|---|---|
| {LATIN_WORD} | {ARABIC} |
"""

SCREENS: list[dict[str, Any]] = [PHONE, WIDE]

SIDEWAYS = """() => {
  const isCutOff = (element) => {
    const { left, right, width } = element.getBoundingClientRect();
    return width > 0 && (left < -1 || right > document.documentElement.clientWidth + 1);
  };
  const scrolls = (element) =>
    element.scrollWidth > element.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(element).overflowX);
  const root = document.documentElement;
  const found = root.scrollWidth > root.clientWidth ? [root] : [];
  for (const element of document.querySelectorAll("body *")) {
    if (element.closest("pre, table, .visually-hidden")) continue;
    if (element.clientWidth > 0 && (scrolls(element) || isCutOff(element))) found.push(element);
  }
  return found.map((element) => element.cloneNode(false).outerHTML);
}"""
"""The elements that are wider than their place. A block of code and a table scroll by themselves."""


async def is_inside(document: Page | Frame) -> None:
    """Check that nothing in a document reaches over its sides."""
    assert await document.evaluate(SIDEWAYS) == []


async def direction_of(text: Locator) -> str:
    return await text.evaluate("element => getComputedStyle(element).direction")


@pytest.mark.parametrize("screen", SCREENS, ids=["phone", "wide"])
@pytest.mark.parametrize("page_direction", ["rtl", "ltr"])
async def test_customer_reads_all_directions(
    devices: Devices, agent: Agent, screen: dict[str, Any], page_direction: str
) -> None:
    device = await devices(**screen)
    options = json.dumps({"direction": page_direction, "name": ARABIC_NAME})
    page = await device.page(f"widget?instance=demo#{options}")
    await page.get_by_label("Your message").fill(ARABIC_WORD)
    await is_inside(page)
    await page.get_by_role("button", name="Start chat").click()
    log = page.get_by_role("log")
    words = log.locator(MESSAGES)
    await expect(words).to_have_text([ARABIC_WORD])
    await is_inside(page)
    saved = json.loads(await page.evaluate("localStorage['perennial.chat.demo']"))
    participant = agent.take(saved["details"]["ContactId"])
    for text in (LATIN_WORD, ARABIC, MIXED, ADDRESS):
        participant.say(text)
    message = page.get_by_role("textbox", name="Message", exact=True)
    await message.fill(LATIN_WORD)
    await is_inside(page)
    await message.press("Enter")
    await expect(words).to_have_text([ARABIC_WORD, LATIN_WORD, ARABIC, MIXED, ADDRESS, LATIN_WORD])
    directions = [await direction_of(each) for each in await words.all()]
    assert directions == ["rtl", "ltr", "rtl", "rtl", "ltr", "ltr"]
    await is_inside(page)
    # where a message stands is decided by the page, and not by what is written
    box, place = await log.locator(".message-body").filter(has_text=ARABIC).bounding_box(), await log.bounding_box()
    assert box
    assert place
    before, after = box["x"] - place["x"], place["x"] + place["width"] - box["x"] - box["width"]
    assert (before < after) is (page_direction == "ltr")

    participant.say(MARKDOWN, "text/markdown")
    await expect(log.locator(".rich-text table")).to_be_visible()
    files = page.locator("input[type=file]")
    await files.set_input_files({"name": f"{LATIN_WORD[:200]}.txt", "mimeType": "text/plain", "buffer": b"bees"})
    await expect(log.get_by_role("button", name=re.compile("^Download Donau"))).to_be_visible()
    await is_inside(page)
    await log.evaluate("log => log.scrollTop = 0")
    await is_inside(page)


@pytest.mark.parametrize("screen", SCREENS, ids=["phone", "wide"])
async def test_agent_and_supervisor_read_all_directions(devices: Devices, screen: dict[str, Any]) -> None:
    desk, view = await Desk.open(await devices(**screen)), await Supervisor.open(await devices(**screen))
    customer = await (await devices()).customer()
    await customer.start(ARABIC_WORD, kind="Leave it open", name=ARABIC_NAME)
    await expect(desk.offer(ARABIC_NAME)).to_be_visible()
    await is_inside(desk.page)
    await desk.accept(ARABIC_NAME)
    await expect(view.contact(ARABIC_NAME)).to_contain_text("Active")
    await is_inside(view.page)
    await view.contact(ARABIC_NAME).get_by_role("button", name="Assign").click()
    await is_inside(view.page)
    for text in (LATIN_WORD, ARABIC, MIXED):
        await desk.say(text)
    await customer.say(ADDRESS)
    await expect(desk.words).to_have_text([ARABIC_WORD, LATIN_WORD, ARABIC, MIXED, ADDRESS])
    directions = [await direction_of(each) for each in await desk.words.all()]
    assert directions == ["rtl", "ltr", "rtl", "rtl", "ltr"]
    await is_inside(desk.page)
    await desk.act("Transfer")
    await expect(desk.dialog).to_contain_text("Agent Two")
    await is_inside(desk.page)
    await desk.page.keyboard.press("Escape")

    details = desk.page.get_by_role("button", name="Details and notes")
    if await details.is_visible():
        await details.click()
    for text in (ARABIC_WORD, LATIN_WORD):
        await desk.page.get_by_label("New note, for agents only").fill(text)
        await desk.page.get_by_role("button", name="Save note").click()
        await expect(desk.page.get_by_role("region", name="Notes")).to_contain_text(text)
    await is_inside(desk.page)
    back = desk.page.get_by_role("button", name="Back to the chat")
    if await back.is_visible():
        await back.click()
    await desk.act("Park")
    await expect(desk.page.get_by_role("button", name="Resume", exact=True)).to_be_visible()
    await customer.say(LATIN_WORD)
    await desk.is_told(f"{ARABIC_NAME} has come back.")
    await is_inside(desk.page)
    await desk.page.get_by_role("button", name="Resume", exact=True).click()
    await expect(desk.words.last).to_have_text(LATIN_WORD)
    await desk.finish(ARABIC_NAME)
