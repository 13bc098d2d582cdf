"""Chromium with the pages of a Perennial. Each context is a device of its own; an error in its console fails the test."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Frame,
    FrameLocator,
    Locator,
    Page,
    WebError,
    async_playwright,
)

NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)

LATE_RECEIPT = "403 (Forbidden) ({url}/participant/event)"
"""ChatJS sends receipts up to a second late. Then the chat can be over."""

MESSAGES = ".message .plain-text"
"""The texts of people's messages in a list, in its order; also of those that are on their way."""

ON_THEIR_WAY = ".message-sending"
"""The messages in a list that have not arrived yet."""

WAITS = "Waiting for the connection. It is sent by itself."
"""What the page says below a message that is written without a connection."""

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}


@asynccontextmanager
async def running_chromium() -> AsyncGenerator[Browser]:
    """Run Chromium without a window."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    assert path, f"there is no Chromium ({', '.join(NAMES)}); Debian's package is `chromium`"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=OPTIONS)
        try:
            yield browser
        finally:
            await browser.close()


class Device:
    """A browser with storage of its own, and the errors of all its pages."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context = context
        self.url = url
        self.errors: list[str] = []
        self.expected: tuple[str, ...] = ()
        """Parts of errors that a test causes itself, such as a lost connection."""
        self.foreign: tuple[str, ...] = ()
        """Where the addresses of pages begin that are not of Perennial. Their errors are none of it."""
        context.on("console", self._note_message)
        context.on("weberror", self._note_exception)

    def _note_message(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not self._is_foreign(message.page):
            self.errors.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    def _note_exception(self, error: WebError) -> None:
        if not self._is_foreign(error.page):
            self.errors.append(str(error.error))

    def _is_foreign(self, page: Page | None) -> bool:
        return page is not None and page.url.startswith(self.foreign)

    @property
    def unexpected(self) -> list[str]:
        """The errors that nobody has caused on purpose."""
        expected = (*self.expected, LATE_RECEIPT.format(url=self.url))
        return [error for error in self.errors if not any(part in error for part in expected)]

    async def page(self, address: str = "chat") -> Page:
        """Open a page in a new tab."""
        page = await self.context.new_page()
        await page.goto(address if "://" in address else f"{self.url}/{address}")
        return page

    async def customer(self, address: str = "chat") -> Customer:
        """Open a tab with the widget, and the widget."""
        page = await self.page(address)
        customer = Customer(page)
        if not await page.locator("iframe").is_visible():
            await customer.launcher.click()
        return customer


class Customer:
    """A tab with the widget in it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.launcher: Locator = page.locator("button.launcher")
        self.chat: FrameLocator = page.frame_locator("iframe")
        self.log: Locator = self.chat.get_by_role("log")
        self.words: Locator = self.log.locator(MESSAGES)
        self.message: Locator = self.chat.get_by_role("textbox", name="Message", exact=True)
        self.is_connected: Locator = self.chat.get_by_text("Connected", exact=True)
        self.has_ended: Locator = self.chat.get_by_role("heading", name="This chat has ended")

    async def start(self, message: str = "Do bees sleep?", kind: str | None = None, name: str = "Ada") -> str:
        """Start a chat, and return its contact id."""
        if kind:
            await self.chat.get_by_text(kind, exact=True).click()
        await self.chat.get_by_label("Your name").fill(name)
        await self.chat.get_by_label("Your message").fill(message)
        await self.chat.get_by_role("button", name="Start chat").click()
        await self.sees(message)
        return (await self.saved())["details"]["ContactId"]

    async def say(self, text: str) -> None:
        """Write a message and send it with the Enter key."""
        await self.message.fill(text)
        await self.message.press("Enter")

    async def sees(self, text: str) -> None:
        """Wait until a text is in the list."""
        await self.log.get_by_text(text, exact=True).first.wait_for()

    async def end(self) -> None:
        """End a live chat."""
        await self.chat.get_by_role("button", name="More").click()
        await self.chat.get_by_role("button", name="End chat").click()
        await self.chat.get_by_role("dialog").get_by_role("button", name="End chat").click()

    async def saved(self, instance: str = "demo") -> Any:
        """What the browser keeps of the chat."""
        text = await self.frame.evaluate(f"localStorage.getItem('perennial.chat.{instance}') ?? 'null'")
        return json.loads(text)

    @property
    def frame(self) -> Frame:
        """The frame with the chat."""
        return self.page.frames[1]
