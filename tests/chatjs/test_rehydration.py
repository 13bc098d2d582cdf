"""Rehydration: ChatJS is notified of the past and pages back through all of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chatjs.chats import AGENT, OTHER_AGENT, Backend, Chat
from tests.chatjs.conftest import Tabs
from tests.chatjs.driver import Tab
from tests.chatjs.raw_socket import RawSocket
from tests.chatjs.wire import JOINED, REHYDRATED, TRANSFERRED
from tests.stack import Stack

BACKWARD = {"scanDirection": "BACKWARD", "sortOrder": "ASCENDING"}
"""Paging as chat interfaces do it: latest page first, items of a page in reading order."""

Items = list[dict[str, Any]]


def continuation(source: str, kind: str = "FROM_SEGMENT") -> dict[str, Any]:
    return {"PersistentChat": {"SourceContactId": source, "RehydrationType": kind}}


def as_past_items(items: Items) -> Items:
    """Convert live items to the form they have in the past of a later chat."""
    ids = {"InitialContactId", "ContactId"}
    return [
        {**{name: value for name, value in item.items() if name not in ids}, "RelatedContactId": item["ContactId"]}
        for item in items
    ]


async def read_all_items(tab: Tab, size: int = 5) -> Items:
    """Return the items of all pages, in reading order."""
    pages = await tab.pages(size, **BACKWARD)
    return [item for page in reversed(pages) for item in page]


async def run_session(tabs: Tabs, backend: Backend, chat: Chat, *texts: str) -> Items:
    """Run a session that the agent ends; return the items that the customer received."""
    customer = await tabs.customer(chat)
    for text in texts:
        await customer.send(text)
        await customer.wait_for_message(text)
    backend.end(chat.contact)
    await customer.wait_for("onEnded")
    await customer.close()
    return customer.items()


async def run_session_with_transfers(tabs: Tabs, backend: Backend) -> tuple[list[str], Items]:
    """Run a session transferred from a1 to a2 and back; return its contact ids and the items that the customer received."""
    chat = backend.start()
    customer, first = await tabs.customer(chat), await tabs.agent(chat)
    await customer.send("first leg")
    await first.wait_for_message("first leg")
    await first.send("I hand you on")
    await customer.wait_for_message("I hand you on")
    contact_ids = [chat.contact, backend.transfer_as_agent(chat.contact, AGENT, OTHER_AGENT)]
    second = await tabs.join(backend.session(contact_ids[1], OTHER_AGENT))
    for number in range(4):
        await second.send(f"second leg {number}")
        await customer.wait_for_message(f"second leg {number}")
    contact_ids.append(backend.transfer(contact_ids[1], AGENT))
    await customer.wait_for("onMessage", lambda item: item["ContentType"] == TRANSFERRED, times=2)
    await customer.send("third leg, to be dropped")
    await customer.wait_for_message("third leg, to be dropped")
    await customer.call("disconnectParticipant")
    await customer.wait_for("onEnded")
    return contact_ids, customer.items()


async def test_backward_paging_reaches_the_whole_past(tabs: Tabs, backend: Backend) -> None:
    contact_ids, received = await run_session_with_transfers(tabs, backend)
    stored = [item for item in received if item["ContactId"] in contact_ids[:2]]
    assert len(stored) == 13  # three joins, six messages, two events of the transfer
    middle = backend.start(**continuation(contact_ids[1]))
    stored += await run_session(tabs, backend, middle, "back again", "and gone again")

    chat = backend.start(**continuation(middle.contact, "ENTIRE_PAST_SESSION"))
    assert chat.customer["ContinuedFromContactId"] == middle.contact
    customer = await tabs.customer(chat)
    await customer.wait_for("onChatRehydrated")
    agent = await tabs.agent(chat)
    await agent.wait_for("onChatRehydrated")
    await agent.send("welcome back")
    await customer.wait_for_message("welcome back")
    live = customer.items()
    assert [item["ContactId"] for item in live] == 3 * [chat.contact]

    pages = await customer.pages(5, **BACKWARD)
    assert pages[0] == live
    assert [len(page) for page in pages[1:-1]] == (len(pages) - 2) * [5]
    assert [item for page in reversed(pages) for item in page] == as_past_items(stored) + live
    assert await read_all_items(agent, 3) == as_past_items(stored) + live
    assert list(dict.fromkeys(item["RelatedContactId"] for item in as_past_items(stored))) == [
        *contact_ids[:2],
        middle.contact,
    ]
    await customer.send("and now?")
    await agent.wait_for_message("and now?")
    assert customer.count("onChatRehydrated") == 1


@pytest.mark.parametrize("kind", ["FROM_SEGMENT", "ENTIRE_PAST_SESSION"])
async def test_past_associated_during_a_chat_is_announced_and_readable(tabs: Tabs, backend: Backend, kind: Any) -> None:
    past = backend.start()
    stored = await run_session(tabs, backend, past, "one", "two", "three", "four")
    chat = backend.start()
    customer, agent = await tabs.customer(chat), await tabs.agent(chat)
    await customer.send("do you know me?")
    for tab in (customer, agent):
        await tab.wait_for_message("do you know me?")
        assert tab.count("onChatRehydrated") == 0
    assert await read_all_items(customer) == customer.items()
    backend.associate(chat, past.contact, kind)
    for tab in (customer, agent):
        await tab.wait_for("onChatRehydrated")
        assert await read_all_items(tab) == as_past_items(stored) + customer.items()
    await agent.send("I do")
    await customer.wait_for_message("I do")
    assert await read_all_items(customer) == as_past_items(stored) + customer.items()


async def test_socket_receives_rehydration_event_when_past_is_associated_before_it_subscribes(
    tabs: Tabs, backend: Backend, stack: Stack
) -> None:
    past = backend.start()
    await run_session(tabs, backend, past, "one")
    chat = backend.start()
    socket = await RawSocket.open(stack.url, chat.customer)
    backend.associate(chat, past.contact, "FROM_SEGMENT")
    await socket.subscribe_and_wait()
    assert (await socket.next_item())["ContentType"] == REHYDRATED
    await socket.close()


async def test_reloaded_page_reads_the_past_again(tabs: Tabs, backend: Backend) -> None:
    past = backend.start()
    stored = await run_session(tabs, backend, past, "one", "two", "three", "four")
    chat = backend.start(**continuation(past.contact))
    page, agent = await tabs.customer(chat), await tabs.agent(chat)
    await page.wait_for("onChatRehydrated")
    await page.send("before")
    await page.wait_for_message("before")
    before = page.items()
    new_tab = await tabs.open()
    await page.close()
    page = await tabs.customer(chat, tab=new_tab)
    await page.wait_for("onChatRehydrated")
    assert await read_all_items(page) == as_past_items(stored) + before
    await agent.send("go on")
    await page.wait_for_message("go on")
    await page.send("gladly")
    for tab in (page, agent):
        await tab.wait_for_message("gladly")
    assert await read_all_items(page) == as_past_items(stored) + before + page.items()
    assert [item["ContentType"] for item in before + page.items()] == [JOINED, JOINED] + 3 * ["text/plain"]
