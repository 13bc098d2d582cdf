"""Older versions that are still in use: they talk, and learn of the end."""

from __future__ import annotations

import pytest

from tests.chatjs.chats import Backend
from tests.chatjs.conftest import Tabs
from tests.chatjs.wire import ENDED, LEFT


@pytest.mark.parametrize("library", ["chatjs-3", "chatjs-2"])
async def test_an_older_version_talks_and_ends(tabs: Tabs, backend: Backend, library: str) -> None:
    chat = backend.start()
    customer = await tabs.customer(chat, tab=await tabs.open(library))
    agent = await tabs.agent(chat, tab=await tabs.open(library))
    first = await customer.say("is it you?")
    await agent.hears("is it you?")
    second = await agent.say("it is")
    for tab in (customer, agent):
        await tab.hears("it is")
        assert [item["Id"] for item in tab.items() if item["Type"] == "MESSAGE"] == [first, second]
    await customer.call("disconnectParticipant")
    await agent.seen("onEnded")
    assert [item["ContentType"] for item in agent.items()[-3:]] == [LEFT, LEFT, ENDED]
