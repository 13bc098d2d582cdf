"""Findings of axe on a page. The browser's tools load it into the page, so the policy of the page does not concern it."""

from __future__ import annotations

from playwright.async_api import Page

from tests.stack import ROOT

AXE = ROOT / "pages" / "node_modules" / "axe-core" / "axe.min.js"

_RUN = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  return violations.flatMap(({ id, impact, nodes }) => nodes.map(({ target }) => `${impact} ${id}: ${target}`));
}"""


async def findings(page: Page) -> list[str]:
    """What axe finds wrong, each with its impact, rule and place."""
    # no animation: a text that fades in has no contrast yet
    await page.emulate_media(reduced_motion="reduce")
    await page.evaluate(AXE.read_text())
    return await page.evaluate(_RUN)
