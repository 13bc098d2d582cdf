"""What a subscriber of a topic receives of chats."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.compat.chats import (
    EVENT,
    INSTANCE,
    eventually,
    join_as_agent,
    read_transcript,
    send_message,
    start_chat,
    wait_for_transcript,
)
from tests.stack import SECRET, Stack
from tests.streaming.calls import (
    TOPICS,
    arrived,
    connect_by_stream,
    has_text,
    is_event,
    start_streaming,
    stop_streaming,
    streamed_chat,
)
from tests.webhooks.subscriber import Subscriber

pytestmark = pytest.mark.slow


def test_a_notification_has_every_member(
    streaming: Stack, connect: Any, participant: Any, subscriber: Subscriber
) -> None:
    chat, stream = streamed_chat(connect, InitialMessage={"ContentType": "text/plain", "Content": "Grüße 🐝"})
    arrived(subscriber, chat, has_text("Grüße 🐝"))
    found = next(each for each in subscriber.of(chat.contact_id) if "Content" in json.loads(each["Message"]))
    item = next(item for item in read_transcript(participant, chat) if item.get("Content"))
    message = json.loads(found["Message"])
    assert message == {**item, "InitialContactId": chat.contact_id}
    assert found == {
        "Type": "Notification",
        "MessageId": str(UUID(found["MessageId"])),
        "TopicArn": TOPICS[0],
        "Message": found["Message"],
        "Timestamp": item["AbsoluteTime"],
        "MessageAttributes": {
            name: {"Type": "String", "Value": value}
            for name, value in {
                "InitialContactId": chat.contact_id,
                "ContactId": chat.contact_id,
                "ParticipantRole": "CUSTOMER",
                "InstanceId": INSTANCE,
                "AccountId": "000000000000",
                "Type": "MESSAGE",
                "ContentType": "text/plain",
                "MessageVisibility": "ALL",
            }.items()
        },
    }
    assert stream


def test_a_whole_chat_arrives_in_order(
    streaming: Stack, connect: Any, participant: Any, subscriber: Subscriber
) -> None:
    chat, _ = streamed_chat(connect)
    connect_by_stream(participant, chat)
    agent = join_as_agent(streaming, connect, participant, chat)
    first = send_message(participant, agent, "hello")
    participant.send_event(ConnectionToken=agent.token, ContentType=EVENT + "typing")
    arrived(subscriber, chat, is_event("typing"))
    content = json.dumps({"messageId": first})
    participant.send_event(ConnectionToken=chat.token, ContentType=EVENT + "message.read", Content=content)
    arrived(subscriber, chat, lambda item: item["Type"] == "MESSAGEMETADATA")
    connect.stop_contact(InstanceId=INSTANCE, ContactId=chat.contact_id)
    found = arrived(subscriber, chat, is_event("chat.ended"))
    stored = [item for item in found if not is_event("typing")(item) and item["Type"] != "MESSAGEMETADATA"]
    names = [item["ContentType"].removeprefix(EVENT) for item in stored]
    assert names[-1] == "chat.ended"
    assert names.count("participant.joined") == names.count("participant.left") == 2
    assert [item["AbsoluteTime"] for item in stored] == sorted(item["AbsoluteTime"] for item in stored)
    roles = {
        each["MessageAttributes"].get("ParticipantRole", {}).get("Value") for each in subscriber.of(chat.contact_id)
    }
    assert {"CUSTOMER", "AGENT", "SYSTEM"} <= roles


def test_an_attachment_arrives(streaming: Stack, connect: Any, participant: Any, subscriber: Subscriber) -> None:
    chat, _ = streamed_chat(connect)
    started = participant.start_attachment_upload(
        ConnectionToken=chat.token, AttachmentName="bees.txt", AttachmentSizeInBytes=4, ContentType="text/plain"
    )
    httpx.put(started["UploadMetadata"]["Url"], content=b"bees").raise_for_status()
    participant.complete_attachment_upload(ConnectionToken=chat.token, AttachmentIds=[started["AttachmentId"]])
    found = arrived(subscriber, chat, lambda item: item["Type"] == "ATTACHMENT")
    assert next(item for item in found if "Attachments" in item)["Attachments"][0]["AttachmentName"] == "bees.txt"
    attributes = subscriber.of(chat.contact_id)[-1]["MessageAttributes"]
    assert attributes["ContentType"]["Value"] == "application/vnd.amazonaws.connect.message.attachment"


def test_a_stream_has_the_items_between_start_and_stop(connect: Any, participant: Any, subscriber: Subscriber) -> None:
    chat = start_chat(connect)
    wait_for_transcript(participant, chat, item=send_message(participant, chat, "before"))
    wait_for_transcript(participant, chat, event="participant.joined")
    stream = start_streaming(connect, chat)
    send_message(participant, chat, "between")
    arrived(subscriber, chat, has_text("between"))
    stop_streaming(connect, chat, stream)
    wait_for_transcript(participant, chat, item=send_message(participant, chat, "after"))
    other = start_streaming(connect, chat, TOPICS[1])
    assert other != stream
    send_message(participant, chat, "later")
    found = arrived(subscriber, chat, has_text("later"))
    assert next(item["Content"] for item in found if "Content" in item) == "between"
    assert "before" not in str(found)
    assert [each["TopicArn"] for each in subscriber.of(chat.contact_id) if "after" in each["Message"]] == []


def test_a_handler_for_records_of_sns_reads_what_arrives(
    streaming: Stack, connect: Any, participant: Any, subscriber: Subscriber
) -> None:
    chat, _ = streamed_chat(connect)
    connect_by_stream(participant, chat)
    agent = join_as_agent(streaming, connect, participant, chat)
    send_message(participant, chat, "a question")
    send_message(participant, agent, "an answer")
    connect.stop_contact(InstanceId=INSTANCE, ContactId=chat.contact_id)
    arrived(subscriber, chat, is_event("chat.ended"))
    records = [{"EventSource": "aws:sns", "Sns": each} for each in subscriber.of(chat.contact_id)]
    told, ended = handled(records)
    assert told == ["an answer"]
    assert ended == [chat.contact_id]


def handled(records: Sequence[dict[str, Any]]) -> tuple[list[str], list[str]]:
    """What a Lambda function that bridges a channel does with records of SNS, as AWS describes it for message streaming.

    Returns:
        The texts that it would pass on to the customer, and the chats that it would forget.
    """
    told: list[str] = []
    ended: list[str] = []
    for record in records:
        sns = record["Sns"]
        attributes = {
            name: each["Value"] for name, each in sns["MessageAttributes"].items() if each["Type"] == "String"
        }
        message = json.loads(sns["Message"])
        datetime.fromisoformat(sns["Timestamp"])
        if attributes["ContentType"] == EVENT + "chat.ended":
            ended.append(attributes["InitialContactId"])
            continue
        for_customer = attributes["MessageVisibility"] in ("CUSTOMER", "ALL")
        if for_customer and attributes.get("ParticipantRole") != "CUSTOMER" and message["Type"] == "MESSAGE":
            told.append(message["Content"])
    return told, ended


def test_killed_workers_and_failing_subscribers_lose_and_reorder_nothing(
    streaming: Stack, connect: Any, participant: Any, subscriber: Subscriber
) -> None:
    chat, _ = streamed_chat(connect)
    connect_by_stream(participant, chat)
    subscriber.fails_every = 3
    try:
        for kill in range(3):
            for number in range(10):
                send_message(participant, chat, f"{kill}-{number}")
            streaming.worker().kill()
        send_message(participant, chat, "last")
        connect.stop_contact(InstanceId=INSTANCE, ContactId=chat.contact_id)
        found = eventually(
            lambda: found if any(map(is_event("chat.ended"), found := subscriber.items(chat.contact_id))) else [],
            "the end",
            seconds=120,
        )
    finally:
        subscriber.fails_every = 0
    said = [item["Content"] for item in found if item["ParticipantRole"] == "CUSTOMER" and "Content" in item]
    assert said == [*(f"{kill}-{number}" for kill in range(3) for number in range(10)), "last"]


def test_deliveries_of_a_topic_are_listed(streaming: Stack, connect: Any, subscriber: Subscriber) -> None:
    chat, _ = streamed_chat(connect, InitialMessage={"ContentType": "text/plain", "Content": "listed"})
    arrived(subscriber, chat, has_text("listed"))
    key = {"authorization": f"Bearer {SECRET}"}
    url = f"{streaming.url}/v1/instances/{INSTANCE}/webhooks"
    assert {each["name"] for each in httpx.get(url, headers=key).json()["webhooks"]} >= {*TOPICS}
    found = eventually(
        lambda: httpx.get(f"{url}/{TOPICS[0]}/deliveries", headers=key).json()["deliveries"], "deliveries"
    )
    assert found[0]["status"] in (200, 500)
    assert httpx.post(f"{url}/{TOPICS[0]}/replay", headers=key, json={"after": "0-0"}).status_code == 404
