"""The server goes away and comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.chatjs.chats import Backend
from tests.chatjs.conftest import Tabs
from tests.chatjs.proxy import Proxy
from tests.stack import Stack


@pytest.fixture
async def mortal(tmp_path: Path) -> AsyncIterator[Stack]:
    stack = Stack(tmp_path / "mortal", {"PERENNIAL_PRESENCE_DEBOUNCE": "PT0.3S"})
    await asyncio.to_thread(stack.start)
    yield stack
    await asyncio.to_thread(stack.stop)


async def test_a_restart_loses_nothing(tabs: Tabs, mortal: Stack) -> None:
    backend = Backend(mortal)
    chat = backend.start()
    async with Proxy(mortal.api_port) as patient:
        # the customer goes straight to the server, and breaks with it; the agent through what waits until it is back
        customer = await tabs.customer(chat, mortal.url)
        agent = await tabs.agent(chat, patient.url)
        await customer.say("before")
        for tab in (customer, agent):
            await tab.hears("before")
        patient.cut()
        assert await asyncio.to_thread(mortal.stop) == 0, mortal.log()
        await customer.seen("onConnectionBroken")
        await asyncio.to_thread(mortal.start)
        patient.mend()
        await agent.established(3)
        await agent.say("are you still there?")
        await agent.hears("are you still there?")

        customer = await tabs.customer(chat, mortal.url)
        kept = (await customer.call("getTranscript", {}))["Transcript"]
        assert [item.get("Content") for item in kept] == [None, None, "before", "are you still there?"]
        await customer.say("I am")
        await agent.hears("I am")
        await agent.say("good")
        for tab in (customer, agent):
            await tab.hears("good")
        assert customer.heard() == ["I am", "good"]
        assert agent.heard() == ["before", "are you still there?", "I am", "good"]
        assert agent.count("onConnectionBroken") == 0
    backend.close()
