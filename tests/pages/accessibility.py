"""Findings of axe on a page. The browser's tools load it into the page, so the policy of the page does not concern it."""

from __future__ import annotations

from playwright.async_api import Frame, Page

from tests.stack import ROOT

AXE = ROOT / "pages" / "node_modules" / "axe-core" / "axe.min.js"

_RUN = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"], iframes: false });
  return violations.flatMap(({ id, impact, nodes }) =>
    nodes.map(({ target, html }) => `${impact} ${id}: ${target} ${html.slice(0, 200)}`));
}"""


async def findings(document: Page | Frame) -> list[str]:
    """What axe finds wrong, each with its impact, rule and place. The documents of frames are not looked at."""
    page = document if isinstance(document, Page) else document.page
    # no animation: a text that fades in has no contrast yet
    await page.emulate_media(reduced_motion="reduce")
    await document.evaluate(AXE.read_text())
    return await document.evaluate(_RUN)
