"""Helpers that stream chats through boto3, and read what arrives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.compat.chats import EVENT, INSTANCE, Chat, eventually
from tests.webhooks.subscriber import Subscriber

TOPICS = [f"arn:aws:sns:us-east-1:123456789012:chat{number}" for number in range(3)]


def start_streaming(connect: Any, chat: Chat, topic: str = TOPICS[0], **members: Any) -> str:
    configuration = {"StreamingEndpointArn": topic}
    started = connect.start_contact_streaming(
        InstanceId=INSTANCE, ContactId=chat.contact_id, ChatStreamingConfiguration=configuration, **members
    )
    return started["StreamingId"]


def stop_streaming(connect: Any, chat: Chat, stream: str) -> None:
    connect.stop_contact_streaming(InstanceId=INSTANCE, ContactId=chat.contact_id, StreamingId=stream)


def streamed_chat(connect: Any, topic: str = TOPICS[0], workstream: str = "live", **members: Any) -> tuple[Chat, str]:
    """A chat that is streamed from the first item on, and the id of its stream."""
    started = connect.start_chat_contact(
        InstanceId=INSTANCE,
        ContactFlowId=workstream,
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


def describe(connect: Any, chat: Chat) -> dict[str, Any]:
    return connect.describe_contact(InstanceId=INSTANCE, ContactId=chat.contact_id)["Contact"]


def wait_until_ended(connect: Any, chat: Chat) -> None:
    eventually(lambda: "DisconnectTimestamp" in describe(connect, chat), "the end of the chat", seconds=30)
