"""StartContactStreaming, StopContactStreaming and ConnectParticipant with boto3: repeats, limits, errors, presence."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.compat.chats import INSTANCE, Chat, join_as_agent, send_message, start_chat, wait_for_transcript
from tests.stack import Stack
from tests.streaming.calls import (
    TOPICS,
    arrived,
    connect_by_stream,
    describe,
    has_text,
    refusal,
    start_streaming,
    stop_streaming,
    streamed_chat,
    wait_until_ended,
)
from tests.webhooks.subscriber import Subscriber

pytestmark = pytest.mark.slow


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
    chat, _ = streamed_chat(connect, workstream="hasty")
    connect_by_stream(participant, chat)
    agent = join_as_agent(streaming, connect, participant, chat)
    beside = start_chat(connect, "hasty")
    wait_until_ended(connect, beside)
    send_message(participant, agent, "still there?")
    arrived(subscriber, chat, has_text("still there?"))
    assert "DisconnectTimestamp" not in describe(connect, chat)


def test_with_the_last_stream_the_customer_is_away(streaming: Stack, connect: Any, participant: Any) -> None:
    chat, stream = streamed_chat(connect, workstream="hasty")
    second = start_streaming(connect, chat, TOPICS[1])
    connect_by_stream(participant, chat)
    join_as_agent(streaming, connect, participant, chat)
    stop_streaming(connect, chat, stream)
    beside = start_chat(connect, "hasty")
    wait_until_ended(connect, beside)
    assert "DisconnectTimestamp" not in describe(connect, chat)
    stop_streaming(connect, chat, second)
    wait_until_ended(connect, chat)
