"""One ClientToken has one effect: in sequence, concurrently, and after the chat has ended."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from uuid import uuid4

import pytest

from tests.compat.chats import INSTANCE, join_as_agent, read_transcript, send_message, start_chat, wait_for_transcript
from tests.compat.test_contacts import ADA
from tests.stack import Stack

T = TypeVar("T")
CALLS = 10


def call_concurrently(call: Callable[[int], T]) -> list[T]:
    """Return the results of ten concurrent calls."""
    with ThreadPoolExecutor(CALLS) as pool:
        return list(pool.map(call, range(CALLS)))


def ids(chat: dict[str, Any]) -> tuple[str, str]:
    return chat["ContactId"], chat["ParticipantId"]


def start_with_token(connect: Any, token: str, **members: Any) -> dict[str, Any]:
    return connect.start_chat_contact(
        InstanceId=INSTANCE,
        ContactFlowId="live",
        ClientToken=token,
        **{"ParticipantDetails": ADA, **members},
    )


def test_repeated_start_returns_the_same_conversation(connect: Any, participant: Any) -> None:
    token, greeting = str(uuid4()), {"InitialMessage": {"ContentType": "text/plain", "Content": "once"}}
    other = {"DisplayName": "Somebody else"}
    first = start_with_token(connect, token, **greeting)
    again = [start_with_token(connect, token, ParticipantDetails=other, **greeting) for _ in range(2)]
    assert {ids(chat) for chat in again} == {ids(first)}
    tokens = [
        participant.create_participant_connection(
            ParticipantToken=chat["ParticipantToken"], Type=["CONNECTION_CREDENTIALS"]
        )["ConnectionCredentials"]["ConnectionToken"]
        for chat in (first, *again)
    ]
    sent = [
        participant.send_message(ConnectionToken=token, ContentType="text/plain", Content="of one chat")["Id"]
        for token in tokens
    ]
    chat = start_chat(connect, ClientToken=token)
    items = wait_for_transcript(participant, chat, item=sent[-1])
    assert [item.get("Content") for item in items] == ["once", None, "of one chat", "of one chat", "of one chat"]
    assert {item["DisplayName"] for item in items} == {"Ada"}


def test_concurrent_starts_with_same_token_create_one_conversation(connect: Any, participant: Any) -> None:
    token, greeting = str(uuid4()), {"InitialMessage": {"ContentType": "text/plain", "Content": "once"}}
    chats = call_concurrently(lambda _: start_with_token(connect, token, **greeting))
    assert len({ids(chat) for chat in chats}) == 1
    chat = start_chat(connect, ClientToken=token)
    items = wait_for_transcript(participant, chat, item=send_message(participant, chat, "hello"))
    assert [item.get("Content") for item in items] == ["once", None, "hello"]


def test_repeated_start_after_chat_end_returns_same_ids_without_connection_data(connect: Any, participant: Any) -> None:
    token = str(uuid4())
    first = start_with_token(connect, token, ConnectionTypes=["CONNECTION_CREDENTIALS"])
    connect.stop_contact(InstanceId=INSTANCE, ContactId=first["ContactId"])
    again = start_with_token(connect, token, ConnectionTypes=["WEBSOCKET", "CONNECTION_CREDENTIALS"])
    assert ids(again) == ids(first)
    # an ended chat accepts no connections, so the response has no connection data
    assert not {"Websocket", "ConnectionCredentials"} & set(again)
    with pytest.raises(participant.exceptions.AccessDeniedException, match="ended"):
        participant.create_participant_connection(ParticipantToken=again["ParticipantToken"], Type=["WEBSOCKET"])


def test_starts_without_client_token_create_separate_chats(connect: Any) -> None:
    chats = [
        connect.start_chat_contact(InstanceId=INSTANCE, ContactFlowId="live", ParticipantDetails=ADA, **token)
        for token in ({}, {}, {"ClientToken": ""}, {"ClientToken": ""})
    ]
    assert len({ids(chat) for chat in chats}) == 4


def test_repeated_message_with_same_token_is_one_item(connect: Any, participant: Any) -> None:
    chat = start_chat(connect)
    first = send_message(participant, chat, "once", ClientToken="t")
    assert send_message(participant, chat, "a retry counts as the first", ClientToken="t") == first
    wait_for_transcript(participant, chat, item=first)
    assert send_message(participant, chat, "also a late one", ClientToken="t") == first
    last = send_message(participant, chat, "another", ClientToken="u")
    assert [item.get("Content") for item in wait_for_transcript(participant, chat, item=last)] == [
        None,
        "once",
        "another",
    ]


def test_late_retry_returns_id_and_time_of_stored_item(connect: Any, participant: Any) -> None:
    chat = start_chat(connect)
    item_id = send_message(participant, chat, "once", ClientToken="t")
    _, item = wait_for_transcript(participant, chat, item=item_id)
    again = participant.send_message(
        ConnectionToken=chat.token, ContentType="text/plain", Content="once", ClientToken="t"
    )
    assert (again["Id"], again["AbsoluteTime"]) == (item["Id"], item["AbsoluteTime"])


def test_concurrent_messages_with_same_token_are_one_item(connect: Any, participant: Any) -> None:
    chat = start_chat(connect)
    sent = call_concurrently(lambda n: send_message(participant, chat, "once", ClientToken="t"))
    assert len(set(sent)) == 1
    last = send_message(participant, chat, "last")
    assert [item.get("Content") for item in wait_for_transcript(participant, chat, item=last)] == [None, "once", "last"]


def test_concurrent_messages_are_each_stored_once(connect: Any, participant: Any) -> None:
    chat = start_chat(connect)
    sent = call_concurrently(lambda n: send_message(participant, chat, f"{n % 5}", ClientToken=f"t{n % 5}"))
    assert sent[:5] == sent[5:]
    last = send_message(participant, chat, "last")
    contents = [
        item["Content"] for item in wait_for_transcript(participant, chat, item=last) if item["Type"] == "MESSAGE"
    ]
    assert sorted(contents) == ["0", "1", "2", "3", "4", "last"]


def test_same_token_from_two_participants_creates_two_messages(stack: Stack, connect: Any, participant: Any) -> None:
    chat = start_chat(connect)
    agent = join_as_agent(stack, connect, participant, chat)
    sent = [send_message(participant, who, "mine", ClientToken="t") for who in (chat, agent)]
    assert len(set(sent)) == 2
    items = wait_for_transcript(participant, chat, item=sent[1])
    assert {item["ParticipantId"] for item in items if item["Type"] == "MESSAGE"} == {
        chat.participant_id,
        agent.participant_id,
    }


def test_messages_without_client_token_are_separate_items(connect: Any, participant: Any) -> None:
    chat = start_chat(connect)
    sent = [send_message(participant, chat, "twice") for _ in range(2)]
    wait_for_transcript(participant, chat, item=sent[1])
    assert [i["Id"] for i in read_transcript(participant, chat) if i["Type"] == "MESSAGE"] == sent


def test_concurrent_disconnects_end_chat_once(connect: Any, participant: Any) -> None:
    chat = start_chat(connect)
    wait_for_transcript(participant, chat, item=send_message(participant, chat, "bye"))
    call_concurrently(lambda _: participant.disconnect_participant(ConnectionToken=chat.token, ClientToken="t"))
    ends = [item for item in read_transcript(participant, chat) if item["ContentType"].endswith("chat.ended")]
    assert len(ends) == 1
