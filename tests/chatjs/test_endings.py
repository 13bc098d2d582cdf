"""Chat end, as each participant sees it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chatjs.chats import Backend
from tests.chatjs.conftest import Tabs
from tests.chatjs.driver import Tab
from tests.chatjs.proxy import Proxy
from tests.chatjs.raw_socket import RawSocket, request_socket
from tests.chatjs.session import CallRejected
from tests.chatjs.wire import ENDED, LEFT
from tests.stack import Stack


async def assert_ended(tab: Tab, leaver: dict[str, Any]) -> None:
    """The tab received `participant.left`, `chat.ended` and `onEnded`, in this order, and can send nothing more."""
    await tab.wait_for("onEnded")
    *_, left, _, ended = tab.items()
    assert (left["ContentType"], left["ParticipantId"]) == (LEFT, leaver["ParticipantId"])
    assert ended["ContentType"] == ENDED
    assert tab.events[-1].name == "onEnded"
    assert tab.count("onEnded") == 1
    with pytest.raises(CallRejected, match="No active connection"):
        await tab.send("hello?")


async def test_customer_disconnect_ends_chat_for_both(tabs: Tabs, backend: Backend) -> None:
    chat = backend.start()
    customer, agent = await tabs.customer(chat), await tabs.agent(chat)
    await customer.call("disconnectParticipant")
    for tab in (customer, agent):
        await assert_ended(tab, leaver=chat.customer)
    with pytest.raises(CallRejected) as refused:
        await tabs.customer(chat)
    assert refused.value.reason["_debug"]["_debug"]["statusCode"] == 403
    assert refused.value.reason["_debug"]["_debug"]["type"] == "AccessDeniedException"


async def test_agent_ends_chat_for_both(tabs: Tabs, backend: Backend) -> None:
    chat = backend.start()
    customer, agent = await tabs.customer(chat), await tabs.agent(chat)
    backend.end(chat.contact)
    for tab in (customer, agent):
        await assert_ended(tab, leaver=chat.agent)


async def test_disconnected_customer_receives_chat_end_on_reconnect(tabs: Tabs, backend: Backend, stack: Stack) -> None:
    async with Proxy(stack.api_port) as proxy:
        chat = backend.start()
        customer, agent = await tabs.customer(chat, proxy.url), await tabs.agent(chat)
        proxy.cut()
        await customer.wait_for("onConnectionLost")
        backend.end(chat.contact)
        await agent.wait_for("onEnded")
        assert customer.count("onEnded") == 0
        proxy.restore()
        await customer.wait_for("onEnded")
        assert proxy.websocket_requests == 1


async def test_socket_opened_before_chat_end_is_closed_when_it_subscribes(backend: Backend, stack: Stack) -> None:
    chat = backend.start()
    socket = await RawSocket.open(stack.url, chat.customer)
    backend.end(chat.contact)
    await socket.subscribe()
    assert await socket.items_until_closed() == []
    assert (await request_socket(stack.url, chat.customer)).status_code == 403


async def test_customer_leaves_and_rejoins_persistent_chat(tabs: Tabs, backend: Backend) -> None:
    chat = backend.start("persistent")
    customer, agent = await tabs.customer(chat), await tabs.agent(chat)
    await customer.send("I must go")
    await customer.wait_for_message("I must go")
    await customer.call("disconnectParticipant")
    await customer.wait_for("onEnded")

    await agent.send("come back when you like")
    await agent.wait_for_message("come back when you like")
    assert agent.count("onEnded") == 0
    assert not {ENDED, LEFT} & {item["ContentType"] for item in agent.items()}

    customer = await tabs.customer(chat)
    await customer.wait_for_message("come back when you like")
    await customer.send("here I am")
    await agent.wait_for_message("here I am")
    stored = (await customer.call("getTranscript", {}))["Transcript"]
    texts = [item["Content"] for item in stored if item["Type"] == "MESSAGE"]
    assert texts == ["I must go", "come back when you like", "here I am"]
