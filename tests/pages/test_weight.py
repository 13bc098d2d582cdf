"""How heavy the pages are: bytes, first paint, and memory with a long history. It prints what it measures (`pytest -s`)."""

from __future__ import annotations

import gzip
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.pages.agents import Agent
from tests.pages.browser import Device
from tests.stack import ROOT

DIST = ROOT / "pages" / "dist"

MOST_BYTES = {"widget": 40_000, "chat": 20_000, "loader": 4_000, "all that a chat loads": 160_000}
"""Bytes after gzip: the page as it opens, and with ChatJS and Markdown."""

FIRST_PAINT_MS = 2_500
MESSAGES = 2_000
LOAD_MS = 300_000
MOST_ROWS = 80
MOST_HEAP_MB = 40
MOST_NODES = 3_000


def size(*paths: Path) -> int:
    return sum(len(gzip.compress(path.read_bytes())) for path in paths)


def files_of(page: str) -> list[Path]:
    """A page and the files that its HTML names."""
    html = DIST / f"{page}.html"
    named = re.findall(r'(?:src|href)="\./(pages/assets/[^"]+\.(?:js|css))"', html.read_text())
    return [html, *(DIST / each for each in named)]


def test_pages_are_small(built_pages: None) -> None:
    assets = DIST / "pages" / "assets"
    widget = files_of("widget")
    names = ("amazon-connect-chat", "Markdown", "markdownWorker")
    lazy = [path for name in names for path in assets.glob(f"{name}-*.js")]
    assert len(lazy) == len(names)
    measured = {
        "widget": size(*widget),
        "chat": size(*files_of("chat")),
        "loader": size(DIST / "pages" / "perennial-chat.js"),
        "all that a chat loads": size(*widget, *lazy),
    }
    print(f"\nbytes after gzip: {measured}")
    assert {name: value for name, value in measured.items() if value > MOST_BYTES[name]} == {}


async def test_first_paint_is_quick(device: Device) -> None:
    page = await device.page("widget?instance=demo")
    await expect(page.get_by_role("button", name="Start chat")).to_be_visible()
    paint = await page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    print(f"\nfirst contentful paint: {paint:.0f} ms")
    assert paint < FIRST_PAINT_MS


@pytest.mark.timeout(600)
async def test_long_history_takes_little_memory(device: Device, agent: Agent) -> None:
    customer = await device.customer()
    participant = agent.take(await customer.start("How many bees are there?"))

    def say(number: int) -> None:
        participant.say(f"Bee {number}: " + "it flies and hums. " * 5)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(say, range(MESSAGES)))
    await customer.log.evaluate(LOAD_ALL, timeout=LOAD_MS)
    cdp = await device.context.new_cdp_session(customer.page)
    await cdp.send("HeapProfiler.collectGarbage")
    heap = (await cdp.send("Runtime.getHeapUsage"))["usedSize"] / 1e6
    nodes = (await cdp.send("Memory.getDOMCounters"))["nodes"]
    rows = await customer.log.locator(".virtual-row").count()
    print(f"\nafter {MESSAGES} messages: {heap:.1f} MB of heap, {nodes} nodes, {rows} rows in the document")
    assert rows <= MOST_ROWS
    assert nodes <= MOST_NODES
    assert heap <= MOST_HEAP_MB


LOAD_ALL = """async (log) => {
  const end = Date.now() + 300_000;
  while (!log.textContent.includes("This is where your chats begin")) {
    if (Date.now() > end) throw new Error("the history does not end");
    log.scrollTop = 0;
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}"""
