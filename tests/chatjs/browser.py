"""Chromium with pages that have loaded unmodified ChatJS. It comes from the machine, such as Debian's package `chromium`."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Self

from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright

from tests.chatjs.driver import FOLDER
from tests.chatjs.session import Session

NAMES = ("chromium", "chromium-browser", "google-chrome")


class ChromiumTab(Session):
    """A session in a page of its own, with a profile of its own."""

    def __init__(self, page: Page, log: Path) -> None:
        super().__init__(log)
        self._page = page

    @classmethod
    async def open(cls, browser: Browser, address: str, log: Path) -> Self:
        """Open the page, and wait until it has loaded ChatJS."""
        context = await browser.new_context()
        page = await context.new_page()
        tab = cls(page, log)
        log.touch()
        page.on("console", tab._write_to_log)
        await page.expose_function("report", tab._report)
        await page.goto(f"{address}/page.html")
        await tab.wait_for("ready")
        return tab

    async def close(self) -> None:
        await self._page.context.close()
        await self._end()

    async def _perform(self, call: dict[str, Any]) -> None:
        # the answer comes as a report, as events do, so that both keep their order
        await self._page.evaluate("call => void perform(call)", call)

    async def _report(self, line: str) -> None:
        await self._receive(json.loads(line))

    def _write_to_log(self, message: ConsoleMessage) -> None:
        with self._log.open("a") as log:
            log.write(f"{message.type}: {message.text}\n")


@asynccontextmanager
async def running_chromium() -> AsyncGenerator[Browser]:
    """Run Chromium without a window."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    assert path, f"there is no Chromium ({', '.join(NAMES)}); Debian's package is `chromium`"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path)
        try:
            yield browser
        finally:
            await browser.close()


@contextmanager
def served_page() -> Generator[str]:
    """Serve page.html and what it loads. Provides the address, which is another origin than that of the API."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_QuietHandler, directory=FOLDER)) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing."""
