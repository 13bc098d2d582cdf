"""A chat that continues an earlier one: ChatJS is told, and pages back through the whole past."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chatjs.chats import AGENT, OTHER_AGENT, Backend, Chat
from tests.chatjs.conftest import Tabs
from tests.chatjs.driver import Tab
from tests.chatjs.raw import Ear
from tests.chatjs.wire import JOINED, REHYDRATED, TRANSFERRED
from tests.stack import Stack

BACKWARD = {"scanDirection": "BACKWARD", "sortOrder": "ASCENDING"}
"""As the chat interfaces page: the latest page first, each in the order in which it is read."""

Items = list[dict[str, Any]]


def continuing(source: str, kind: str = "FROM_SEGMENT") -> dict[str, Any]:
    return {"PersistentChat": {"SourceContactId": source, "RehydrationType": kind}}


def as_past(items: Items) -> Items:
    """What was heard live, as it is to be found later."""
    ids = {"InitialContactId", "ContactId"}
    return [
        {**{name: value for name, value in item.items() if name not in ids}, "RelatedContactId": item["ContactId"]}
        for item in items
    ]


async def everything(tab: Tab, size: int = 5) -> Items:
    """All pages, in the order in which the items are read."""
    pages = await tab.pages(size, **BACKWARD)
    return [item for page in reversed(pages) for item in page]


async def talk(tabs: Tabs, backend: Backend, chat: Chat, *texts: str) -> Items:
    """A session of a customer, ended by the agent; returns what the customer heard."""
    customer = await tabs.customer(chat)
    for text in texts:
        await customer.say(text)
        await customer.hears(text)
    backend.end(chat.contact)
    await customer.seen("onEnded")
    await customer.close()
    return customer.items()


async def three_legs(tabs: Tabs, backend: Backend) -> tuple[list[str], Items]:
    """A session that went from a1 to a2 and back; returns its contacts, and what the customer heard."""
    chat = backend.start()
    customer, first = await tabs.customer(chat), await tabs.agent(chat)
    await customer.say("first leg")
    await first.hears("first leg")
    await first.say("I hand you on")
    await customer.hears("I hand you on")
    legs = [chat.contact, backend.hand_on(chat.contact, AGENT, OTHER_AGENT)]
    second = await tabs.join(backend.session(legs[1], OTHER_AGENT))
    for number in range(4):
        await second.say(f"second leg {number}")
        await customer.hears(f"second leg {number}")
    legs.append(backend.transfer(legs[1], AGENT))
    await customer.seen("onMessage", lambda item: item["ContentType"] == TRANSFERRED, times=2)
    await customer.say("third leg, to be dropped")
    await customer.hears("third leg, to be dropped")
    await customer.call("disconnectParticipant")
    await customer.seen("onEnded")
    return legs, customer.items()


async def test_paging_back_reaches_the_whole_past(tabs: Tabs, backend: Backend) -> None:
    legs, heard = await three_legs(tabs, backend)
    kept = [item for item in heard if item["ContactId"] in legs[:2]]
    assert len(kept) == 13  # three who joined, six messages, two who left and handed on
    middle = backend.start(**continuing(legs[1]))
    kept += await talk(tabs, backend, middle, "back again", "and gone again")

    chat = backend.start(**continuing(middle.contact, "ENTIRE_PAST_SESSION"))
    assert chat.customer["ContinuedFromContactId"] == middle.contact
    customer = await tabs.customer(chat)
    await customer.seen("onChatRehydrated")
    agent = await tabs.agent(chat)
    await agent.seen("onChatRehydrated")
    await agent.say("welcome back")
    await customer.hears("welcome back")
    live = customer.items()
    assert [item["ContactId"] for item in live] == 3 * [chat.contact]

    pages = await customer.pages(5, **BACKWARD)
    assert pages[0] == live
    assert [len(page) for page in pages[1:-1]] == (len(pages) - 2) * [5]
    assert [item for page in reversed(pages) for item in page] == as_past(kept) + live
    assert await everything(agent, 3) == as_past(kept) + live
    assert list(dict.fromkeys(item["RelatedContactId"] for item in as_past(kept))) == [*legs[:2], middle.contact]
    await customer.say("and now?")
    await agent.hears("and now?")
    assert customer.count("onChatRehydrated") == 1


@pytest.mark.parametrize("kind", ["FROM_SEGMENT", "ENTIRE_PAST_SESSION"])
async def test_a_past_found_while_the_customer_is_there(tabs: Tabs, backend: Backend, kind: Any) -> None:
    past = backend.start()
    kept = await talk(tabs, backend, past, "one", "two", "three", "four")
    chat = backend.start()
    customer, agent = await tabs.customer(chat), await tabs.agent(chat)
    await customer.say("do you know me?")
    for tab in (customer, agent):
        await tab.hears("do you know me?")
        assert tab.count("onChatRehydrated") == 0
    assert await everything(customer) == customer.items()
    backend.associate(chat, past.contact, kind)
    for tab in (customer, agent):
        await tab.seen("onChatRehydrated")
        assert await everything(tab) == as_past(kept) + customer.items()
    await agent.say("I do")
    await customer.hears("I do")
    assert await everything(customer) == as_past(kept) + customer.items()


async def test_a_past_found_while_a_socket_is_opening(tabs: Tabs, backend: Backend, stack: Stack) -> None:
    past = backend.start()
    await talk(tabs, backend, past, "one")
    chat = backend.start()
    ear = await Ear.open(stack.url, chat.customer)
    backend.associate(chat, past.contact, "FROM_SEGMENT")
    await ear.subscribed()
    assert (await ear.next())["ContentType"] == REHYDRATED
    await ear.close()


async def test_a_reloaded_page_has_the_past_again(tabs: Tabs, backend: Backend) -> None:
    past = backend.start()
    kept = await talk(tabs, backend, past, "one", "two", "three", "four")
    chat = backend.start(**continuing(past.contact))
    page, agent = await tabs.customer(chat), await tabs.agent(chat)
    await page.seen("onChatRehydrated")
    await page.say("before")
    await page.hears("before")
    before = page.items()
    loaded = await tabs.open()
    await page.close()
    page = await tabs.customer(chat, tab=loaded)
    await page.seen("onChatRehydrated")
    assert await everything(page) == as_past(kept) + before
    await agent.say("go on")
    await page.hears("go on")
    await page.say("gladly")
    for tab in (page, agent):
        await tab.hears("gladly")
    assert await everything(page) == as_past(kept) + before + page.items()
    assert [item["ContentType"] for item in before + page.items()] == [JOINED, JOINED] + 3 * ["text/plain"]
