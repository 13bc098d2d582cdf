"""Sockets that stay, break, come in twos and are left behind by a page that reloads."""

from __future__ import annotations

import asyncio

from tests.chatjs.chats import Backend
from tests.chatjs.conftest import Tabs
from tests.chatjs.proxy import Proxy
from tests.chatjs.wire import JOINED
from tests.stack import Stack

DEBOUNCE_SECONDS = 0.3
"""After which the stack of the tests counts a lost connection."""


async def test_heartbeats_keep_a_socket_and_replace_a_dead_one(tabs: Tabs, backend: Backend, stack: Stack) -> None:
    async with Proxy(stack.api_port) as whole, Proxy(stack.api_port) as frozen:
        healthy = await tabs.customer(backend.start(), whole.url)
        chat = backend.start()
        unlucky, agent = await tabs.customer(chat, frozen.url), await tabs.agent(chat)
        frozen.freeze()
        await agent.say("does this arrive?")

        # one at once and two of the 10 s ticks; a heartbeat without an answer would make a second socket at the first
        await healthy.seen("onDeepHeartbeatSuccess", times=3, within=22)
        assert healthy.count("onDeepHeartbeatFailure") == healthy.count("onConnectionLost") == 0
        assert whole.dialled == 1

        # nobody closed anything: ChatJS misses an answer, makes a second socket, and tells its page nothing of a gap
        await unlucky.hears("does this arrive?", within=12)
        assert unlucky.count("onConnectionLost") == 0
        assert frozen.dialled == 2


async def test_a_broken_socket_misses_nothing_and_repeats_nothing(tabs: Tabs, backend: Backend, stack: Stack) -> None:
    async with Proxy(stack.api_port) as proxy:
        chat = backend.start()
        customer, agent = await tabs.customer(chat, proxy.url), await tabs.agent(chat)
        await agent.say("before")
        await customer.hears("before")
        proxy.cut()
        await customer.seen("onConnectionLost")
        for text in ("while you", "were away"):
            await agent.say(text)
            await agent.hears(text)
        assert customer.heard() == ["before"]
        proxy.mend()
        await customer.established(3)
        await customer.hears("were away")
        await agent.say("after")
        await customer.hears("after")
        assert customer.heard() == ["before", "while you", "were away", "after"]
        assert proxy.dialled == 2
        assert customer.count("onConnectionBroken") == 0
        await customer.say("I am back")
        await agent.hears("I am back")


async def test_two_tabs_have_everything_and_closing_one_leaves_no_trace(tabs: Tabs, backend: Backend) -> None:
    chat = backend.start()
    first, agent = await tabs.customer(chat), await tabs.agent(chat)
    second = await tabs.customer(chat)
    await agent.say("hello, both of you")
    await second.say("from the second")
    await first.say("from the first")
    for tab in (first, second):
        await tab.hears("from the first")
        assert tab.heard() == ["hello, both of you", "from the second", "from the first"]
    await first.close()
    await asyncio.sleep(2 * DEBOUNCE_SECONDS)  # that nothing happens can only be waited for
    await agent.say("who is left?")
    await second.hears("who is left?")
    kept = (await second.call("getTranscript", {}))["Transcript"]
    assert [item["ContentType"] for item in kept] == [JOINED, JOINED] + 4 * ["text/plain"]
    assert second.count("onConnectionLost") == 0


async def test_a_reloaded_page_goes_on(tabs: Tabs, backend: Backend) -> None:
    chat = backend.start()
    page, agent = await tabs.customer(chat), await tabs.agent(chat)
    await page.say("before")
    await agent.hears("before")
    loaded = await tabs.open()  # first, so that only the reconnect itself falls between
    await page.close()
    page = await tabs.customer(chat, tab=loaded)
    kept = (await page.call("getTranscript", {}))["Transcript"]
    assert [item.get("Content") for item in kept] == [None, None, "before"]
    await agent.say("go on")
    await page.say("gladly")
    await page.hears("gladly")
    await agent.hears("gladly")
    assert page.heard() == ["go on", "gladly"]
    assert agent.heard() == ["before", "go on", "gladly"]
    kept = (await page.call("getTranscript", {}))["Transcript"]
    assert [item["ContentType"] for item in kept] == [JOINED, JOINED] + 3 * ["text/plain"]
