"""An agent sets a chat aside, or gives it back: for them it is over, for the customer it goes on."""

from __future__ import annotations

import pytest

from tests.chatjs.chats import OTHER_AGENT, Backend
from tests.chatjs.conftest import Tabs
from tests.chatjs.driver import UP, Tab
from tests.chatjs.raw import Ear, ask
from tests.chatjs.wire import ENDED, JOINED, LEFT, TYPING
from tests.stack import Stack


async def assert_over(agent: Tab, participant: str) -> None:
    """For this agent it is over: that they left is the last they hear of the chat, then its end."""
    await agent.seen("onEnded")
    *_, left, ended = agent.items()
    assert (left["ContentType"], left["ParticipantId"]) == (LEFT, participant)
    assert (ended["ContentType"], ended["ParticipantRole"]) == (ENDED, "SYSTEM")


async def test_a_parked_chat_goes_on_where_it_was(tabs: Tabs, backend: Backend) -> None:
    chat = backend.start("persistent")
    own = chat.agent["ParticipantId"]
    customer, agent = await tabs.customer(chat), await tabs.agent(chat)
    await agent.say("I will find out")
    await customer.hears("I will find out")
    backend.act(chat.contact, "park")
    await assert_over(agent, own)
    await customer.seen("onMessage", lambda item: (item["ContentType"], item["ParticipantId"]) == (LEFT, own))

    await customer.say("any news?")
    await customer.hears("any news?")
    backend.act(chat.contact, "resume")
    again = backend.session(chat.contact, "a1")
    assert (again["ContactId"], again["ParticipantId"]) == (chat.contact, own)
    second = await tabs.join(again)
    await second.say("there are")
    await customer.hears("there are")
    await customer.say("at last")
    await second.hears("at last")
    for tab in (customer, second):
        assert tab.count("onEnded") == 0
    kept = (await second.call("getTranscript", {"maxResults": 100}))["Transcript"]
    said = [item["Content"] for item in kept if item["Type"] == "MESSAGE"]
    assert said == ["I will find out", "any news?", "there are", "at last"]
    joined = [item for item in kept if (item["ContentType"], item["ParticipantId"]) == (JOINED, own)]
    assert len(joined) == 2
    assert agent.heard() == ["I will find out"]
    assert (customer.count(UP), customer.count("onConnectionLost")) == (2, 0)


@pytest.mark.parametrize(("flow", "action"), [("persistent", "park"), ("persistent", "release"), ("live", "release")])
async def test_no_socket_of_who_left_hears_on(
    tabs: Tabs, backend: Backend, stack: Stack, flow: str, action: str
) -> None:
    chat = backend.start(flow)
    own = chat.agent["ParticipantId"]
    customer = await tabs.customer(chat)
    ear, late = await Ear.open(stack.url, chat.agent), await Ear.open(stack.url, chat.agent)
    await ear.subscribed()
    await customer.seen("onMessage", lambda item: item["ParticipantId"] == own)
    backend.act(chat.contact, action)
    await customer.seen("onMessage", lambda item: (item["ContentType"], item["ParticipantId"]) == (LEFT, own))
    await late.subscribe()
    await customer.call("sendEvent", {"contentType": TYPING})
    await customer.say("not for a1")
    await customer.hears("not for a1")
    assert (await ask(stack.url, chat.agent)).status_code == 403
    assert [item["ContentType"] for item in await ear.everything()] == [JOINED, LEFT, ENDED]
    assert await late.everything() == []
    assert customer.count("onEnded") == 0


async def test_a_released_chat_is_taken_up_by_another(tabs: Tabs, backend: Backend) -> None:
    chat = backend.start()
    customer, agent = await tabs.customer(chat), await tabs.agent(chat)
    await customer.say("hello?")
    await agent.hears("hello?")
    backend.act(chat.contact, "release")
    await assert_over(agent, chat.agent["ParticipantId"])
    await customer.say("is anybody there?")
    item = await customer.hears("is anybody there?")
    assert item["ContactId"] != chat.contact
    backend.assign(item["ContactId"], OTHER_AGENT)
    second = await tabs.join(backend.session(item["ContactId"], OTHER_AGENT))
    await second.say("I am")
    await customer.hears("I am")
    assert (customer.count("onEnded"), customer.count("onConnectionLost")) == (0, 0)
