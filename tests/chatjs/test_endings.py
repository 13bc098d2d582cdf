"""How chats end, and for whom."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chatjs.chats import Backend
from tests.chatjs.conftest import Tabs
from tests.chatjs.driver import Refused, Tab
from tests.chatjs.proxy import Proxy
from tests.chatjs.raw import Ear, ask
from tests.chatjs.wire import ENDED, LEFT
from tests.stack import Stack


async def assert_ended(tab: Tab, leaver: dict[str, Any]) -> None:
    """The chat has ended for a tab: who left, then the end, then `onEnded`, and nothing can be said any more."""
    await tab.seen("onEnded")
    *_, left, _, ended = tab.items()
    assert (left["ContentType"], left["ParticipantId"]) == (LEFT, leaver["ParticipantId"])
    assert ended["ContentType"] == ENDED
    assert tab.events[-1].name == "onEnded"
    assert tab.count("onEnded") == 1
    with pytest.raises(Refused, match="No active connection"):
        await tab.say("hello?")


async def test_the_customer_ends_it(tabs: Tabs, backend: Backend) -> None:
    chat = backend.start()
    customer, agent = await tabs.customer(chat), await tabs.agent(chat)
    await customer.call("disconnectParticipant")
    for tab in (customer, agent):
        await assert_ended(tab, leaver=chat.customer)
    with pytest.raises(Refused) as refused:
        await tabs.customer(chat)
    assert refused.value.why["_debug"]["_debug"]["statusCode"] == 403
    assert refused.value.why["_debug"]["_debug"]["type"] == "AccessDeniedException"


async def test_the_agent_ends_it(tabs: Tabs, backend: Backend) -> None:
    chat = backend.start()
    customer, agent = await tabs.customer(chat), await tabs.agent(chat)
    backend.end(chat.contact)
    for tab in (customer, agent):
        await assert_ended(tab, leaver=chat.agent)


async def test_who_was_away_learns_of_the_end(tabs: Tabs, backend: Backend, stack: Stack) -> None:
    async with Proxy(stack.api_port) as proxy:
        chat = backend.start()
        customer, agent = await tabs.customer(chat, proxy.url), await tabs.agent(chat)
        proxy.cut()
        await customer.seen("onConnectionLost")
        backend.end(chat.contact)
        await agent.seen("onEnded")
        assert customer.count("onEnded") == 0
        proxy.mend()
        await customer.seen("onEnded")
        assert proxy.dialled == 1


async def test_a_socket_that_was_opening_is_not_left_in_silence(backend: Backend, stack: Stack) -> None:
    chat = backend.start()
    ear = await Ear.open(stack.url, chat.customer)
    backend.end(chat.contact)
    await ear.subscribe()
    assert await ear.everything() == []
    assert (await ask(stack.url, chat.customer)).status_code == 403


async def test_a_persistent_chat_is_left_and_found_again(tabs: Tabs, backend: Backend) -> None:
    chat = backend.start("persistent")
    customer, agent = await tabs.customer(chat), await tabs.agent(chat)
    await customer.say("I must go")
    await customer.hears("I must go")
    await customer.call("disconnectParticipant")
    await customer.seen("onEnded")

    await agent.say("come back when you like")
    await agent.hears("come back when you like")
    assert agent.count("onEnded") == 0
    assert not {ENDED, LEFT} & {item["ContentType"] for item in agent.items()}

    customer = await tabs.customer(chat)
    await customer.hears("come back when you like")
    await customer.say("here I am")
    await agent.hears("here I am")
    kept = (await customer.call("getTranscript", {}))["Transcript"]
    said = [item["Content"] for item in kept if item["Type"] == "MESSAGE"]
    assert said == ["I must go", "come back when you like", "here I am"]
