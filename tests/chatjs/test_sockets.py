"""Sockets: heartbeats, reconnects, two tabs, and page reloads."""

from __future__ import annotations

import asyncio

from tests.chatjs.chats import Backend
from tests.chatjs.conftest import Tabs
from tests.chatjs.proxy import Proxy
from tests.chatjs.wire import JOINED
from tests.stack import Stack

DEBOUNCE_SECONDS = 0.3
"""Delay after which the test stack records a lost connection."""


async def test_heartbeats_keep_healthy_socket_and_replace_dead_one(tabs: Tabs, backend: Backend, stack: Stack) -> None:
    async with Proxy(stack.api_port) as working, Proxy(stack.api_port) as frozen:
        healthy = await tabs.customer(backend.start(), working.url)
        chat = backend.start()
        disconnected, agent = await tabs.customer(chat, frozen.url), await tabs.agent(chat)
        frozen.freeze()
        await agent.send("does this arrive?")

        # one heartbeat at once and two after 10 s each; ChatJS would replace the socket after one without an answer
        await healthy.wait_for("onDeepHeartbeatSuccess", times=3, within=22)
        assert healthy.count("onDeepHeartbeatFailure") == healthy.count("onConnectionLost") == 0
        assert working.websocket_requests == 1

        # the frozen socket is not closed: ChatJS misses an answer and opens a second socket without `onConnectionLost`
        await disconnected.wait_for_message("does this arrive?", within=12)
        assert disconnected.count("onConnectionLost") == 0
        assert frozen.websocket_requests == 2


async def test_reconnected_socket_receives_every_message_once(tabs: Tabs, backend: Backend, stack: Stack) -> None:
    async with Proxy(stack.api_port) as proxy:
        chat = backend.start()
        customer, agent = await tabs.customer(chat, proxy.url), await tabs.agent(chat)
        await agent.send("before")
        await customer.wait_for_message("before")
        proxy.cut()
        await customer.wait_for("onConnectionLost")
        for text in ("while you", "were away"):
            await agent.send(text)
            await agent.wait_for_message(text)
        assert customer.message_texts() == ["before"]
        proxy.restore()
        await customer.wait_until_connected(3)
        await customer.wait_for_message("were away")
        await agent.send("after")
        await customer.wait_for_message("after")
        assert customer.message_texts() == ["before", "while you", "were away", "after"]
        assert proxy.websocket_requests == 2
        assert customer.count("onConnectionBroken") == 0
        await customer.send("I am back")
        await agent.wait_for_message("I am back")


async def test_two_tabs_receive_all_messages_and_closing_one_records_no_leave(tabs: Tabs, backend: Backend) -> None:
    chat = backend.start()
    first, agent = await tabs.customer(chat), await tabs.agent(chat)
    second = await tabs.customer(chat)
    await agent.send("hello, both of you")
    await second.send("from the second")
    await first.send("from the first")
    for tab in (first, second):
        await tab.wait_for_message("from the first")
        assert tab.message_texts() == ["hello, both of you", "from the second", "from the first"]
    await first.close()
    await asyncio.sleep(2 * DEBOUNCE_SECONDS)  # there is no event to wait for
    await agent.send("who is left?")
    await second.wait_for_message("who is left?")
    stored = (await second.call("getTranscript", {}))["Transcript"]
    assert [item["ContentType"] for item in stored] == [JOINED, JOINED] + 4 * ["text/plain"]
    assert second.count("onConnectionLost") == 0


async def test_reloaded_page_continues_chat(tabs: Tabs, backend: Backend) -> None:
    chat = backend.start()
    page, agent = await tabs.customer(chat), await tabs.agent(chat)
    await page.send("before")
    await agent.wait_for_message("before")
    new_tab = await tabs.open()  # loaded before the old tab closes, so that the gap is only the reconnect
    await page.close()
    page = await tabs.customer(chat, tab=new_tab)
    stored = (await page.call("getTranscript", {}))["Transcript"]
    assert [item.get("Content") for item in stored] == [None, None, "before"]
    await agent.send("go on")
    await page.send("gladly")
    await page.wait_for_message("gladly")
    await agent.wait_for_message("gladly")
    assert page.message_texts() == ["go on", "gladly"]
    assert agent.message_texts() == ["before", "go on", "gladly"]
    stored = (await page.call("getTranscript", {}))["Transcript"]
    assert [item["ContentType"] for item in stored] == [JOINED, JOINED] + 3 * ["text/plain"]
