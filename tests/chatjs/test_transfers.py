"""A chat changes hands: the customer's socket stays, the agent who leaves hears nothing more."""

from __future__ import annotations

import pytest

from tests.chatjs.chats import AGENT, OTHER_AGENT, Backend
from tests.chatjs.conftest import Tabs
from tests.chatjs.driver import UP, Refused
from tests.chatjs.proxy import Proxy
from tests.chatjs.raw import Ear, ask
from tests.chatjs.wire import JOINED, LEFT, TRANSFERRED, TYPING
from tests.stack import Stack


@pytest.mark.parametrize("where", ["desk", "backend"])
async def test_a_customer_keeps_the_socket(tabs: Tabs, backend: Backend, stack: Stack, where: str) -> None:
    async with Proxy(stack.api_port) as proxy:
        chat = backend.start()
        customer, first = await tabs.customer(chat, proxy.url), await tabs.agent(chat)
        await first.say("I hand you on")
        await customer.hears("I hand you on")
        if where == "desk":
            leg = backend.hand_on(chat.contact, AGENT, OTHER_AGENT)
        else:
            leg = backend.transfer(chat.contact, OTHER_AGENT)
        await first.seen("onMessage", lambda item: item["ContentType"] == TRANSFERRED)
        details = backend.session(leg, OTHER_AGENT)
        assert (details["ContactId"], details["InitialContactId"]) == (leg, chat.contact)
        second = await tabs.join(details)
        await second.say("I am the second")
        await customer.hears("I am the second")
        await customer.say("hello, second")
        for tab in (customer, second):
            await tab.hears("hello, second")

        assert [(item["ContactId"], item.get("Content") or item["ContentType"]) for item in customer.items()] == [
            (chat.contact, JOINED),
            (chat.contact, JOINED),
            (chat.contact, "I hand you on"),
            (chat.contact, LEFT),
            (chat.contact, TRANSFERRED),
            (leg, JOINED),
            (leg, "I am the second"),
            (leg, "hello, second"),
        ]
        assert {item["InitialContactId"] for item in customer.items()} == {chat.contact}
        assert {item["ContactId"] for item in second.items()} == {leg}
        assert {item["DisplayName"] for item in customer.items()[5:7]} == {"Agent Two"}
        assert proxy.dialled == 1
        assert (customer.count(UP), customer.count("onConnectionLost")) == (2, 0)


async def test_who_left_is_told_so_and_is_out(tabs: Tabs, backend: Backend, stack: Stack) -> None:
    chat = backend.start()
    customer, first = await tabs.customer(chat), await tabs.agent(chat)
    leg = backend.hand_on(chat.contact, AGENT, OTHER_AGENT)
    second = await tabs.join(backend.session(leg, OTHER_AGENT))
    await first.seen("onMessage", lambda item: item["ContentType"] == TRANSFERRED)
    await customer.say("between us")
    await second.hears("between us")
    with pytest.raises(Refused) as refused:
        await first.say("what do you say?")
    assert (refused.value.why["statusCode"], refused.value.why["type"]) == (403, "AccessDeniedException")
    with pytest.raises(Refused) as refused:
        await first.call("sendEvent", {"contentType": TYPING})
    assert refused.value.why["statusCode"] == 403
    with pytest.raises(Refused):
        await tabs.agent(chat)
    # of an agent's refusal ChatJS does not tell the status
    assert (await ask(stack.url, chat.agent)).status_code == 403
    own = chat.agent["ParticipantId"]
    assert [(i["ContentType"], i["ParticipantId"]) for i in first.items()[-2:]] == [(LEFT, own), (TRANSFERRED, own)]
    await customer.say("go on")
    await second.hears("go on")
    assert second.heard() == ["between us", "go on"]
    assert first.count("onTyping") == customer.count("onTyping") == 0


async def test_no_socket_of_who_left_hears_on(tabs: Tabs, backend: Backend, stack: Stack) -> None:
    chat = backend.start()
    customer = await tabs.customer(chat)
    ear, late = await Ear.open(stack.url, chat.agent), await Ear.open(stack.url, chat.agent)
    await ear.subscribed()
    await customer.seen("onMessage", lambda item: item.get("ParticipantId") == chat.agent["ParticipantId"])
    await customer.say("for a1")
    leg = backend.hand_on(chat.contact, AGENT, OTHER_AGENT)
    await customer.seen("onMessage", lambda item: item["ContentType"] == TRANSFERRED)
    await late.subscribe()
    second = await tabs.join(backend.session(leg, OTHER_AGENT))
    await customer.call("sendEvent", {"contentType": TYPING})
    await customer.say("for a2 only")
    await second.hears("for a2 only")
    await second.seen("onTyping")
    items = await ear.everything()
    assert [item.get("Content") or item["ContentType"] for item in items] == [JOINED, "for a1", LEFT, TRANSFERRED]
    assert await late.everything() == []


async def test_an_agent_who_was_away_cannot_come_back(tabs: Tabs, backend: Backend, stack: Stack) -> None:
    async with Proxy(stack.api_port) as proxy:
        chat = backend.start()
        customer, first = await tabs.customer(chat), await tabs.agent(chat, proxy.url)
        await customer.seen("onMessage", lambda item: item.get("ParticipantId") == chat.agent["ParticipantId"])
        proxy.cut()
        await first.seen("onConnectionLost")
        backend.transfer(chat.contact, OTHER_AGENT)
        await customer.say("for a2 only")
        await customer.hears("for a2 only")
        proxy.mend()
        await first.seen("onConnectionBroken")  # ChatJS tells only customers, by onEnded, what a 403 means
        assert first.heard() == []
        assert proxy.dialled == 1
        assert customer.count("onEnded") == 0


@pytest.mark.parametrize("reachable", [True, False])
async def test_an_agent_who_gets_the_chat_back_hears_it(
    tabs: Tabs, backend: Backend, stack: Stack, reachable: bool
) -> None:
    async with Proxy(stack.api_port) as proxy:
        chat = backend.start()
        customer, first = await tabs.customer(chat), await tabs.agent(chat, proxy.url)
        await customer.say("for a1")
        await first.hears("for a1")
        if not reachable:
            await first.close()
        there = backend.hand_on(chat.contact, AGENT, OTHER_AGENT)
        second = await tabs.join(backend.session(there, OTHER_AGENT))
        await customer.say("for a2")
        await second.hears("for a2")
        back = backend.hand_on(there, OTHER_AGENT, AGENT)
        first = await tabs.join(backend.session(back, AGENT))
        await customer.say("you again?")
        await first.hears("you again?")
        await first.say("me again")
        for tab in (customer, first):
            await tab.hears("me again")
        backend.end(back)
        await customer.seen("onEnded")
        # what came meanwhile is in the transcript; live it would bring the transfer that makes ChatJS stop listening
        assert {item["ContactId"] for item in first.items()} == {back}
        assert second.heard() == ["for a2"]
