"""An agent parks or releases a chat: it ends for the agent and continues for the customer."""

from __future__ import annotations

import pytest

from tests.chatjs.chats import OTHER_AGENT, Backend
from tests.chatjs.conftest import Tabs
from tests.chatjs.driver import Tab
from tests.chatjs.raw_socket import RawSocket, request_socket
from tests.chatjs.session import ESTABLISHED
from tests.chatjs.wire import ENDED, JOINED, LEFT, TYPING
from tests.stack import Stack


async def assert_chat_ended_for_agent(agent: Tab, participant: str) -> None:
    """The last items that the agent received are their own `participant.left` and `chat.ended`."""
    await agent.wait_for("onEnded")
    *_, left, ended = agent.items()
    assert (left["ContentType"], left["ParticipantId"]) == (LEFT, participant)
    assert (ended["ContentType"], ended["ParticipantRole"]) == (ENDED, "SYSTEM")


async def test_parked_chat_continues_after_resume(tabs: Tabs, backend: Backend) -> None:
    chat = backend.start("persistent")
    agent_id = chat.agent["ParticipantId"]
    customer, agent = await tabs.customer(chat), await tabs.agent(chat)
    await agent.send("I will find out")
    await customer.wait_for_message("I will find out")
    backend.act(chat.contact, "park")
    await assert_chat_ended_for_agent(agent, agent_id)
    await customer.wait_for("onMessage", lambda item: (item["ContentType"], item["ParticipantId"]) == (LEFT, agent_id))

    await customer.send("any news?")
    await customer.wait_for_message("any news?")
    backend.act(chat.contact, "resume")
    again = backend.session(chat.contact, "a1")
    assert (again["ContactId"], again["ParticipantId"]) == (chat.contact, agent_id)
    second = await tabs.join(again)
    await second.send("there are")
    await customer.wait_for_message("there are")
    await customer.send("at last")
    await second.wait_for_message("at last")
    for tab in (customer, second):
        assert tab.count("onEnded") == 0
    stored = (await second.call("getTranscript", {"maxResults": 100}))["Transcript"]
    texts = [item["Content"] for item in stored if item["Type"] == "MESSAGE"]
    assert texts == ["I will find out", "any news?", "there are", "at last"]
    joined = [item for item in stored if (item["ContentType"], item["ParticipantId"]) == (JOINED, agent_id)]
    assert len(joined) == 2
    assert agent.message_texts() == ["I will find out"]
    assert (customer.count(ESTABLISHED), customer.count("onConnectionLost")) == (2, 0)


@pytest.mark.parametrize(("flow", "action"), [("persistent", "park"), ("persistent", "release"), ("live", "release")])
async def test_sockets_of_agent_receive_nothing_after_park_or_release(
    tabs: Tabs, backend: Backend, stack: Stack, flow: str, action: str
) -> None:
    chat = backend.start(flow)
    agent_id = chat.agent["ParticipantId"]
    customer = await tabs.customer(chat)
    socket, late_socket = await RawSocket.open(stack.url, chat.agent), await RawSocket.open(stack.url, chat.agent)
    await socket.subscribe_and_wait()
    await customer.wait_for("onMessage", lambda item: item["ParticipantId"] == agent_id)
    backend.act(chat.contact, action)
    await customer.wait_for("onMessage", lambda item: (item["ContentType"], item["ParticipantId"]) == (LEFT, agent_id))
    await late_socket.subscribe()
    await customer.call("sendEvent", {"contentType": TYPING})
    await customer.send("not for a1")
    await customer.wait_for_message("not for a1")
    assert (await request_socket(stack.url, chat.agent)).status_code == 403
    assert [item["ContentType"] for item in await socket.items_until_closed()] == [JOINED, LEFT, ENDED]
    assert await late_socket.items_until_closed() == []
    assert customer.count("onEnded") == 0


async def test_released_chat_continues_with_another_agent(tabs: Tabs, backend: Backend) -> None:
    chat = backend.start()
    customer, agent = await tabs.customer(chat), await tabs.agent(chat)
    await customer.send("hello?")
    await agent.wait_for_message("hello?")
    backend.act(chat.contact, "release")
    await assert_chat_ended_for_agent(agent, chat.agent["ParticipantId"])
    await customer.send("is anybody there?")
    item = await customer.wait_for_message("is anybody there?")
    assert item["ContactId"] != chat.contact
    backend.assign(item["ContactId"], OTHER_AGENT)
    second = await tabs.join(backend.session(item["ContactId"], OTHER_AGENT))
    await second.send("I am")
    await customer.wait_for_message("I am")
    assert (customer.count("onEnded"), customer.count("onConnectionLost")) == (0, 0)
