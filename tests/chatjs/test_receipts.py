"""Receipts: ChatJS throttles them, gives them all one ClientToken, and shows them to whoever sent the message."""

from __future__ import annotations

import json
from typing import Any

from tests.chatjs.chats import Backend
from tests.chatjs.conftest import Tabs
from tests.chatjs.driver import Tab
from tests.chatjs.wire import DELIVERED, READ


async def acknowledge(tab: Tab, content_type: str, message: str) -> None:
    await tab.call("sendEvent", {"contentType": content_type, "content": json.dumps({"messageId": message})})


async def shown(tab: Tab, callback: str, message: str) -> dict[str, Any]:
    """The one receipt that a callback brings for a message."""
    [item] = await tab.seen(callback, lambda item: item["MessageMetadata"]["MessageId"] == message)
    [receipt] = item["MessageMetadata"]["Receipts"]
    return receipt


async def test_every_receipt_comes_to_the_sender_and_stays(tabs: Tabs, backend: Backend) -> None:
    chat = backend.start()
    customer, agent = await tabs.customer(chat), await tabs.agent(chat)
    messages = [await customer.say(text) for text in ("one", "two", "three")]
    await agent.hears("three")
    for message in messages[:2]:
        await acknowledge(agent, DELIVERED, message)
        assert "DeliveredTimestamp" in await shown(customer, "onDeliveredReceipt", message)
    for message in messages:
        await acknowledge(agent, READ, message)
        receipt = await shown(customer, "onReadReceipt", message)
        assert "ReadTimestamp" in receipt
        assert receipt["RecipientParticipantId"] == chat.agent["ParticipantId"]

    transcript = (await customer.call("getTranscript", {}))["Transcript"]
    kept = {item["Id"]: item["MessageMetadata"] for item in transcript if item["Type"] == "MESSAGE"}
    assert list(kept) == messages
    for message, metadata in kept.items():
        [receipt] = metadata["Receipts"]
        assert metadata["MessageId"] == message
        assert receipt["RecipientParticipantId"] == chat.agent["ParticipantId"]
        assert receipt["DeliveredTimestamp"] <= receipt["ReadTimestamp"]


async def test_receipts_go_both_ways_and_never_to_their_own_sender(tabs: Tabs, backend: Backend) -> None:
    chat = backend.start()
    customer, agent = await tabs.customer(chat), await tabs.agent(chat)
    question, answer = await customer.say("how are you?"), await agent.say("well")
    await customer.hears("well")
    await acknowledge(agent, READ, question)
    await acknowledge(customer, READ, answer)
    await shown(customer, "onReadReceipt", question)
    await shown(agent, "onReadReceipt", answer)
    await agent.say("and that is all")
    for tab in (customer, agent):
        await tab.hears("and that is all")
        assert tab.count("onReadReceipt") == 1
