"""A supervisor monitors a chat with an unmodified ChatJS, silently and then visibly."""

from __future__ import annotations

import pytest

from tests.chatjs.chats import OTHER_AGENT, Backend
from tests.chatjs.conftest import Tabs
from tests.chatjs.raw_socket import request_socket
from tests.chatjs.session import CallRejected
from tests.chatjs.wire import ENDED, JOINED, LEFT, TRANSFERRED
from tests.stack import Stack


async def test_supervisor_reads_along_then_joins_and_leaves(tabs: Tabs, backend: Backend) -> None:
    chat = backend.start()
    customer, agent = await tabs.customer(chat), await tabs.agent(chat)
    supervisor = await tabs.join(backend.monitor(chat.contact))
    await customer.send("Hello?")
    await agent.send("Good morning.")
    for tab in (supervisor, customer):
        await tab.wait_for_message("Good morning.")
    assert supervisor.message_texts() == ["Hello?", "Good morning."]
    with pytest.raises(CallRejected) as refused:
        await supervisor.send("I am not here.")
    assert (refused.value.reason["statusCode"], refused.value.reason["type"]) == (403, "AccessDeniedException")
    assert {item["ParticipantRole"] for item in customer.items()} == {"CUSTOMER", "AGENT"}

    backend.supervise(chat.contact, "barge")
    await supervisor.send("May I help?")
    for tab in (customer, agent, supervisor):
        await tab.wait_for_message("May I help?")
    seen = [item for item in customer.items() if item["ParticipantRole"] == "SUPERVISOR"]
    assert [item["ContentType"] for item in seen] == [JOINED, "text/plain"]

    backend.supervise(chat.contact, "leave")
    await supervisor.wait_for("onEnded")
    await customer.wait_for("onMessage", lambda item: item["ContentType"] == LEFT)
    await customer.send("Thank you.")
    await agent.wait_for_message("Thank you.")
    assert "Thank you." not in supervisor.message_texts()
    assert customer.count("onEnded") == agent.count("onEnded") == 0


async def test_end_of_the_chat_reaches_a_silent_supervisor(tabs: Tabs, backend: Backend) -> None:
    chat = backend.start()
    agent, supervisor = await tabs.agent(chat), await tabs.join(backend.monitor(chat.contact))
    backend.end(chat.contact)
    for tab in (agent, supervisor):
        await tab.wait_for("onMessage", lambda item: item["ContentType"] == ENDED)
        await tab.wait_for("onEnded")


async def test_silent_supervisor_does_not_follow_a_transfer(tabs: Tabs, backend: Backend, stack: Stack) -> None:
    chat = backend.start()
    details = backend.monitor(chat.contact)
    customer, supervisor = await tabs.customer(chat), await tabs.join(details)
    await tabs.agent(chat)
    second = backend.transfer(chat.contact, OTHER_AGENT)
    agent = await tabs.join(backend.session(second, OTHER_AGENT))
    await customer.send("For you only.")
    await agent.wait_for_message("For you only.")
    await supervisor.wait_for("onMessage", lambda item: item["ContentType"] == TRANSFERRED)
    assert supervisor.message_texts() == []
    # ChatJS does not report the status when an agent is refused
    assert (await request_socket(stack.url, details)).status_code == 403
