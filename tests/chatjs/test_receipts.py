"""Receipts. ChatJS throttles them, sends one ClientToken for all, and shows them to the sender of the message."""

from __future__ import annotations

import json
from typing import Any

from tests.chatjs.chats import Backend
from tests.chatjs.conftest import Tabs
from tests.chatjs.driver import Tab
from tests.chatjs.wire import DELIVERED, READ


async def acknowledge(tab: Tab, content_type: str, message: str) -> None:
    await tab.call("sendEvent", {"contentType": content_type, "content": json.dumps({"messageId": message})})


async def wait_for_receipt(tab: Tab, callback: str, message: str) -> dict[str, Any]:
    """Wait for the receipt of a message; there must be exactly one."""
    [item] = await tab.wait_for(callback, lambda item: item["MessageMetadata"]["MessageId"] == message)
    [receipt] = item["MessageMetadata"]["Receipts"]
    return receipt


async def test_sender_receives_every_receipt_and_transcript_keeps_them(tabs: Tabs, backend: Backend) -> None:
    chat = backend.start()
    customer, agent = await tabs.customer(chat), await tabs.agent(chat)
    messages = [await customer.send(text) for text in ("one", "two", "three")]
    await agent.wait_for_message("three")
    for message in messages[:2]:
        await acknowledge(agent, DELIVERED, message)
        assert "DeliveredTimestamp" in await wait_for_receipt(customer, "onDeliveredReceipt", message)
    for message in messages:
        await acknowledge(agent, READ, message)
        receipt = await wait_for_receipt(customer, "onReadReceipt", message)
        assert "ReadTimestamp" in receipt
        assert receipt["RecipientParticipantId"] == chat.agent["ParticipantId"]

    transcript = (await customer.call("getTranscript", {}))["Transcript"]
    stored = {item["Id"]: item["MessageMetadata"] for item in transcript if item["Type"] == "MESSAGE"}
    assert list(stored) == messages
    for message, metadata in stored.items():
        [receipt] = metadata["Receipts"]
        assert metadata["MessageId"] == message
        assert receipt["RecipientParticipantId"] == chat.agent["ParticipantId"]
        assert receipt["DeliveredTimestamp"] <= receipt["ReadTimestamp"]


async def test_read_receipts_reach_only_the_sender_of_the_message(tabs: Tabs, backend: Backend) -> None:
    chat = backend.start()
    customer, agent = await tabs.customer(chat), await tabs.agent(chat)
    question, answer = await customer.send("how are you?"), await agent.send("well")
    await customer.wait_for_message("well")
    await acknowledge(agent, READ, question)
    await acknowledge(customer, READ, answer)
    await wait_for_receipt(customer, "onReadReceipt", question)
    await wait_for_receipt(agent, "onReadReceipt", answer)
    await agent.send("and that is all")
    for tab in (customer, agent):
        await tab.wait_for_message("and that is all")
        assert tab.count("onReadReceipt") == 1
