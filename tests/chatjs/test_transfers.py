"""Transfers: the customer keeps the socket; the former agent receives nothing more."""

from __future__ import annotations

import pytest

from tests.chatjs.chats import AGENT, OTHER_AGENT, Backend
from tests.chatjs.conftest import Tabs
from tests.chatjs.proxy import Proxy
from tests.chatjs.raw_socket import RawSocket, request_socket
from tests.chatjs.session import ESTABLISHED, CallRejected
from tests.chatjs.wire import JOINED, LEFT, TRANSFERRED, TYPING
from tests.stack import Stack


@pytest.mark.parametrize("where", ["agent", "backend"])
async def test_customer_keeps_socket_during_transfer(tabs: Tabs, backend: Backend, stack: Stack, where: str) -> None:
    async with Proxy(stack.api_port) as proxy:
        chat = backend.start()
        customer, first = await tabs.customer(chat, proxy.url), await tabs.agent(chat)
        await first.send("I hand you on")
        await customer.wait_for_message("I hand you on")
        if where == "agent":
            second_contact = backend.transfer_as_agent(chat.contact, AGENT, OTHER_AGENT)
        else:
            second_contact = backend.transfer(chat.contact, OTHER_AGENT)
        await first.wait_for("onMessage", lambda item: item["ContentType"] == TRANSFERRED)
        details = backend.session(second_contact, OTHER_AGENT)
        assert (details["ContactId"], details["InitialContactId"]) == (second_contact, chat.contact)
        second = await tabs.join(details)
        await second.send("I am the second")
        await customer.wait_for_message("I am the second")
        await customer.send("hello, second")
        for tab in (customer, second):
            await tab.wait_for_message("hello, second")

        assert [(item["ContactId"], item.get("Content") or item["ContentType"]) for item in customer.items()] == [
            (chat.contact, JOINED),
            (chat.contact, JOINED),
            (chat.contact, "I hand you on"),
            (chat.contact, LEFT),
            (chat.contact, TRANSFERRED),
            (second_contact, JOINED),
            (second_contact, "I am the second"),
            (second_contact, "hello, second"),
        ]
        assert {item["InitialContactId"] for item in customer.items()} == {chat.contact}
        assert {item["ContactId"] for item in second.items()} == {second_contact}
        assert {item["DisplayName"] for item in customer.items()[5:7]} == {"Agent Two"}
        assert proxy.websocket_requests == 1
        assert (customer.count(ESTABLISHED), customer.count("onConnectionLost")) == (2, 0)


async def test_former_agent_receives_transfer_and_loses_access(tabs: Tabs, backend: Backend, stack: Stack) -> None:
    chat = backend.start()
    customer, first = await tabs.customer(chat), await tabs.agent(chat)
    second_contact = backend.transfer_as_agent(chat.contact, AGENT, OTHER_AGENT)
    second = await tabs.join(backend.session(second_contact, OTHER_AGENT))
    await first.wait_for("onMessage", lambda item: item["ContentType"] == TRANSFERRED)
    await customer.send("between us")
    await second.wait_for_message("between us")
    with pytest.raises(CallRejected) as refused:
        await first.send("what do you say?")
    assert (refused.value.reason["statusCode"], refused.value.reason["type"]) == (403, "AccessDeniedException")
    with pytest.raises(CallRejected) as refused:
        await first.call("sendEvent", {"contentType": TYPING})
    assert refused.value.reason["statusCode"] == 403
    with pytest.raises(CallRejected):
        await tabs.agent(chat)
    # ChatJS does not report the status when an agent is refused
    assert (await request_socket(stack.url, chat.agent)).status_code == 403
    agent_id = chat.agent["ParticipantId"]
    assert [(i["ContentType"], i["ParticipantId"]) for i in first.items()[-2:]] == [
        (LEFT, agent_id),
        (TRANSFERRED, agent_id),
    ]
    await customer.send("go on")
    await second.wait_for_message("go on")
    assert second.message_texts() == ["between us", "go on"]
    assert first.count("onTyping") == customer.count("onTyping") == 0


async def test_sockets_of_former_agent_receive_nothing_after_transfer(
    tabs: Tabs, backend: Backend, stack: Stack
) -> None:
    chat = backend.start()
    customer = await tabs.customer(chat)
    socket, late_socket = await RawSocket.open(stack.url, chat.agent), await RawSocket.open(stack.url, chat.agent)
    await socket.subscribe_and_wait()
    await customer.wait_for("onMessage", lambda item: item.get("ParticipantId") == chat.agent["ParticipantId"])
    await customer.send("for a1")
    second_contact = backend.transfer_as_agent(chat.contact, AGENT, OTHER_AGENT)
    await customer.wait_for("onMessage", lambda item: item["ContentType"] == TRANSFERRED)
    await late_socket.subscribe()
    second = await tabs.join(backend.session(second_contact, OTHER_AGENT))
    await customer.call("sendEvent", {"contentType": TYPING})
    await customer.send("for a2 only")
    await second.wait_for_message("for a2 only")
    await second.wait_for("onTyping")
    items = await socket.items_until_closed()
    assert [item.get("Content") or item["ContentType"] for item in items] == [JOINED, "for a1", LEFT, TRANSFERRED]
    assert await late_socket.items_until_closed() == []


async def test_disconnected_agent_cannot_reconnect_after_transfer(tabs: Tabs, backend: Backend, stack: Stack) -> None:
    async with Proxy(stack.api_port) as proxy:
        chat = backend.start()
        customer, first = await tabs.customer(chat), await tabs.agent(chat, proxy.url)
        await customer.wait_for("onMessage", lambda item: item.get("ParticipantId") == chat.agent["ParticipantId"])
        proxy.cut()
        await first.wait_for("onConnectionLost")
        backend.transfer(chat.contact, OTHER_AGENT)
        await customer.send("for a2 only")
        await customer.wait_for_message("for a2 only")
        proxy.restore()
        await first.wait_for("onConnectionBroken")  # ChatJS calls onEnded after a 403 for customers only
        assert first.message_texts() == []
        assert proxy.websocket_requests == 1
        assert customer.count("onEnded") == 0


@pytest.mark.parametrize("reachable", [True, False])
async def test_agent_receives_messages_after_chat_is_transferred_back(
    tabs: Tabs, backend: Backend, stack: Stack, reachable: bool
) -> None:
    async with Proxy(stack.api_port) as proxy:
        chat = backend.start()
        customer, first = await tabs.customer(chat), await tabs.agent(chat, proxy.url)
        await customer.send("for a1")
        await first.wait_for_message("for a1")
        if not reachable:
            await first.close()
        second_contact = backend.transfer_as_agent(chat.contact, AGENT, OTHER_AGENT)
        second = await tabs.join(backend.session(second_contact, OTHER_AGENT))
        await customer.send("for a2")
        await second.wait_for_message("for a2")
        third_contact = backend.transfer_as_agent(second_contact, OTHER_AGENT, AGENT)
        first = await tabs.join(backend.session(third_contact, AGENT))
        await customer.send("you again?")
        await first.wait_for_message("you again?")
        await first.send("me again")
        for tab in (customer, first):
            await tab.wait_for_message("me again")
        backend.end(third_contact)
        await customer.wait_for("onEnded")
        # missed items are in the transcript only; if sent live, the transfer event would make ChatJS stop listening
        assert {item["ContactId"] for item in first.items()} == {third_contact}
        assert second.message_texts() == ["for a2"]
