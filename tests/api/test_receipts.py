"""Receipts that arrive at the same time: the frames on the sender's socket agree with the transcript."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.api.calls import Api
from tests.api.test_websocket import open_socket, receive, send_message, socket_url, subscribe
from tests.compat.chats import EVENT, Chat, join_as_agent

MESSAGES = 12
DELIVERED, READ = "DeliveredTimestamp", "ReadTimestamp"


def send_receipt(api: Api, reader: Chat, message: str, kind: str) -> None:
    body = {"ContentType": EVENT + f"message.{kind}", "Content": json.dumps({"messageId": message})}
    api.send("SendEvent", body, chat=reader).raise_for_status()


def receipts(api: Api, chat: Chat) -> dict[str, dict[str, str]]:
    """The receipt of each message."""
    page = api.send("GetTranscript", {"MaxResults": 100}, chat=chat).json()["Transcript"]
    found: dict[str, dict[str, str]] = {}
    for item in page:
        for receipt in item.get("MessageMetadata", {}).get("Receipts", ()):
            found[item["Id"]] = receipt
    return found


def receipt_frames(socket: Any, api: Api, chat: Chat) -> list[tuple[str, dict[str, str]]]:
    """The receipts that a socket has received, with the ids of their messages, in the order of their arrival."""
    end = send_message(api, chat, "the end")
    found: list[tuple[str, dict[str, str]]] = []
    while True:
        frame = receive(socket)
        item = json.loads(frame["content"]) if frame["topic"] == "aws/chat" else {}
        if item.get("Id") == end:
            return found
        if item.get("Type") == "MESSAGEMETADATA":
            [receipt] = item["MessageMetadata"]["Receipts"]
            assert item["Id"] == item["MessageMetadata"]["MessageId"]
            found.append((item["Id"], receipt))


def test_receipts_that_arrive_together_are_shown_in_the_order_of_the_messages(api: Api) -> None:
    chat = api.start()
    agent = join_as_agent(api.stack, api.stack.connect(), api.stack.participant(), chat)
    messages = [send_message(api, chat, f"message {number}") for number in range(MESSAGES)]
    assert receipts(api, chat) == {}  # waits until all are recorded
    with open_socket(socket_url(api, chat)) as socket, ThreadPoolExecutor(MESSAGES) as threads:
        subscribe(socket)
        for sent in [threads.submit(send_receipt, api, agent, message, "delivered") for message in messages]:
            sent.result()
        delivered = receipt_frames(socket, api, agent)
    order = [messages.index(message) for message, _ in delivered]
    assert order == sorted(set(order))  # a receipt that a later message covers has no frame
    stored = receipts(api, chat)
    assert stored.keys() == set(messages)
    for message, receipt in delivered:
        assert (
            stored[message]
            == receipt
            == {"RecipientParticipantId": agent.participant_id, DELIVERED: receipt[DELIVERED]}
        )


def test_answered_receipt_is_in_the_transcript_and_its_frame_follows_earlier_ones(api: Api) -> None:
    chat = api.start()
    agent = join_as_agent(api.stack, api.stack.connect(), api.stack.participant(), chat)
    messages = [send_message(api, chat, f"message {number}") for number in range(3)]
    assert receipts(api, chat) == {}
    with open_socket(socket_url(api, chat)) as socket:
        subscribe(socket)
        for message in messages:
            for kind, member in (("delivered", DELIVERED), ("read", READ)):
                send_receipt(api, agent, message, kind)
                assert member in receipts(api, chat)[message]
        frames = receipt_frames(socket, api, agent)
    assert [(message, READ in receipt) for message, receipt in frames] == [
        (message, read) for message in messages for read in (False, True)
    ]
