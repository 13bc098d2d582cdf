"""What goes wrong is said in words that people understand, and loses nothing that they have written."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from playwright.async_api import Route, expect

from tests.pages.agents import Agent
from tests.pages.browser import Device
from tests.pages.conftest import Devices
from tests.pages.desks import WIDE, Desk
from tests.pages.test_history import FEW, past_chat

pytestmark = pytest.mark.usefixtures("quiet_floor")

REFUSAL = '{"__type": "AccessDeniedException", "Message": "Attributes.vip: chat_pages.attributes does not name it."}'


@pytest.mark.parametrize(
    ("status", "words"),
    [(403, "The chat could not be started."), (429, "Too many chats are open"), (503, "The chat cannot be reached")],
)
async def test_refused_start_is_said_to_customers(device: Device, status: int, words: str) -> None:
    device.expected = (str(status),)
    customer = await device.customer()
    await customer.page.route("**/v1/chat-pages/chats", lambda route: route.fulfill(status=status, body=REFUSAL))
    await customer.chat.get_by_label("Your message").fill("A long question")
    await customer.chat.get_by_role("button", name="Start chat").click()
    alert = customer.chat.get_by_role("alert")
    await expect(alert).to_contain_text(words)
    await expect(alert).not_to_contain_text("Attributes")
    await expect(customer.chat.get_by_label("Your message")).to_have_value("A long question")


async def test_chat_that_cannot_be_continued_any_more(device: Device, agent: Agent) -> None:
    device.expected = ("403",)
    customer = await device.customer()
    await past_chat(customer, agent, "Long ago")
    change = "key => localStorage[key] = JSON.stringify({...JSON.parse(localStorage[key]), continuationToken: 'old'})"
    await customer.frame.evaluate(change, "perennial.chat.demo")
    await customer.page.reload()
    await customer.chat.get_by_role("button", name="Continue").click()
    await expect(customer.chat.get_by_role("alert")).to_contain_text("can no longer be continued")
    await customer.chat.get_by_role("button", name="Start a new chat").click()
    await customer.start("Something new")


async def test_customer_returns_to_a_chat_whose_token_has_ended(device: Device, agent: Agent) -> None:
    """Participant tokens last for seven days, and chats for longer. The proof of the start gives a new one."""
    device.expected = ("403",)
    customer = await device.customer()
    contact = await customer.start("A week ago", kind="Leave it open")
    agent.take(contact).say("We are looking for it.")
    await customer.sees("We are looking for it.")
    await customer.frame.evaluate(
        """key => {
          const chat = JSON.parse(localStorage[key]);
          chat.details.ParticipantToken = "old";
          localStorage[key] = JSON.stringify(chat);
        }""",
        "perennial.chat.demo",
    )
    await customer.page.reload()
    await customer.chat.get_by_role("button", name="Continue").click()
    await customer.sees("We are looking for it.")
    await customer.say("Have you found it?")
    await customer.sees("Have you found it?")
    assert (await customer.saved())["details"]["ContactId"] == contact


async def test_chat_that_could_not_be_ended(device: Device, agent: Agent) -> None:
    device.expected = ("503",)
    customer = await device.customer()
    agent.take(await customer.start())
    await customer.page.route("**/participant/disconnect", lambda route: route.fulfill(status=503, body="{}"))
    await customer.chat.get_by_role("button", name="More").click()
    await customer.chat.get_by_role("button", name="End chat").click()
    await customer.chat.get_by_role("dialog").get_by_role("button", name="End chat").click()
    await expect(customer.chat.get_by_role("alert")).to_contain_text("The chat could not be ended.")
    await customer.chat.get_by_role("button", name="Dismiss").click()
    await expect(customer.message).to_be_visible()


async def test_transcript_that_cannot_be_loaded(device: Device, agent: Agent) -> None:
    device.expected = ("503",)
    customer = await device.customer()
    participant = agent.take(await customer.start())
    for number in range(FEW):
        participant.say(f"Answer {number}")
    await customer.page.reload()
    await customer.sees(f"Answer {FEW - 1}")
    await customer.page.route("**/participant/transcript", lambda route: route.fulfill(status=503, body="{}"))
    await customer.chat.get_by_role("button", name="More").click()
    await customer.chat.get_by_role("button", name="Download transcript").click()
    await expect(customer.chat.get_by_role("alert")).to_contain_text("The transcript could not be loaded.")


async def test_customer_has_the_browser_forget_a_chat_that_is_over(device: Device, agent: Agent) -> None:
    customer = await device.customer()
    await past_chat(customer, agent, "On a machine of others")
    await customer.chat.get_by_role("button", name="More").click()
    await customer.chat.get_by_role("button", name="Forget my chats").click()
    await expect(customer.chat.get_by_label("Your name")).to_have_value("")
    assert await customer.saved() is None


async def test_draft_outlives_the_end_of_the_sign_in(devices: Devices, http: httpx.Client) -> None:
    device = await devices(**WIDE)
    # the last desk may go while its chat is connecting
    device.expected = ("403", "is closed before the connection is established")
    desk = await Desk.open(device)
    customer = await (await devices()).customer()
    await customer.start("Hello", name="Nora")
    await desk.accept("Nora")
    await desk.message.fill("A long answer")
    denied = "**/v1/agent*"
    await desk.page.route(denied, lambda route: route.fulfill(status=403, body=REFUSAL))
    await desk.page.route(f"{denied}/**", lambda route: route.fulfill(status=403, body=REFUSAL))
    await desk.actions.get_by_role("button", name="Release").click()
    await desk.dialog.get_by_role("button", name="Release").click()
    await expect(desk.page.get_by_role("alert")).to_contain_text("Your sign-in has ended")
    await desk.page.unroute_all()

    async def sign_in(user: str) -> None:
        token = http.post("/v1/demo/sign-in", json={"instance": "demo", "user": user}).json()["token"]
        await desk.page.goto(f"{device.url}/desk#token={token}")

    await sign_in("a1")
    await expect(desk.message).to_have_value("A long answer")
    # the tab has nothing of it for another agent
    await sign_in("a2")
    await expect(desk.page.get_by_role("heading", level=1)).to_contain_text("Agent Two")
    assert "A long answer" not in await desk.page.evaluate("JSON.stringify(sessionStorage)")


async def test_chat_of_an_agent_does_not_begin_in_the_tab_of_the_next_one(devices: Devices, http: httpx.Client) -> None:
    device = await devices(**WIDE)
    device.expected = ("is closed before the connection is established",)
    desk = await Desk.open(device)
    customer = await (await devices()).customer()
    await customer.start("Hello", name="Rosa")
    await desk.accept("Rosa")
    is_asked, may_go_on, connections = asyncio.Event(), asyncio.Event(), list[str]()

    async def hold(route: Route) -> None:
        is_asked.set()
        await may_go_on.wait()
        await route.continue_()

    async def sign_in(user: str) -> None:
        token = http.post("/v1/demo/sign-in", json={"instance": "demo", "user": user}).json()["token"]
        await desk.page.goto(f"{device.url}/desk#token={token}")

    await desk.page.route("**/v1/agent/contacts/*/session", hold)
    await sign_in("a1")
    await is_asked.wait()
    await sign_in("a2")
    await expect(desk.page.get_by_role("heading", level=1)).to_contain_text("Agent Two")
    desk.page.on("request", lambda request: connections.append(request.url))
    async with desk.page.expect_response("**/v1/agent/contacts/*/session"):
        may_go_on.set()
    await desk.page.evaluate("fetch('/readyz')")  # by its answer the page has done what follows from the first one
    assert [url for url in connections if url.endswith("/participant/connection")] == []


async def test_note_that_is_written_during_a_save_stays(devices: Devices) -> None:
    desk = await Desk.open(await devices(**WIDE))
    customer = await (await devices()).customer()
    await customer.start("Hello", name="Olga")
    await desk.accept("Olga")
    is_written = asyncio.Event()

    async def wait(route: Route) -> None:
        if route.request.method == "POST":
            await is_written.wait()
        await route.continue_()

    await desk.page.route("**/notes", wait)
    note = desk.page.get_by_label("New note, for agents only")
    await note.fill("First thought.")
    await note.press("Control+Enter")
    await note.press_sequentially(" Second thought.")
    is_written.set()
    await expect(desk.page.get_by_role("region", name="Notes")).to_contain_text("First thought.")
    await expect(note).to_have_value("Second thought.")
    await desk.finish("Olga")


async def test_late_answer_takes_no_conversation_away(devices: Devices) -> None:
    """A list that was read before an agent accepted an offer, and arrives after it, does not know the conversation."""
    desk = await Desk.open(await devices(**WIDE))
    customer = await (await devices()).customer()
    await customer.start("Hello", name="Paula")
    await expect(desk.offer("Paula")).to_be_visible()
    is_accepted, is_read = asyncio.Event(), asyncio.Event()

    async def be_late(route: Route) -> None:
        if is_read.is_set():
            await route.continue_()
            return
        is_read.set()
        answer = await route.fetch()
        await is_accepted.wait()
        await route.fulfill(response=answer)

    await desk.page.route("**/v1/agent/contacts", be_late)
    await desk.status.select_option("Busy")
    await is_read.wait()
    await desk.accept("Paula")
    await desk.message.fill("A draft")
    async with desk.page.expect_request_finished(lambda request: request.url.endswith("/v1/agent/contacts")):
        is_accepted.set()
    await desk.status.select_option("Available")
    await expect(desk.status).to_have_value("available")
    await expect(desk.message).to_have_value("A draft")
    await desk.finish("Paula")
