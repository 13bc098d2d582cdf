"""The customer's page: start, talk, leave and come back, end, continue."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from tests.api.calls import Api
from tests.compat.chats import eventually
from tests.pages.agents import Agent
from tests.pages.browser import PHONE, Device
from tests.pages.conftest import Devices

LONG_WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 4


async def test_customer_chats_and_sees_what_became_of_messages(device: Device, agent: Agent) -> None:
    customer = await device.customer()
    contact = await customer.start("Do bees sleep?")
    await expect(customer.chat.get_by_text("Waiting for somebody to answer")).to_be_visible()
    # chats of other tests may wait, too
    await expect(customer.log.get_by_text(re.compile("next in line|People ahead of you"))).to_be_visible()
    participant = agent.take(contact)
    await expect(customer.chat.get_by_role("heading", name="Agent One")).to_be_visible()
    await expect(customer.chat.get_by_text("Waiting for somebody to answer")).to_be_hidden()

    participant.event("typing")
    await expect(customer.chat.get_by_text("Agent One is writing…")).to_be_visible()
    participant.say("Between five and eight hours a day.")
    await customer.sees("Between five and eight hours a day.")
    await expect(customer.chat.get_by_text("Agent One is writing…")).to_be_hidden()

    await customer.say("Thank you!")
    await customer.sees("Thank you!")
    last = customer.log.locator(".message-own").last
    await expect(last).to_contain_text("Sent")
    said = participant.transcript()[-1]
    participant.event("message.delivered", f'{{"messageId": "{said["Id"]}"}}')
    await expect(last).to_contain_text("Delivered")
    participant.event("message.read", f'{{"messageId": "{said["Id"]}"}}')
    await expect(last).to_contain_text("Read")


async def test_agent_learns_that_the_customer_has_read_and_writes(device: Device, agent: Agent) -> None:
    customer = await device.customer()
    participant = agent.take(await customer.start())
    answered = participant.say("Hello")
    await customer.sees("Hello")

    def is_read() -> bool:
        item = next(item for item in participant.transcript() if item["Id"] == answered)
        return any("ReadTimestamp" in receipt for receipt in item.get("MessageMetadata", {}).get("Receipts", []))

    eventually(is_read, "receipt")
    async with customer.page.expect_request(lambda sent: "event.typing" in (sent.post_data or "")):
        await customer.message.press_sequentially("Th")


async def test_closed_tab_comes_back_to_a_parked_chat(device: Device, agent: Agent) -> None:
    customer = await device.customer()
    contact = await customer.start("I have time", kind="Leave it open")
    agent.take(contact).say("I look it up.")
    await customer.sees("I look it up.")
    await customer.page.close()
    agent.act(contact, "park")
    agent.act(contact, "resume")
    agent.join(contact).say("Here is the answer.")

    returned = await device.customer()
    await returned.sees("Here is the answer.")
    await returned.say("Lovely")
    await returned.sees("Lovely")
    agent.finish(contact)
    await expect(returned.chat.get_by_role("button", name="Continue")).to_be_visible()


async def test_customer_ends_a_live_chat(device: Device, agent: Agent) -> None:
    customer = await device.customer()
    contact = await customer.start()
    agent.take(contact)
    await customer.end()
    await expect(customer.has_ended).to_be_visible()
    await expect(customer.message).to_have_count(0)
    await customer.page.reload()
    await expect(customer.has_ended).to_be_visible()
    await customer.sees("Do bees sleep?")
    agent.act(contact, "close")


async def test_customer_is_welcomed_back_when_the_transcript_cannot_be_read(device: Device, agent: Agent) -> None:
    customer = await device.customer()
    contact = await customer.start("Long ago")
    agent.take(contact)
    agent.finish(contact)
    await expect(customer.chat.get_by_role("button", name="Continue")).to_be_visible()
    # the connection token of the past is good for a day
    await customer.frame.evaluate(
        "key => localStorage[key] = JSON.stringify({...JSON.parse(localStorage[key]), connectionToken: null})",
        "perennial.chat.demo",
    )
    await customer.page.reload()
    await expect(customer.chat.get_by_role("heading", name="Welcome back")).to_be_visible()
    await customer.chat.get_by_role("button", name="Continue").click()
    await customer.sees("Long ago")


async def test_customer_starts_anew_instead(device: Device, agent: Agent) -> None:
    customer = await device.customer()
    contact = await customer.start("Old words")
    agent.take(contact)
    agent.finish(contact)
    await customer.chat.get_by_role("button", name="Start a new chat").click()
    assert await customer.chat.get_by_label("Your name").input_value() == "Ada"
    second = await customer.start("New words")
    assert second != contact
    await expect(customer.log.get_by_text("Old words")).to_have_count(0)


async def test_survey_has_quick_replies(device: Device, agent: Agent) -> None:
    customer = await device.customer()
    contact = await customer.start(kind="Leave it open, with a survey")
    agent.take(contact)
    agent.finish(contact)
    await (
        customer.chat.get_by_role("group", name=re.compile("Choose an answer"))
        .get_by_role("button", name="Good")
        .click()
    )
    await customer.sees("Is there anything else you would like to tell us?")
    await expect(customer.chat.get_by_role("button", name="Fair")).to_have_count(0)
    await expect(customer.chat.get_by_text("Waiting for somebody to answer")).to_have_count(0)
    await customer.say("More flowers")
    await customer.sees("Thank you.")
    await expect(customer.chat.get_by_role("button", name="Continue")).to_be_visible()


@pytest.mark.parametrize("kind", ["live", "persistent"])
async def test_closed_queue_says_when_it_opens(device: Device, served_pages: Api, kind: str) -> None:
    page = await device.page("widget?instance=closed")
    form = page.locator("form")
    await form.get_by_role("radio").nth(0 if kind == "live" else 1).check()
    await expect(form.get_by_text("We are closed at the moment.")).to_be_visible()
    await expect(form.get_by_role("status")).to_contain_text("We open again")
    await expect(form.get_by_role("button", name="Start chat")).to_be_enabled(enabled=kind == "persistent")


async def test_files_are_sent_and_read(device: Device, agent: Agent) -> None:
    device.expected = ("400",)  # the refused file
    customer = await device.customer()
    participant = agent.take(await customer.start())
    files = customer.chat.locator("input[type=file]")
    await files.set_input_files({"name": "hive.txt", "mimeType": "text/plain", "buffer": b"forty thousand bees"})
    link = customer.log.get_by_role("button", name="Download hive.txt")
    await expect(link).to_be_visible()
    async with device.context.expect_page() as opened:
        await link.click()
    await (await opened.value).close()
    assert any(item.get("Attachments") for item in participant.transcript())
    await files.set_input_files({"name": "hive.exe", "mimeType": "application/x-msdownload", "buffer": b"MZ"})
    await expect(customer.chat.get_by_role("alert")).to_contain_text("hive.exe could not be sent")


async def test_transcript_is_downloaded(device: Device, agent: Agent) -> None:
    customer = await device.customer()
    participant = agent.take(await customer.start("Do bees sleep?"))
    participant.say("They do.")
    await customer.sees("They do.")
    await customer.chat.get_by_role("button", name="More").click()
    async with customer.page.expect_download() as download:
        await customer.chat.get_by_role("button", name="Download transcript").click()
    text = (await (await download.value).path()).read_text()
    assert re.search(r"\] You: Do bees sleep\?\n(\[.*\n)*\[.*\] Agent One: They do\.\n", text)


async def test_words_are_text_and_long_ones_stay_inside(devices: Devices, agent: Agent) -> None:
    device = await devices(**PHONE)
    customer = await device.customer()
    participant = agent.take(await customer.start())
    participant.say("<img src=x onerror=alert(1)><b>bold</b>")
    participant.say(LONG_WORD)
    participant.say(
        "**yes** <img src=x onerror=alert(1)> [site](https://example.org) [bad](javascript:alert(1)) <script>1</script>",
        "text/markdown",
    )
    await customer.sees("<img src=x onerror=alert(1)><b>bold</b>")
    rich = customer.log.locator(".rich-text")
    await expect(rich.locator("strong")).to_have_text("yes")
    assert await rich.locator("img, script").count() == 0
    link = rich.get_by_role("link", name="site")
    assert await link.get_attribute("rel") == "noopener noreferrer nofollow ugc"
    assert await rich.locator("a[href^=javascript]").count() == 0
    assert await customer.log.evaluate("log => log.scrollWidth - log.clientWidth") == 0
    assert await customer.page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0


async def test_unread_messages_are_counted_on_the_button(device: Device, agent: Agent) -> None:
    customer = await device.customer()
    participant = agent.take(await customer.start())
    await customer.chat.get_by_role("button", name="Close chat").click()
    await expect(customer.page.locator("iframe")).to_be_hidden()
    participant.say("One")
    participant.say("Two")
    await expect(customer.launcher).to_have_accessible_name("Open chat, new messages: 2")
    await customer.launcher.click()
    await customer.sees("Two")
    await expect(customer.launcher).to_have_accessible_name("Close chat")


async def test_api_that_is_away_is_waited_for(device: Device, served_pages: Api) -> None:
    device.expected = ("503",)
    away = True

    async def answer(route: object) -> None:
        await (route.fulfill(status=503, body="{}") if away else route.continue_())  # type: ignore[attr-defined]

    await device.context.route("**/v1/chat-pages/*", answer)
    page = await device.page("widget?instance=demo")
    await expect(page.get_by_role("alert")).to_contain_text("The chat cannot be reached")
    away = False
    await expect(page.get_by_role("button", name="Start chat")).to_be_visible(timeout=10_000)
