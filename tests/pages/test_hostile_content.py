"""What people can put into names, messages and links, to deceive others or to take their pages from them."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest
from playwright.async_api import Page, Request, expect

from tests.pages.agents import Agent, Participant
from tests.pages.browser import Customer, Device
from tests.pages.conftest import Devices
from tests.pages.desks import WIDE, Desk

pytestmark = pytest.mark.usefixtures("quiet_floor")

MARKDOWN = "text/markdown"
INTERACTIVE = "application/vnd.amazonaws.connect.message.interactive"
RESPONSE = f"{INTERACTIVE}.response"
CONTENT_TYPES = ["text/plain", MARKDOWN, "application/json", INTERACTIVE, RESPONSE]

LARGEST = 16_000

STRANGE = [
    (RESPONSE, '{"data": {"title": {"a": 1}}}'),
    (RESPONSE, '{"data": {"selectedOptions": "all"}}'),
    (RESPONSE, '{"data": {"selectedOptions": [null, {"title": ["x"]}]}}'),
    (RESPONSE, "null"),
    (INTERACTIVE, '{"data": {"content": {"title": {"a": 1}, "elements": [null, 7]}}}'),
    (INTERACTIVE, '{"data": {"content": {"title": "?", "elements": [{"title": "same"}, {"title": "same"}]}}}'),
    (INTERACTIVE, '{"data": []}'),
    ("application/json", '{"a": "<b>"}'),
]
"""Contents of other shapes than those that Amazon Connect describes."""

ENDLESS = {
    "quotes": ">" * LARGEST,
    "lists": "- " * (LARGEST // 2),
    "brackets": "[" * LARGEST,
    "links": "[a](" * (LARGEST // 4),
    "stars": "*a " * (LARGEST // 3),
    "table": "|a" * 1_500 + "\n" + "|-" * 1_500 + "\n|" * 2_500,
}
"""Markdown that is nested too deeply, for which a parser needs minutes, or that becomes very large."""


class Stranger:
    """A customer without a browser, who sends what no page sends."""

    def __init__(self, http: httpx.Client, name: str, **members: Any) -> None:
        body = {
            "InstanceId": "demo",
            "ContactFlowId": "live",
            "ParticipantDetails": {"DisplayName": name},
            "SupportedMessagingContentTypes": CONTENT_TYPES,
            **members,
        }
        chat = http.post("/v1/chat-pages/chats", json=body).raise_for_status().json()["data"]["startChatResult"]
        self.contact_id = chat["ContactId"]
        self.say = Participant(http, chat["ParticipantToken"], connects=False).say


def no_dialogs(page: Page) -> list[str]:
    """The dialogs that scripts have opened: none may."""
    opened: list[str] = []
    page.on("dialog", lambda dialog: opened.append(dialog.message))
    return opened


@pytest.mark.timeout(300)
async def test_no_message_takes_the_page_from_its_reader(devices: Devices, http: httpx.Client) -> None:
    desk = await Desk.open(await devices(**WIDE))
    stranger = Stranger(http, "Mallory")
    await desk.accept("Mallory")
    for number, (content_type, content) in enumerate(STRANGE):
        stranger.say(content, content_type)
        stranger.say(f"After strange {number}")
        await desk.sees(f"After strange {number}")
    for name, content in ENDLESS.items():
        stranger.say(content, MARKDOWN)
        stranger.say(f"After {name}")
        await desk.sees(f"After {name}")
        await desk.say(f"Seen {name}")
        await desk.sees(f"Seen {name}")
    stranger.say("**good**", MARKDOWN)
    await expect(desk.log.locator("strong").last).to_have_text("good")
    await desk.page.reload()
    await desk.sees("Seen table")
    await desk.finish("Mallory")


async def test_customer_reads_on_after_strange_messages(device: Device, agent: Agent) -> None:
    customer = await device.customer()
    participant = agent.take(await customer.start())
    for number, (content_type, content) in enumerate(STRANGE):
        participant.say(content, content_type)
        participant.say(f"After strange {number}")
        await customer.sees(f"After strange {number}")
    participant.say(ENDLESS["quotes"], MARKDOWN)
    participant.say("After quotes")
    await customer.sees("After quotes")
    await customer.say("Seen")
    await customer.sees("Seen")


async def test_link_shows_where_it_leads(device: Device, agent: Agent) -> None:
    customer = await device.customer()
    participant = agent.take(await customer.start())
    participant.say(
        "[https://bank.example](https://evil.example/login), [bank.example](https://evil.example), "
        "[bank.example](https://bank.example@evil.example), "
        "[shop.example](https://shop.example/help), [our shop](https://shop.example), [you](mailto:first.last@shop.example)",
        MARKDOWN,
    )
    links = customer.log.locator(".rich-text").get_by_role("link")
    await expect(links).to_have_text(
        [
            "https://bank.example (evil.example)",
            "bank.example (evil.example)",
            "bank.example (evil.example)",
            "shop.example",
            "our shop",
            "you",
        ]
    )
    participant.say("See https://shop.example/\u202egnp.exe (and https://shop.example/a_(b)).")
    plain = customer.log.locator(".plain-text").last.get_by_role("link")
    await expect(plain).to_have_text(["https://shop.example/", "https://shop.example/a_(b)"])


async def test_names_and_attributes_are_text(devices: Devices, http: httpx.Client) -> None:
    desk = await Desk.open(await devices(**WIDE))
    opened = no_dialogs(desk.page)
    name = "<img src=x onerror=alert(1)> \"';--"
    stranger = Stranger(http, name, InitialMessage={"ContentType": "text/plain", "Content": "<svg onload=alert(2)>"})
    attributes = {"topic": "<script>alert(3)</script>", "link": "javascript:alert(4)"}
    changed = {"InitialContactId": stranger.contact_id, "InstanceId": "demo", "Attributes": attributes}
    key = {"authorization": "Bearer perennial-demo-secret"}
    http.post("/contact/attributes", json=changed, headers=key).raise_for_status()
    await desk.accept(name)
    details = desk.page.get_by_role("complementary", name="Details")
    for text in attributes.values():
        await expect(details.get_by_text(text, exact=True)).to_be_visible()
    await desk.sees("<svg onload=alert(2)>")
    assert await desk.page.locator("img, [onerror], [onload], a[href^=javascript]").count() == 0
    await desk.finish(name)
    assert opened == []


async def test_address_of_the_temporal_ui_is_a_web_address(device: Device, http: httpx.Client) -> None:
    token = http.post("/v1/demo/sign-in", json={"instance": "demo", "user": "a1"}).json()["token"]
    for address in ("javascript:alert(1)//https://x", "data:text/html,x", "https://"):
        page = await device.page(f"desk#{urlencode({'token': token, 'temporal_ui': address})}")
        await expect(page.get_by_role("heading", level=1)).to_contain_text("Agent One")
        assert await page.evaluate("JSON.parse(sessionStorage['perennial.team']).temporal") is None
        await page.close()


def by_itself(**options: Any) -> str:
    """The address of the chat by itself, as anybody can write it into a link."""
    return f"widget?instance=elsewhere#{quote(json.dumps(options))}"


async def test_link_to_the_chat_says_nothing_about_its_reader(device: Device) -> None:
    page = await device.page(by_itself(name="Eve", customerToken="eyJ0eXAi", attributes={"topic": "money"}))
    await expect(page.get_by_label("Your name")).to_have_value("")
    await page.get_by_label("Your message").fill("Hello")
    async with page.expect_request("**/v1/chat-pages/chats") as sent:
        await page.get_by_role("button", name="Start chat").click()
    request: Request = await sent.value
    assert json.loads(request.post_data or "")["Attributes"].keys() == {"language"}
    await page.get_by_role("log").get_by_text("Hello").wait_for()


@pytest.mark.parametrize("fragment", ["null", "7", "{", '{"workstreams": 7, "texts": [1], "theme": {}}', "%E0%A4%A"])
async def test_strange_fragment_is_ignored(device: Device, fragment: str) -> None:
    page = await device.page(f"widget?instance=elsewhere#{fragment}")
    await expect(page.get_by_role("button", name="Start chat")).to_be_enabled()


@pytest.mark.parametrize(("language", "shown"), [("de_AT", "de-AT"), ("not a language!", "en-GB"), ("", "en-GB")])
async def test_language_that_is_none_breaks_no_date(device: Device, language: str, shown: str) -> None:
    page = await device.page(by_itself(language=language))
    assert await page.evaluate("document.documentElement.lang") == shown
    await page.get_by_label("Your message").fill("Hello")
    await page.get_by_role("button", name="Start chat").click()
    await expect(page.get_by_role("log").locator("time").first).to_be_visible()


async def test_site_and_chat_do_not_listen_to_others(device: Device) -> None:
    device.expected = ("does not match the recipient window's origin",)  # the site talks to the chat alone
    customer: Customer = await device.customer()
    await expect(customer.chat.get_by_role("button", name="Start chat")).to_be_visible()
    close = "postMessage({perennial: {kind: 'close'}}, '*')"
    await customer.page.evaluate(f"window.{close}")
    # a frame that has gone elsewhere is not the chat
    frame = customer.frame
    await frame.goto("about:blank")
    heard = asyncio.ensure_future(
        customer.page.evaluate(
            "new Promise((done) => addEventListener('message', ({data}) => data === 'last' && done()))"
        )
    )
    await frame.evaluate(f"parent.{close}; parent.postMessage('last', '*')")
    await heard
    await expect(customer.page.locator("iframe")).to_be_visible()
