"""Customer and agent talk, each with a ChatJS of their own."""

from __future__ import annotations

from tests.chatjs.chats import Backend
from tests.chatjs.conftest import Tabs
from tests.chatjs.wire import JOINED, TYPING


async def test_both_talk_and_everything_arrives_once(tabs: Tabs, backend: Backend) -> None:
    chat = backend.start()
    customer = await tabs.customer(chat)
    await customer.seen("onMessage", lambda item: item["ContentType"] == JOINED)
    agent = await tabs.agent(chat)
    said: list[tuple[str, str]] = []
    for tab, text in (
        (customer, "is anybody there?"),
        (agent, "yes; I can read 'quotes', \"quotes\", \\ and ünïcode 🦊"),
        (customer, "good"),
    ):
        said.append((await tab.say(text), text))
    for tab in (customer, agent):
        await tab.hears("good")
        assert [(item["Id"], item["Content"]) for item in tab.items() if item["Type"] == "MESSAGE"] == said
    assert [item["DisplayName"] for item in customer.items()] == ["Ada", "Agent One", "Ada", "Agent One", "Ada"]
    times = [item["AbsoluteTime"] for item in customer.items()]
    assert times == sorted(set(times))


async def test_each_sees_the_other_typing(tabs: Tabs, backend: Backend) -> None:
    chat = backend.start()
    customer, agent = await tabs.customer(chat), await tabs.agent(chat)
    turns = (customer, agent, chat.customer), (agent, customer, chat.agent)
    for earlier, (typist, other, details) in enumerate(turns):
        await typist.call("sendEvent", {"contentType": TYPING})
        for tab in (other, typist):
            seen = await tab.seen("onTyping", times=earlier + 1)
            assert seen.pop()["ParticipantId"] == details["ParticipantId"]
            assert len(seen) == earlier
    kept = await customer.call("getTranscript", {})
    assert [item["ContentType"] for item in kept["Transcript"]] == [JOINED, JOINED]
