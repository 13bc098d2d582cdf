"""Older ChatJS versions that are still in use."""

from __future__ import annotations

import pytest

from tests.chatjs.chats import Backend
from tests.chatjs.conftest import Tabs
from tests.chatjs.wire import ENDED, LEFT


@pytest.mark.parametrize("library", ["chatjs-3", "chatjs-2"])
async def test_older_version_exchanges_messages_and_receives_chat_end(
    tabs: Tabs, backend: Backend, library: str
) -> None:
    chat = backend.start()
    customer = await tabs.customer(chat, tab=await tabs.open(library))
    agent = await tabs.agent(chat, tab=await tabs.open(library))
    first = await customer.send("is it you?")
    await agent.wait_for_message("is it you?")
    second = await agent.send("it is")
    for tab in (customer, agent):
        await tab.wait_for_message("it is")
        assert [item["Id"] for item in tab.items() if item["Type"] == "MESSAGE"] == [first, second]
    await customer.call("disconnectParticipant")
    await agent.wait_for("onEnded")
    assert [item["ContentType"] for item in agent.items()[-3:]] == [LEFT, LEFT, ENDED]
