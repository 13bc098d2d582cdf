"""Message streaming with boto3: what a subscriber of a topic receives, and the two operations."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from botocore.exceptions import ClientError

from tests.compat.chats import (
    EVENT,
    INSTANCE,
    Chat,
    eventually,
    join_as_agent,
    read_transcript,
    send_message,
    start_chat,
    wait_for_transcript,
)
from tests.compat.shapes import validate_responses
from tests.stack import SECRET, Stack
from tests.webhooks.receiver import SECRET as SIGNING_SECRET
from tests.webhooks.subscriber import Subscriber, subscribing_aside

TOPICS = [f"arn:aws:sns:us-east-1:123456789012:chat{number}" for number in range(3)]


@pytest.fixture(scope="module")
def subscriber() -> Iterator[Subscriber]:
    """The subscriber of all topics."""
    with subscribing_aside() as running:
        yield running


@pytest.fixture(scope="module")
def streaming(subscriber: Subscriber, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A Perennial with three topics, where a customer who is away is lost after two seconds."""
    topic = {"url": subscriber.url, "secrets": [SIGNING_SECRET]}
    running = Stack(
        tmp_path_factory.mktemp("streaming"),
        {
            "PERENNIAL_INSTANCES__demo__topics": json.dumps(dict.fromkeys(TOPICS, topic)),
            "PERENNIAL_INSTANCES__demo__workstreams__live": json.dumps(
                {"mode": "live", "queue": "live", "connect_within": "PT2S", "reconnect_window": "PT2S"}
            ),
            "PERENNIAL_PRESENCE_DEBOUNCE": "PT0.1S",
        },
    )
    running.start()
    yield running
    assert running.stop() == 0, running.log()
    assert "Traceback" not in running.log()


@pytest.fixture(scope="module")
def connect(streaming: Stack) -> Any:
    return validate_responses(streaming.connect())


@pytest.fixture(scope="module")
def participant(streaming: Stack) -> Any:
    return validate_responses(streaming.participant())


def start_streaming(connect: Any, chat: Chat, topic: str = TOPICS[0], **members: Any) -> str:
    configuration = {"StreamingEndpointArn": topic}
    started = connect.start_contact_streaming(
        InstanceId=INSTANCE, ContactId=chat.contact_id, ChatStreamingConfiguration=configuration, **members
    )
    return started["StreamingId"]


def stop_streaming(connect: Any, chat: Chat, stream: str) -> None:
    connect.stop_contact_streaming(InstanceId=INSTANCE, ContactId=chat.contact_id, StreamingId=stream)


def streamed_chat(connect: Any, topic: str = TOPICS[0], **members: Any) -> tuple[Chat, str]:
    """A chat that is streamed from the first item on, and the id of its stream."""
    started = connect.start_chat_contact(
        InstanceId=INSTANCE,
        ContactFlowId="live",
        ParticipantDetails={"DisplayName": "Ada"},
        ConnectionTypes=["CONNECTION_CREDENTIALS"],
        ChatStreamingConfiguration={"StreamingEndpointArn": topic},
        **members,
    )
    token = started["ConnectionCredentials"]["ConnectionToken"]
    chat = Chat(started["ContactId"], started["ParticipantId"], started["ParticipantToken"], token)
    return chat, started["StreamingId"]


def connect_by_stream(participant: Any, chat: Chat) -> None:
    participant.create_participant_connection(
        ParticipantToken=chat.participant_token, Type=["CONNECTION_CREDENTIALS"], ConnectParticipant=True
    )


