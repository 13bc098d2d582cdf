"""The survey after a chat: the agent's part is over, the customer answers where they were talking."""

from __future__ import annotations

import json

from tests.chatjs.chats import Backend
from tests.chatjs.conftest import Tabs
from tests.chatjs.driver import UP, Tab
from tests.chatjs.raw import Ear
from tests.chatjs.wire import ENDED, INTERACTIVE, INTERACTIVE_RESPONSE, JOINED, LEFT, TYPING
from tests.stack import Stack

FLOW = "persistent-survey"
QUESTION = "How did we do?"
CHOICES = ["Good", "Fair", "Poor"]
SECOND_QUESTION = "Is there anything else you would like to tell us?"
THANKS = "Thank you."


async def joined(tab: Tab, participant: str) -> None:
    await tab.seen("onMessage", lambda i: (i["ContentType"], i["ParticipantId"]) == (JOINED, participant))


async def test_a_customer_answers_when_the_agent_has_gone(tabs: Tabs, backend: Backend) -> None:
    chat = backend.start(FLOW)
    customer, agent = await tabs.customer(chat), await tabs.agent(chat)
    await agent.say("anything else?")
    await customer.hears("anything else?")
    backend.end(chat.contact)
    await agent.seen("onEnded")
    await customer.hears("\n".join([QUESTION, "1. Good", "2. Fair", "3. Poor"]))
    assert customer.count("onEnded") == 0
    for text, reply in (
        ("Terrible", "Please answer with one of the choices."),
        ("2", SECOND_QUESTION),
        ("more bees", THANKS),
    ):
        await customer.say(text)
        await customer.hears(reply)
    await customer.seen("onEnded")

    told = [(item["ParticipantRole"], item.get("Content") or item["ContentType"]) for item in customer.items()[3:]]
    assert told == [
        ("AGENT", LEFT),
        ("SYSTEM", "\n".join([QUESTION, "1. Good", "2. Fair", "3. Poor"])),
        ("CUSTOMER", "Terrible"),
        ("SYSTEM", "Please answer with one of the choices."),
        ("SYSTEM", "\n".join([QUESTION, "1. Good", "2. Fair", "3. Poor"])),
        ("CUSTOMER", "2"),
        ("SYSTEM", SECOND_QUESTION),
        ("CUSTOMER", "more bees"),
        ("SYSTEM", THANKS),
        ("CUSTOMER", LEFT),
        ("SYSTEM", ENDED),
    ]
    assert {item["InitialContactId"] for item in customer.items()} == {chat.contact}
    legs = [item["ContactId"] for item in customer.items()]
    assert legs[:4] == 4 * [chat.contact]
    assert len(set(legs[4:])) == 1
    assert legs[4] != chat.contact
    assert (customer.count(UP), customer.count("onConnectionLost")) == (2, 0)
    assert customer.events[-1].name == "onEnded"
    assert backend.attributes(chat) == {"satisfaction": "Fair", "comment": "more bees"}

    assert agent.count("onEnded") == 1
    assert [item["ContentType"] for item in agent.items()[-2:]] == [LEFT, ENDED]
    assert agent.heard() == ["anything else?"]


async def test_the_agent_hears_no_answer(tabs: Tabs, backend: Backend, stack: Stack) -> None:
    chat = backend.start(FLOW)
    customer = await tabs.customer(chat)
    ear, late = await Ear.open(stack.url, chat.agent), await Ear.open(stack.url, chat.agent)
    await ear.subscribed()
    await joined(customer, chat.agent["ParticipantId"])
    backend.end(chat.contact)
    await customer.seen("onMessage", lambda item: item["ParticipantRole"] == "SYSTEM")
    await customer.call("sendEvent", {"contentType": TYPING})
    await customer.say("3")
    await customer.hears(SECOND_QUESTION)
    await late.subscribe()
    await customer.say("a1 must not read this")
    await customer.seen("onEnded")
    items = await ear.everything()
    assert [item["ContentType"] for item in items] == [JOINED, LEFT, ENDED]
    assert await late.everything() == []


async def test_a_client_that_shows_quick_replies_gets_them(tabs: Tabs, backend: Backend) -> None:
    chat = backend.start(FLOW, SupportedMessagingContentTypes=["text/plain", INTERACTIVE, INTERACTIVE_RESPONSE])
    customer, agent = await tabs.customer(chat), await tabs.agent(chat)
    await joined(customer, chat.agent["ParticipantId"])
    backend.end(chat.contact)
    [item] = await customer.seen("onMessage", lambda item: item["ContentType"] == INTERACTIVE)
    assert (item["Type"], item["ParticipantRole"]) == ("MESSAGE", "SYSTEM")
    template = json.loads(item["Content"])
    assert (template["templateType"], template["version"]) == ("QuickReply", "1.0")
    content = template["data"]["content"]
    assert content["title"] == QUESTION
    assert [element["title"] for element in content["elements"]] == CHOICES
    chosen = {**template, "data": {"content": {"title": "Poor", "action": "Poor"}}}
    await customer.call("sendMessage", {"message": json.dumps(chosen), "contentType": INTERACTIVE_RESPONSE})
    await customer.hears(SECOND_QUESTION)
    await customer.say("no")
    await customer.hears(THANKS)
    for tab in (customer, agent):
        await tab.seen("onEnded")
    assert backend.attributes(chat) == {"satisfaction": "Poor", "comment": "no"}
