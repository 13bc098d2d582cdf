"""Post-chat survey: it starts after the agent's end, and the customer answers in the same chat."""

from __future__ import annotations

import json

from tests.chatjs.chats import Backend
from tests.chatjs.conftest import Tabs
from tests.chatjs.driver import Tab
from tests.chatjs.raw_socket import RawSocket
from tests.chatjs.session import ESTABLISHED
from tests.chatjs.wire import ENDED, INTERACTIVE, INTERACTIVE_RESPONSE, JOINED, LEFT, TYPING
from tests.stack import Stack

FLOW = "persistent-survey"
QUESTION = "How did we do?"
CHOICES = ["Good", "Fair", "Poor"]
SECOND_QUESTION = "Is there anything else you would like to tell us?"
THANKS = "Thank you."


async def wait_for_join(tab: Tab, participant: str) -> None:
    await tab.wait_for("onMessage", lambda i: (i["ContentType"], i["ParticipantId"]) == (JOINED, participant))


async def test_customer_answers_survey_after_agent_leaves(tabs: Tabs, backend: Backend) -> None:
    chat = backend.start(FLOW)
    customer, agent = await tabs.customer(chat), await tabs.agent(chat)
    await agent.send("anything else?")
    await customer.wait_for_message("anything else?")
    backend.end(chat.contact)
    await agent.wait_for("onEnded")
    await customer.wait_for_message("\n".join([QUESTION, "1. Good", "2. Fair", "3. Poor"]))
    assert customer.count("onEnded") == 0
    for text, reply in (
        ("Terrible", "Please answer with one of the choices."),
        ("2", SECOND_QUESTION),
        ("more bees", THANKS),
    ):
        await customer.send(text)
        await customer.wait_for_message(reply)
    await customer.wait_for("onEnded")

    received = [(item["ParticipantRole"], item.get("Content") or item["ContentType"]) for item in customer.items()[3:]]
    assert received == [
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
    contact_ids = [item["ContactId"] for item in customer.items()]
    assert contact_ids[:4] == 4 * [chat.contact]
    assert len(set(contact_ids[4:])) == 1
    assert contact_ids[4] != chat.contact
    assert (customer.count(ESTABLISHED), customer.count("onConnectionLost")) == (2, 0)
    assert customer.events[-1].name == "onEnded"
    assert backend.attributes(chat) == {"satisfaction": "Fair", "comment": "more bees"}

    assert agent.count("onEnded") == 1
    assert [item["ContentType"] for item in agent.items()[-2:]] == [LEFT, ENDED]
    assert agent.message_texts() == ["anything else?"]


async def test_agent_receives_no_survey_answers(tabs: Tabs, backend: Backend, stack: Stack) -> None:
    chat = backend.start(FLOW)
    customer = await tabs.customer(chat)
    socket, late_socket = await RawSocket.open(stack.url, chat.agent), await RawSocket.open(stack.url, chat.agent)
    await socket.subscribe_and_wait()
    await wait_for_join(customer, chat.agent["ParticipantId"])
    backend.end(chat.contact)
    await customer.wait_for("onMessage", lambda item: item["ParticipantRole"] == "SYSTEM")
    await customer.call("sendEvent", {"contentType": TYPING})
    await customer.send("3")
    await customer.wait_for_message(SECOND_QUESTION)
    await late_socket.subscribe()
    await customer.send("a1 must not read this")
    await customer.wait_for("onEnded")
    items = await socket.items_until_closed()
    assert [item["ContentType"] for item in items] == [JOINED, LEFT, ENDED]
    assert await late_socket.items_until_closed() == []


async def test_client_supporting_quick_replies_receives_them(tabs: Tabs, backend: Backend) -> None:
    chat = backend.start(FLOW, SupportedMessagingContentTypes=["text/plain", INTERACTIVE, INTERACTIVE_RESPONSE])
    customer, agent = await tabs.customer(chat), await tabs.agent(chat)
    await wait_for_join(customer, chat.agent["ParticipantId"])
    backend.end(chat.contact)
    [item] = await customer.wait_for("onMessage", lambda item: item["ContentType"] == INTERACTIVE)
    assert (item["Type"], item["ParticipantRole"]) == ("MESSAGE", "SYSTEM")
    template = json.loads(item["Content"])
    assert (template["templateType"], template["version"]) == ("QuickReply", "1.0")
    content = template["data"]["content"]
    assert content["title"] == QUESTION
    assert [element["title"] for element in content["elements"]] == CHOICES
    chosen = {**template, "data": {"content": {"title": "Poor", "action": "Poor"}}}
    await customer.call("sendMessage", {"message": json.dumps(chosen), "contentType": INTERACTIVE_RESPONSE})
    await customer.wait_for_message(SECOND_QUESTION)
    await customer.send("no")
    await customer.wait_for_message(THANKS)
    for tab in (customer, agent):
        await tab.wait_for("onEnded")
    assert backend.attributes(chat) == {"satisfaction": "Poor", "comment": "no"}