def arrived(subscriber: Subscriber, chat: Chat, last: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """The items of a chat, once one for which `last` is true is there."""
    return eventually(
        lambda: found if any(map(last, found := subscriber.items(chat.contact_id))) else [], "the last item"
    )


def is_event(name: str) -> Callable[[dict[str, Any]], bool]:
    return lambda item: item["ContentType"] == EVENT + name


def has_text(text: str) -> Callable[[dict[str, Any]], bool]:
    return lambda item: item.get("Content") == text


def refusal(call: Callable[[], object]) -> tuple[int, str]:
    """The status and the name of the error of a call."""
    with pytest.raises(ClientError) as refused:
        call()
    response: dict[str, Any] = refused.value.response  # pyright: ignore[reportAssignmentType]
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


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
    send_message(participant, chat, "before")
    wait_for_transcript(participant, chat, event="participant.joined")
    eventually(lambda: [i for i in read_transcript(participant, chat) if i.get("Content") == "before"], "the message")
    stream = start_streaming(connect, chat)
    send_message(participant, chat, "between")
    arrived(subscriber, chat, has_text("between"))
    stop_streaming(connect, chat, stream)
    send_message(participant, chat, "after")
    other = start_streaming(connect, chat, TOPICS[1])
    assert other != stream
    send_message(participant, chat, "later")
    found = arrived(subscriber, chat, has_text("later"))
    assert next(item["Content"] for item in found if "Content" in item) == "between"
    assert "before" not in str(found)
    assert [each["TopicArn"] for each in subscriber.of(chat.contact_id) if "after" in each["Message"]] == []


def test_operations_are_idempotent(connect: Any) -> None:
    chat = start_chat(connect)
    token = str(uuid4())
    stream = start_streaming(connect, chat, ClientToken=token)
    assert start_streaming(connect, chat, ClientToken=token) == stream
    # a topic that is streamed to already is no second one
    assert start_streaming(connect, chat, ClientToken=str(uuid4())) == stream
    assert refusal(lambda: start_streaming(connect, chat, TOPICS[1], ClientToken=token)) == (
        409,
        "IdempotencyException",
    )
    for _ in range(2):
        stop_streaming(connect, chat, stream)
    assert start_streaming(connect, chat, ClientToken=token) == stream
    assert start_streaming(connect, chat, ClientToken=str(uuid4())) != stream


def test_a_repeated_start_of_a_chat_has_the_same_stream(connect: Any) -> None:
    token = str(uuid4())
    assert streamed_chat(connect, ClientToken=token)[1] == streamed_chat(connect, ClientToken=token)[1]


def test_a_chat_has_two_streams_at_most(connect: Any) -> None:
    chat, first = streamed_chat(connect)
    start_streaming(connect, chat, TOPICS[1])
    limited = (429, "LimitExceededException")
    token = str(uuid4())
    assert refusal(lambda: start_streaming(connect, chat, TOPICS[2], ClientToken=token)) == limited
    stop_streaming(connect, chat, first)
    assert start_streaming(connect, chat, TOPICS[2], ClientToken=token)


@pytest.mark.parametrize("topic", ["arn:aws:sns:us-east-1:123456789012:other", "x"])
def test_unknown_topics_are_not_found(connect: Any, topic: str) -> None:
    missing = (404, "ResourceNotFoundException")
    assert refusal(lambda: start_streaming(connect, start_chat(connect), topic)) == missing
    assert refusal(lambda: streamed_chat(connect, topic)) == missing


def test_unknown_contacts_and_streams_are_not_found(connect: Any) -> None:
    missing = (404, "ResourceNotFoundException")
    chat, other = start_chat(connect), Chat("unknown", "", "", "")
    assert refusal(lambda: start_streaming(connect, other)) == missing
    assert refusal(lambda: stop_streaming(connect, chat, "unknown")) == missing
    assert refusal(lambda: stop_streaming(connect, chat, start_streaming(connect, start_chat(connect)))) == missing


def test_an_ended_chat_is_not_streamed(connect: Any) -> None:
    chat = start_chat(connect)
    connect.stop_contact(InstanceId=INSTANCE, ContactId=chat.contact_id)
    assert refusal(lambda: start_streaming(connect, chat)) == (400, "InvalidRequestException")


def test_only_a_streamed_customer_connects_without_a_socket(connect: Any, participant: Any) -> None:
    chat = start_chat(connect)
    assert refusal(lambda: connect_by_stream(participant, chat)) == (400, "ValidationException")
    stream = start_streaming(connect, chat)
    connect_by_stream(participant, chat)
    wait_for_transcript(participant, chat, event="participant.joined")
    stop_streaming(connect, chat, stream)
    assert refusal(lambda: connect_by_stream(participant, chat)) == (400, "ValidationException")


def test_a_streamed_customer_is_never_away(
    streaming: Stack, connect: Any, participant: Any, subscriber: Subscriber
) -> None:
    """Nobody is at a socket for longer than the first connect and the reconnect window may take: a chat beside it ends."""
    chat, _ = streamed_chat(connect)
    connect_by_stream(participant, chat)
    agent = join_as_agent(streaming, connect, participant, chat)
    beside = start_chat(connect)
    wait_until_ended(connect, beside)
    send_message(participant, agent, "still there?")
    arrived(subscriber, chat, has_text("still there?"))
    assert "DisconnectTimestamp" not in describe(connect, chat)


def test_with_the_last_stream_the_customer_is_away(streaming: Stack, connect: Any, participant: Any) -> None:
    chat, stream = streamed_chat(connect)
    second = start_streaming(connect, chat, TOPICS[1])
    connect_by_stream(participant, chat)
    join_as_agent(streaming, connect, participant, chat)
    stop_streaming(connect, chat, stream)
    beside = start_chat(connect)
    wait_until_ended(connect, beside)
    assert "DisconnectTimestamp" not in describe(connect, chat)
    stop_streaming(connect, chat, second)
    wait_until_ended(connect, chat)


def describe(connect: Any, chat: Chat) -> dict[str, Any]:
    return connect.describe_contact(InstanceId=INSTANCE, ContactId=chat.contact_id)["Contact"]


def wait_until_ended(connect: Any, chat: Chat) -> None:
    eventually(lambda: "DisconnectTimestamp" in describe(connect, chat), "the end of the chat", seconds=30)


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
