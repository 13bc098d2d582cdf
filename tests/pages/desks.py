"""The agent's desk and the supervisor's view, as their people use them."""

from __future__ import annotations

import re

from playwright.async_api import Locator, Page, expect

from tests.pages.browser import MESSAGES, Device

WIDE = {"viewport": {"width": 1360, "height": 820}}
"""A screen that has room for all three columns of the desk."""


class Desk:
    """A tab with the desk of an agent."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.chat: Locator = page.get_by_role("region", name="Conversation", exact=True)
        self.log: Locator = page.get_by_role("log")
        self.words: Locator = self.log.locator(MESSAGES)
        self.is_connected: Locator = self.chat.get_by_text("Connected", exact=True)
        self.message: Locator = page.get_by_role("textbox", name="Message", exact=True)
        self.status: Locator = page.get_by_label("Your status")
        self.actions: Locator = page.get_by_role("group", name="Actions")
        self.capacity: Locator = page.get_by_role("meter", name="Capacity")
        self.dialog: Locator = page.get_by_role("dialog")

    @classmethod
    async def open(cls, device: Device, name: str = "Agent One", status: str = "Available") -> Desk:
        """Open a desk, sign in as an agent of the demo, and choose a status."""
        return await cls.sign_in(await device.page("desk"), name, status)

    @classmethod
    async def sign_in(cls, page: Page, name: str = "Agent One", status: str = "Available") -> Desk:
        """The same with a desk that is open."""
        await page.get_by_role("button", name=name).click()
        desk = cls(page)
        await expect(page.get_by_role("heading", level=1)).to_contain_text(name)
        await desk.status.select_option(status)
        await expect(desk.status).to_have_value(status.lower())
        return desk

    def offer(self, customer: str) -> Locator:
        """The card of an offer."""
        return self.page.get_by_role("article", name=f"Offer: {customer}")

    def group(self, name: str) -> Locator:
        """A group of conversations: Active, Waiting or Wrap-up."""
        return self.page.get_by_role("navigation", name="Conversations").get_by_role("region", name=name, exact=True)

    async def accept(self, customer: str) -> None:
        """Accept an offer, and wait until the agent has joined the chat."""
        await self.offer(customer).get_by_role("button", name="Accept").click()
        await expect(self.chat.get_by_role("heading", name=customer)).to_be_visible()
        await expect(self.is_connected).to_be_visible()

    async def say(self, text: str) -> None:
        """Write a message and send it with the Enter key."""
        await self.message.fill(text)
        await self.message.press("Enter")

    async def sees(self, text: str) -> None:
        """Wait until a text is in the list."""
        await self.log.get_by_text(text, exact=True).first.wait_for()

    async def act(self, action: str, confirmation: str | None = None) -> None:
        """Choose an action of the toolbar, and confirm it."""
        await self.actions.get_by_role("button", name=action).click()
        if confirmation:
            await self.dialog.get_by_role("button", name=confirmation, exact=True).click()

    async def is_told(self, text: str) -> None:
        """Wait for a notification."""
        await expect(self.page.get_by_role("region", name="Notifications")).to_contain_text(text)

    async def finish(self, customer: str) -> None:
        """End the selected chat and its wrap-up."""
        await self.act("End", "End chat")
        await self.page.get_by_role("button", name="Close", exact=True).click()
        await expect(self.group("Wrap-up").get_by_role("button", name=customer)).to_have_count(0)


class Supervisor:
    """A tab with the supervisor's view."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.dialog: Locator = page.get_by_role("dialog")

    @classmethod
    async def open(cls, device: Device) -> Supervisor:
        """Sign in as the supervisor of the demo."""
        page = await device.page("supervisor")
        await page.get_by_role("button", name="Supervisor One").click()
        await expect(page.get_by_text("Live", exact=True)).to_be_visible()
        return cls(page)

    def contact(self, customer: str) -> Locator:
        """The row of an open contact."""
        return self.page.get_by_role("region", name="Open contacts").get_by_role("row").filter(has_text=customer)

    def agent(self, name: str) -> Locator:
        """The row of an agent."""
        return self.page.get_by_role("region", name="Agents").get_by_role("row").filter(has_text=name)

    def queue(self, name: str) -> Locator:
        """The tile of a queue."""
        return self.page.get_by_role("region", name="Queues").get_by_role("button", name=re.compile(rf"^{name} "))
