"""A customer whose tab is gone goes back to the chat, on another device."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chatjs.chats import Backend
from tests.chatjs.conftest import Tabs
from tests.chatjs.driver import Refused
from tests.chatjs.engine import customer_is_away
from tests.stack import ROOT, Stack

RECONNECTION = """
[instances.demo.workstreams.reconnecting]
mode = "live"
queue = "live"
reconnection = { limit = "PT1H", portal_url = "https://portal.example/chat" }

[instances.demo.workstreams.hasty]
mode = "live"
queue = "live"
reconnection = { limit = 0.3, redirect_url = "https://portal.example/late" }
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("reconnecting")
    config = folder / "perennial.toml"
    config.write_text((ROOT / "perennial.toml").read_text() + RECONNECTION)
    own = Stack(folder / "data", {"PERENNIAL_CONFIG": str(config), "PERENNIAL_PRESENCE_DEBOUNCE": "PT0.1S"})
    own.start()
    yield own
    assert own.stop() == 0, own.log()


@pytest.fixture(scope="module")
def backend(stack: Stack) -> Iterator[Backend]:
    backend = Backend(stack)
    yield backend
    backend.close()


async def test_the_link_leads_back_from_another_device(tabs: Tabs, backend: Backend, stack: Stack) -> None:
    chat = backend.start("reconnecting")
    phone, agent = await tabs.customer(chat), await tabs.agent(chat)
    await phone.say("I am on a train")
    await agent.hears("I am on a train")
    link = backend.act(chat.contact, "reconnect-link")
    assert link["url"] == f"https://portal.example/chat?reconnect_id={link['reconnect_id']}"
    await phone.close()
    await customer_is_away(stack, chat.contact)
    await agent.say("are you still there?")

    offer = backend.come_back(reconnect_id=link["reconnect_id"])
    assert offer["state"] == "ACTIVE"
    laptop = await tabs.join(offer["chat"], "CUSTOMER")
    kept = (await laptop.call("getTranscript", {"maxResults": 100}))["Transcript"]
    said = [item["Content"] for item in kept if item["Type"] == "MESSAGE"]
    assert said == ["I am on a train", "are you still there?"]
    await laptop.say("I am back")
    item = await agent.hears("I am back")
    assert (item["ContactId"], item["ParticipantId"]) == (chat.contact, chat.customer["ParticipantId"])
    await agent.say("welcome")
    await laptop.hears("welcome")
    assert (agent.count("onEnded"), agent.count("onConnectionLost")) == (0, 0)


async def test_a_known_customer_needs_no_link(tabs: Tabs, backend: Backend, stack: Stack) -> None:
    chat = backend.start("persistent", CustomerId="crm-7")
    phone, agent = await tabs.customer(chat), await tabs.agent(chat)
    await phone.say("see you")
    await agent.hears("see you")
    await phone.close()
    await customer_is_away(stack, chat.contact)
    offer = backend.come_back(workstream="persistent", customer_id="crm-7")
    laptop = await tabs.join(offer["chat"], "CUSTOMER")
    await laptop.say("it is me again")
    await agent.hears("it is me again")


async def test_after_the_agents_end_it_leads_nowhere(tabs: Tabs, backend: Backend, stack: Stack) -> None:
    chat = backend.start("reconnecting")
    phone, agent = await tabs.customer(chat), await tabs.agent(chat)
    link = backend.act(chat.contact, "reconnect-link")["reconnect_id"]
    await phone.close()
    await customer_is_away(stack, chat.contact)
    before = backend.come_back(reconnect_id=link)["chat"]
    backend.end(chat.contact)
    await agent.seen("onEnded")
    refused = {"chat": None, "reason": "ended", "redirect_url": None}
    assert backend.come_back(reconnect_id=link) == refused
    with pytest.raises(Refused):
        await tabs.join(before, "CUSTOMER")


async def test_who_is_gone_too_long_comes_too_late(tabs: Tabs, backend: Backend) -> None:
    chat = backend.start("hasty")
    phone, agent = await tabs.customer(chat), await tabs.agent(chat)
    link = backend.act(chat.contact, "reconnect-link")["reconnect_id"]
    assert backend.come_back(reconnect_id=link)["chat"]
    await phone.close()
    await agent.seen("onEnded")
    late = {"chat": None, "reason": "expired", "redirect_url": "https://portal.example/late"}
    assert backend.come_back(reconnect_id=link) == late
