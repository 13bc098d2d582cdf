"""Files from one ChatJS to the other, with its own `sendAttachment` and `downloadAttachment`."""

from __future__ import annotations

from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import pytest

from tests.api.uploads import SAMPLES
from tests.chatjs.browser import ChromiumTab, running_chromium, served_page
from tests.chatjs.chats import Backend
from tests.chatjs.conftest import Tabs
from tests.chatjs.session import CallRejected, Session
from tests.stack import Stack


async def send(tab: Session, name: str, type: str, content: bytes) -> None:
    """Send a file as a page does, with the `File` of an input."""
    await tab.call("sendAttachment", {"file": {"name": name, "type": type, "base64": b64encode(content).decode()}})


async def received(tab: Session, name: str) -> dict[str, Any]:
    """Wait for the item of a file."""

    def is_it(item: dict[str, Any]) -> bool:
        return item["Type"] == "ATTACHMENT" and item["Attachments"][0]["AttachmentName"] == name

    return (await tab.wait_for("onMessage", is_it))[0]


async def download(tab: Session, item: dict[str, Any]) -> dict[str, Any]:
    return await tab.call("downloadAttachment", {"attachmentId": item["Attachments"][0]["AttachmentId"]})


async def test_a_file_of_each_kind_reaches_the_other_side(tabs: Tabs, backend: Backend) -> None:
    chat = backend.start()
    await exchange_files(await tabs.customer(chat), await tabs.agent(chat))


async def exchange_files(customer: Session, agent: Session) -> None:
    """Send a file of each kind from one to the other, in turns. Both show it, and get the bytes that were sent."""
    for number, (extension, (type, content)) in enumerate(SAMPLES.items()):
        name = f"Grüße \u2013 10 €.{extension}"
        sender, other = ((customer, agent), (agent, customer))[number % 2]
        await send(sender, name, type, content)
        for tab in (sender, other):
            item = await received(tab, name)
            assert item["Attachments"][0]["Status"] == "APPROVED"
            assert "Content" not in item
        file = await download(other, await received(other, name))
        assert (b64decode(file["base64"]), file["type"]) == (content, type)


@pytest.mark.browser
async def test_files_travel_between_pages_of_a_browser(
    stack: Stack, chatjs: None, backend: Backend, tmp_path: Path
) -> None:
    """The pages are of another origin than the API, so each step of an upload is a matter of CORS, too."""
    chat = backend.start()
    async with running_chromium() as browser:
        with served_page() as address:
            pages: list[Session] = []
            for name, details, type in (("customer", chat.customer, "CUSTOMER"), ("agent", chat.agent, "AGENT")):
                page = await ChromiumTab.open(browser, address, tmp_path / f"{name}.log")
                await page.create(stack.url, details, type)
                await page.connect()
                pages.append(page)
            await exchange_files(*pages)
            for page in pages:
                await page.close()


async def test_refusals_reach_the_page(tabs: Tabs, backend: Backend) -> None:
    chat = backend.start()
    customer = await tabs.customer(chat)
    for name, type, content in (
        ("program.exe", "application/octet-stream", b"MZ"),
        ("unknown.heic", "", SAMPLES["heic"][1]),
        ("renamed.pdf", "application/pdf", b"MZ\x90\x00"),
    ):
        with pytest.raises(CallRejected) as refused:
            await send(customer, name, type, content)
        assert "ValidationException" in str(refused.value.reason)
    items = await customer.call("getTranscript", {})
    assert [item for item in items["Transcript"] if item["Type"] == "ATTACHMENT"] == []


async def test_a_file_is_in_the_transcript_of_the_next_agent(tabs: Tabs, backend: Backend) -> None:
    chat = backend.start()
    customer = await tabs.customer(chat)
    await send(customer, "bees.txt", *SAMPLES["txt"])
    await received(customer, "bees.txt")
    contact = backend.transfer(chat.contact, "a2")
    agent = await tabs.join(backend.session(contact, "a2"))
    page = await agent.call("getTranscript", {"maxResults": 100})
    [item] = [item for item in page["Transcript"] if item["Type"] == "ATTACHMENT"]
    assert b64decode((await download(agent, item))["base64"]) == SAMPLES["txt"][1]
