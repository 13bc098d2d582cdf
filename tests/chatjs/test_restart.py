"""The server restarts during a chat."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.chatjs.chats import Backend
from tests.chatjs.conftest import Tabs
from tests.chatjs.proxy import Proxy
from tests.stack import Stack

pytestmark = pytest.mark.slow


@pytest.fixture
async def own_stack(tmp_path: Path) -> AsyncIterator[Stack]:
    stack = Stack(tmp_path / "mortal", {"PERENNIAL_PRESENCE_DEBOUNCE": "PT0.3S"})
    await asyncio.to_thread(stack.start)
    yield stack
    await asyncio.to_thread(stack.stop)


async def test_server_restart_loses_no_messages(tabs: Tabs, own_stack: Stack) -> None:
    backend = Backend(own_stack)
    chat = backend.start()
    async with Proxy(own_stack.api_port) as proxy:
        # the customer connects directly and loses the connection; the agent connects through a proxy that waits for the server
        customer = await tabs.customer(chat, own_stack.url)
        agent = await tabs.agent(chat, proxy.url)
        await customer.send("before")
        for tab in (customer, agent):
            await tab.wait_for_message("before")
        proxy.cut()
        assert await asyncio.to_thread(own_stack.stop) == 0, own_stack.log()
        await customer.wait_for("onConnectionBroken")
        await asyncio.to_thread(own_stack.start)
        proxy.restore()
        await agent.wait_until_connected(3)
        await agent.send("are you still there?")
        await agent.wait_for_message("are you still there?")

        customer = await tabs.customer(chat, own_stack.url)
        stored = (await customer.call("getTranscript", {}))["Transcript"]
        assert [item.get("Content") for item in stored] == [None, None, "before", "are you still there?"]
        await customer.send("I am")
        await agent.wait_for_message("I am")
        await agent.send("good")
        for tab in (customer, agent):
            await tab.wait_for_message("good")
        assert customer.message_texts() == ["I am", "good"]
        assert agent.message_texts() == ["before", "are you still there?", "I am", "good"]
        assert agent.count("onConnectionBroken") == 0
    backend.close()
