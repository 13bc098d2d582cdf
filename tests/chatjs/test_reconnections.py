"""A customer who closed their tab reconnects to the chat on another device."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chatjs.chats import Backend
from tests.chatjs.conftest import Tabs
from tests.chatjs.engine import wait_until_customer_is_away
from tests.chatjs.session import CallRejected
from tests.stack import ROOT, Stack

pytestmark = pytest.mark.slow

WORKSTREAMS = """
[instances.demo.workstreams.reconnecting]
mode = "live"
queue = "live"
reconnect_window = "PT1H"
reconnection = { portal_url = "https://portal.example/chat" }

[instances.demo.workstreams.hasty]
mode = "live"
queue = "live"
reconnect_window = 0.3
reconnection = { redirect_url = "https://portal.example/late" }
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("reconnecting")
    config = folder / "perennial.toml"
    config.write_text((ROOT / "perennial.toml").read_text() + WORKSTREAMS)
    own_stack = Stack(folder / "data", {"PERENNIAL_CONFIG": str(config), "PERENNIAL_PRESENCE_DEBOUNCE": "PT0.1S"})
    own_stack.start()
    yield own_stack
    assert own_stack.stop() == 0, own_stack.log()


@pytest.fixture(scope="module")
def backend(stack: Stack) -> Iterator[Backend]:
    backend = Backend(stack)
    yield backend
    backend.close()


async def test_reconnect_link_returns_customer_to_chat_on_another_device(
    tabs: Tabs, backend: Backend, stack: Stack
) -> None:
    chat = backend.start("reconnecting")
    phone, agent = await tabs.customer(chat), await tabs.agent(chat)
    await phone.send("I am on a train")
    await agent.wait_for_message("I am on a train")
    link = backend.act(chat.contact, "reconnect-link")
    assert link["url"] == f"https://portal.example/chat?reconnect_id={link['reconnect_id']}"
    await phone.close()
    await wait_until_customer_is_away(stack, chat.contact)
    await agent.send("are you still there?")

    offer = backend.reconnect(reconnect_id=link["reconnect_id"])
    assert offer["state"] == "ACTIVE"
    laptop = await tabs.join(offer["chat"], "CUSTOMER")
    stored = (await laptop.call("getTranscript", {"maxResults": 100}))["Transcript"]
    texts = [item["Content"] for item in stored if item["Type"] == "MESSAGE"]
    assert texts == ["I am on a train", "are you still there?"]
    await laptop.send("I am back")
    item = await agent.wait_for_message("I am back")
    assert (item["ContactId"], item["ParticipantId"]) == (chat.contact, chat.customer["ParticipantId"])
    await agent.send("welcome")
    await laptop.wait_for_message("welcome")
    assert (agent.count("onEnded"), agent.count("onConnectionLost")) == (0, 0)


async def test_known_customer_reconnects_without_link(tabs: Tabs, backend: Backend, stack: Stack) -> None:
    chat = backend.start("persistent", CustomerId="crm-7")
    phone, agent = await tabs.customer(chat), await tabs.agent(chat)
    await phone.send("see you")
    await agent.wait_for_message("see you")
    await phone.close()
    await wait_until_customer_is_away(stack, chat.contact)
    offer = backend.reconnect(workstream="persistent", customer_id="crm-7")
    laptop = await tabs.join(offer["chat"], "CUSTOMER")
    await laptop.send("it is me again")
    await agent.wait_for_message("it is me again")


async def test_reconnection_is_refused_after_agent_ends_chat(tabs: Tabs, backend: Backend, stack: Stack) -> None:
    chat = backend.start("reconnecting")
    phone, agent = await tabs.customer(chat), await tabs.agent(chat)
    link = backend.act(chat.contact, "reconnect-link")["reconnect_id"]
    await phone.close()
    await wait_until_customer_is_away(stack, chat.contact)
    credentials = backend.reconnect(reconnect_id=link)["chat"]
    backend.end(chat.contact)
    await agent.wait_for("onEnded")
    refused = {"chat": None, "reason": "ended", "redirect_url": None}
    assert backend.reconnect(reconnect_id=link) == refused
    with pytest.raises(CallRejected):
        await tabs.join(credentials, "CUSTOMER")


async def test_reconnection_is_refused_after_window_expires(tabs: Tabs, backend: Backend) -> None:
    chat = backend.start("hasty")
    phone, agent = await tabs.customer(chat), await tabs.agent(chat)
    link = backend.act(chat.contact, "reconnect-link")["reconnect_id"]
    assert backend.reconnect(reconnect_id=link)["chat"]
    await phone.close()
    await agent.wait_for("onEnded")
    late = {"chat": None, "reason": "expired", "redirect_url": "https://portal.example/late"}
    assert backend.reconnect(reconnect_id=link) == late
