"""Customer and agent exchange messages, each through their own ChatJS."""

from __future__ import annotations

from tests.chatjs.chats import Backend
from tests.chatjs.conftest import Tabs
from tests.chatjs.wire import JOINED, TYPING


async def test_each_message_arrives_once_on_both_sides(tabs: Tabs, backend: Backend) -> None:
    chat = backend.start()
    customer = await tabs.customer(chat)
    await customer.wait_for("onMessage", lambda item: item["ContentType"] == JOINED)
    agent = await tabs.agent(chat)
    sent: list[tuple[str, str]] = []
    for tab, text in (
        (customer, "is anybody there?"),
        (agent, "yes; I can read 'quotes', \"quotes\", \\ and ünïcode 🦊"),
        (customer, "good"),
    ):
        sent.append((await tab.send(text), text))
    for tab in (customer, agent):
        await tab.wait_for_message("good")
        assert [(item["Id"], item["Content"]) for item in tab.items() if item["Type"] == "MESSAGE"] == sent
    assert [item["DisplayName"] for item in customer.items()] == ["Ada", "Agent One", "Ada", "Agent One", "Ada"]
    times = [item["AbsoluteTime"] for item in customer.items()]
    assert times == sorted(set(times))


async def test_typing_events_reach_both_sides(tabs: Tabs, backend: Backend) -> None:
    chat = backend.start()
    customer, agent = await tabs.customer(chat), await tabs.agent(chat)
    turns = (customer, agent, chat.customer), (agent, customer, chat.agent)
    for earlier, (sender, other, details) in enumerate(turns):
        await sender.call("sendEvent", {"contentType": TYPING})
        for tab in (other, sender):
            received = await tab.wait_for("onTyping", times=earlier + 1)
            assert received.pop()["ParticipantId"] == details["ParticipantId"]
            assert len(received) == earlier
    stored = await customer.call("getTranscript", {})
    assert [item["ContentType"] for item in stored["Transcript"]] == [JOINED, JOINED]
