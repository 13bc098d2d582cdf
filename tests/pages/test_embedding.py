"""The widget on a site of another origin, with a strict policy and styles of its own."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from playwright.async_api import expect

from tests.api.calls import Api
from tests.pages.browser import Customer
from tests.pages.conftest import SHOP_PORT, Devices

STYLES = "* { font-size: 50px !important; color: red !important; border-radius: 0 !important } iframe { display: none }"

ATTRIBUTES = """data-instance="elsewhere" data-name="Grace" data-attributes='{"topic": "bees"}' data-position="start"
  data-language="de" data-texts='{"open": "Chat öffnen", "title": "Hilfe", "greeting": "Wie können wir helfen?"}'"""


@pytest.fixture
def site(served_pages: Api) -> Iterator[str]:
    """Serves the page of a site. Provides its address."""
    api = served_pages.stack.url
    page = f"""<!doctype html><html lang="en"><title>Shop</title><link rel="stylesheet" href="/styles.css">
      <h1>Shop</h1><script src="{api}/pages/perennial-chat.js" {ATTRIBUTES} async></script></html>"""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_page = self.path == "/"
            content = (page if is_page else STYLES if self.path == "/styles.css" else "").encode()
            self.send_response(200)
            self.send_header("content-type", "text/html; charset=utf-8" if is_page else "text/css")
            policy = f"default-src 'none'; style-src 'self'; script-src {api}; frame-src {api}; img-src 'self'"
            self.send_header("content-security-policy", policy)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", SHOP_PORT), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://shop.localhost:{SHOP_PORT}/"
        server.shutdown()
        thread.join()


async def test_one_script_tag_is_enough(devices: Devices, site: str, served_pages: Api) -> None:
    device = await devices()
    page = await device.page(site)
    customer = Customer(page)
    await expect(customer.launcher).to_have_accessible_name("Chat öffnen")
    box = await customer.launcher.bounding_box()
    assert box
    assert box["x"] < 100
    await customer.launcher.click()
    await expect(page.locator("iframe")).to_have_attribute("title", "Hilfe")
    await expect(customer.chat.get_by_role("heading", name="Wie können wir helfen?")).to_be_visible()
    # the site has said the name, and there is one workstream only
    assert await customer.chat.get_by_label("Your name").count() == 0
    assert await customer.chat.get_by_role("radio").count() == 0
    await customer.chat.get_by_label("Your message").fill("Hallo")
    await customer.chat.get_by_role("button", name="Start chat").click()
    await customer.sees("Hallo")
    saved = await customer.saved("elsewhere")
    found = served_pages.send(
        "GetContactAttributes",
        path={"InstanceId": "elsewhere", "InitialContactId": saved["details"]["ContactId"]},
    )
    assert found.json()["Attributes"] == {"topic": "bees", "language": "de"}


async def test_styles_of_site_and_widget_do_not_mix(devices: Devices, site: str) -> None:
    device = await devices()
    page = await device.page(site)
    customer = Customer(page)
    assert await customer.launcher.evaluate("button => getComputedStyle(button).borderRadius") == "50%"
    await customer.launcher.click()
    heading = customer.chat.get_by_role("heading", name="Wie können wir helfen?")
    assert await heading.evaluate("heading => getComputedStyle(heading).fontSize") == "22px"
    assert await page.get_by_role("heading").evaluate("heading => getComputedStyle(heading).fontSize") == "50px"


async def test_site_that_is_not_named_cannot_show_the_chat(devices: Devices, site: str) -> None:
    device = await devices()
    device.expected = ("frame-ancestors", "Refused to frame", "Framing", "ERR_BLOCKED_BY_RESPONSE")
    page = await device.page(site.replace("shop.localhost", "other.localhost"))
    await Customer(page).launcher.click()
    await expect(page.frame_locator("iframe").get_by_role("heading", name="Wie können wir helfen?")).to_have_count(0)
    assert any("frame-ancestors" in error for error in device.errors)


async def test_token_of_the_chat_is_out_of_reach_of_the_site(devices: Devices, site: str) -> None:
    device = await devices()
    page = await device.page(site)
    customer = Customer(page)
    await customer.launcher.click()
    await customer.chat.get_by_label("Your message").fill("Hallo")
    await customer.chat.get_by_role("button", name="Start chat").click()
    await customer.sees("Hallo")
    kept = await page.evaluate("JSON.stringify([localStorage, sessionStorage])")
    assert "eyJ" not in kept
    assert await page.evaluate("typeof window.connect") == "undefined"


def test_widget_is_framed_by_its_origins_alone(served_pages: Api) -> None:
    def ancestors(path: str) -> str:
        policy = served_pages.http.get(path).headers["content-security-policy"]
        return next(rule for rule in policy.split("; ") if rule.startswith("frame-ancestors"))

    assert ancestors("/widget?instance=elsewhere") == f"frame-ancestors 'self' http://shop.localhost:{SHOP_PORT}"
    assert ancestors("/widget?instance=demo") == "frame-ancestors 'self'"
    assert ancestors("/widget?instance=unknown") == ancestors("/widget") == "frame-ancestors 'self'"
    for path in ("/chat", "/desk", "/supervisor"):
        assert ancestors(f"{path}?instance=elsewhere") == "frame-ancestors 'none'"
