"""The first walk of somebody new, word for word.

They open two links, a minute later have chatted with themselves, closed the tab, come back, parked, resumed, transferred, ended,
filled in the survey, and continued the old chat with its history in view, while a third tab shows the same conversation in the
Temporal UI.
"""

from __future__ import annotations

import re
import time
from urllib.parse import quote

import pytest
from playwright.async_api import Locator, Page, expect

from tests.api.calls import Api
from tests.pages.conftest import Devices
from tests.pages.desks import WIDE, Desk

pytestmark = pytest.mark.usefixtures("quiet_floor")

A_MINUTE = 60


class TemporalTab:
    """A tab of the Temporal UI with one conversation."""

    def __init__(self, page: Page) -> None:
        self.page = page

    @classmethod
    async def follow(cls, link: Locator, contact: str) -> TemporalTab:
        """Follow a page's link, and choose what the conversation says about itself."""
        page = await tab_of(link)
        await expect(page.get_by_text(contact, exact=True).first).to_be_visible()
        await expect(page.get_by_text("Running", exact=True).first).to_be_visible()
        await page.get_by_text("User Metadata", exact=True).first.click()
        await page.wait_for_url("**/user-metadata**")
        return cls(page)

    async def shows(self, state: str, waiting_for: str) -> None:
        """Ask again, and check what it says. The UI has its Markdown rendered by a document of its own, in a frame."""
        await self.page.bring_to_front()
        await self.page.reload()
        details = self.page.locator(f'iframe[src*="{as_in_address(f"persistent chat: {state} since")}"]')
        await expect(details).to_be_visible()
        address = re.compile(re.escape(as_in_address(f"**Waiting for** {waiting_for}")))
        await expect(details).to_have_attribute("src", address)


def as_in_address(text: str) -> str:
    """A text as encodeURIComponent writes it."""
    return quote(text, safe="!~*'()")


async def tab_of(link: Locator) -> Page:
    """Follow a link with the keyboard, and return the tab that it opens."""
    async with link.page.context.expect_page() as opened:
        await link.press("Enter")
    return await opened.value


def temporal_link(page: Page) -> Locator:
    """The link of the customer's page to its conversation."""
    return page.get_by_role("link", name="This conversation in the Temporal UI")


@pytest.mark.timeout(300)
async def test_first_walk(devices: Devices, served_pages: Api) -> None:
    device = await devices(**WIDE)
    device.foreign = (f"http://127.0.0.1:{served_pages.stack.ui_port}/",)

    # two links, and a minute later they have chatted with themselves
    began = time.monotonic()
    customer = await device.customer()
    desk = await Desk.sign_in(await tab_of(customer.page.get_by_role("link", name="the desk")))
    colleague = await Desk.open(device, "Agent Two", "Away")
    await customer.page.bring_to_front()
    contact = await customer.start("Do bees sleep?", kind="Leave it open, with a survey", name="Sofia")
    await desk.page.bring_to_front()
    await desk.accept("Sofia")
    await desk.say("Between five and eight hours a day.")
    words = ["Do bees sleep?", "Between five and eight hours a day."]
    await expect(customer.words).to_have_text(words)
    await customer.page.bring_to_front()
    await customer.say("That is more than me.")
    words.append("That is more than me.")
    await expect(desk.words).to_have_text(words)
    assert time.monotonic() - began < A_MINUTE

    # a third tab shows the same conversation
    temporal = await TemporalTab.follow(temporal_link(customer.page), contact)
    await temporal.shows("ACTIVE", "agent a1 to answer.")

    # they close the tab, and come back
    await customer.page.close()
    await desk.page.bring_to_front()
    await desk.say("Are you still there?")
    words.append("Are you still there?")
    customer = await device.customer()
    await expect(customer.words).to_have_text(words)

    # parked
    await desk.page.bring_to_front()
    await desk.act("Park")
    await expect(desk.group("Waiting").get_by_role("button", name="Sofia")).to_be_visible()
    await temporal.shows("WAITING", "the customer to write again, or agent a1 to resume it.")

    # resumed
    await customer.page.bring_to_front()
    await customer.say("Any news?")
    words.append("Any news?")
    await desk.page.bring_to_front()
    await desk.is_told("Sofia has come back.")
    await desk.page.get_by_role("button", name="Resume", exact=True).click()
    await expect(desk.words).to_have_text(words)
    await desk.say("Let me ask a colleague.")
    words.append("Let me ask a colleague.")
    await expect(customer.words).to_have_text(words)

    # transferred
    await desk.act("Transfer")
    await desk.dialog.get_by_label(re.compile("Agent Two")).check()
    await desk.dialog.get_by_role("button", name="Transfer", exact=True).click()
    await expect(desk.group("Active").get_by_role("button")).to_have_count(0)
    await colleague.page.bring_to_front()
    await colleague.is_told("You have a conversation with Sofia.")
    await colleague.page.get_by_role("button", name="Open", exact=True).click()
    await expect(colleague.words).to_have_text(words)
    await expect(colleague.is_connected).to_be_visible()
    await colleague.say("Hello, I know all about bees.")
    words.append("Hello, I know all about bees.")
    await expect(customer.words).to_have_text(words)
    await expect(customer.chat.get_by_role("heading", name="Agent Two")).to_be_visible()
    await temporal.shows("ACTIVE", "the customer to answer agent a2.")

    # ended
    await colleague.page.bring_to_front()
    await colleague.act("End", "End chat")
    await expect(customer.chat.get_by_role("button", name="Good")).to_be_visible()
    await temporal.shows("WRAP_UP", "the customer to answer the survey, and agent a2 to close the wrap-up.")

    # the survey
    await customer.page.bring_to_front()
    await customer.chat.get_by_role("button", name="Good").click()
    await customer.sees("Is there anything else you would like to tell us?")
    await customer.say("More flowers")
    await customer.sees("Thank you.")
    await expect(customer.has_ended).to_be_visible()
    await colleague.page.bring_to_front()
    await colleague.page.get_by_role("button", name="Close", exact=True).click()
    await expect(colleague.page.get_by_text("Nothing to finish")).to_be_visible()
    await temporal.page.reload()
    await expect(temporal.page.get_by_text("Completed", exact=True).first).to_be_visible()

    # the old chat continued, with its history in view
    await customer.page.bring_to_front()
    await customer.chat.get_by_role("button", name="Continue").click()
    await expect(customer.message).to_be_visible()
    await customer.say("And do they dream?")
    await expect(customer.log.locator(".divider").last).to_have_text("This chat")
    await desk.page.bring_to_front()
    await desk.accept("Sofia")
    for side in (customer, desk):
        await side.page.bring_to_front()
        await side.sees("And do they dream?")
        await side.log.evaluate("log => log.scrollTop = 0")
        for text in words:
            await side.sees(text)
    await desk.say("Nobody knows.")
    await customer.page.bring_to_front()
    await customer.chat.get_by_role("button", name="New messages").click()
    await customer.sees("Nobody knows.")
    continued = (await customer.saved())["details"]["ContactId"]
    assert continued != contact
    await expect(temporal_link(customer.page)).to_have_attribute("href", re.compile(f"/workflows/{continued}$"))
    await desk.page.bring_to_front()
    await desk.finish("Sofia")
