"""One ClientToken has one effect: in sequence, concurrently, and after the chat has ended."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from typing import Any, TypeVar
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from tests.compat.chats import (
    INSTANCE,
    Chat,
    join_as_agent,
    read_transcript,
    send_message,
    start_chat,
    wait_for_transcript,
)
from tests.compat.test_contacts import ADA
from tests.stack import Stack

T = TypeVar("T")
CALLS = 10


def call_concurrently(call: Callable[[int], T]) -> list[T]:
    """Return the results of ten concurrent calls."""
    with ThreadPoolExecutor(CALLS) as pool:
        return list(pool.map(call, range(CALLS)))


def unless_refused(code: str, call: Callable[[], str]) -> str | None:
    """Return the result of a call; None when it is refused with this code."""
    try:
        return call()
    except ClientError as error:
        if error.response["Error"]["Code"] != code:
            raise
        return None


def ids(chat: dict[str, Any]) -> tuple[str, str]:
    return chat["ContactId"], chat["ParticipantId"]


def start_with_token(connect: Any, token: str, **members: Any) -> dict[str, Any]:
    return connect.start_chat_contact(
        InstanceId=INSTANCE,
        ClientToken=token,
        **{"ContactFlowId": "live", "ParticipantDetails": ADA, **members},
    )


def with_connection(participant: Any, started: dict[str, Any]) -> Chat:
    """Return a started chat, with a new connection token."""
    connection = participant.create_participant_connection(
        ParticipantToken=started["ParticipantToken"], Type=["CONNECTION_CREDENTIALS"]
    )
    token = connection["ConnectionCredentials"]["ConnectionToken"]
    return Chat(started["ContactId"], started["ParticipantId"], started["ParticipantToken"], token)


def make_older(stack: Stack, table: str, instant: str, age: timedelta, **key: str) -> None:
    """Move an instant of a row of the store into the past."""
    [(name, value)] = key.items()
    with closing(sqlite3.connect(stack.folder / "store.db", timeout=30, isolation_level=None)) as store:
        update = f"UPDATE {table} SET {instant} = {instant} - ? WHERE {name} = ?"  # noqa: S608 - names of this file
        changed = store.execute(update, (age // timedelta(milliseconds=1), value))
        assert changed.rowcount == 1


def test_repeated_start_returns_the_same_conversation(connect: Any, participant: Any) -> None:
    token, greeting = str(uuid4()), {"InitialMessage": {"ContentType": "text/plain", "Content": "once"}}
    first = start_with_token(connect, token, **greeting)
    again = [start_with_token(connect, token, **greeting) for _ in range(2)]
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
    items = wait_for_transcript(participant, with_connection(participant, first), item=sent[-1])
    assert [item.get("Content") for item in items] == ["once", None, "of one chat", "of one chat", "of one chat"]
    assert {item["DisplayName"] for item in items} == {"Ada"}


@pytest.mark.parametrize(
    "members",
    [
        {"CustomerId": "crm-2"},
        {"ParticipantDetails": {"DisplayName": "Somebody else"}},
        {"Attributes": {"a": "2"}},
        {"ContactFlowId": "persistent"},
        {"InitialMessage": {"ContentType": "text/plain", "Content": "another"}},
    ],
    ids=lambda members: next(iter(members)),
)
def test_another_start_under_a_used_token_is_refused(connect: Any, members: dict[str, Any]) -> None:
    """People copy samples with a constant token. The second visitor must not get the chat of the first."""
    token, first = str(uuid4()), {"CustomerId": "crm-1", "Attributes": {"a": "1", "b": "2"}}
    chat = start_with_token(connect, token, **first)
    with pytest.raises(ClientError, match=r"ClientToken") as refused:
        start_with_token(connect, token, **first | members)
    assert refused.value.response["Error"]["Code"] == "IdempotencyException"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409
    in_another_order = {"Attributes": {"b": "2", "a": "1"}, "ConnectionTypes": ["CONNECTION_CREDENTIALS"]}
    assert ids(start_with_token(connect, token, **first | in_another_order)) == ids(chat)


def test_of_two_concurrent_requests_under_a_token_one_is_refused(connect: Any) -> None:
    token = str(uuid4())

    started = call_concurrently(
        lambda n: unless_refused(
            "IdempotencyException",
            lambda: start_with_token(connect, token, CustomerId=f"crm-{n % 2}")["ContactId"],
        )
    )
    assert [len({*started[side::2]}) for side in (0, 1)] == [1, 1]
    assert (started[0] is None) != (started[1] is None)


def test_token_of_a_chat_can_be_used_again_after_seven_days(stack: Stack, connect: Any) -> None:
    token = str(uuid4())
    first = start_with_token(connect, token)
    make_older(stack, "client_tokens", "used_at", timedelta(days=6, hours=23), resource_id=first["ContactId"])
    assert ids(start_with_token(connect, token)) == ids(first)
    make_older(stack, "client_tokens", "used_at", timedelta(hours=2), resource_id=first["ContactId"])
    second = start_with_token(connect, token, CustomerId="crm-2")
    assert ids(second) != ids(first)
    assert ids(start_with_token(connect, token, CustomerId="crm-2")) == ids(second)


def test_token_of_a_refused_request_can_be_used_again(stack: Stack, connect: Any, participant: Any) -> None:
    chat = start_chat(connect)
    join_as_agent(stack, connect, participant, chat)
    transfer = {"InstanceId": INSTANCE, "ContactId": chat.contact_id, "ContactFlowId": "live", "ClientToken": "t"}
    with pytest.raises(connect.exceptions.ResourceNotFoundException):
        connect.transfer_contact(**transfer, QueueId="nowhere")
    moved = connect.transfer_contact(**transfer, QueueId="live")["ContactId"]
    assert connect.transfer_contact(**transfer, QueueId="live")["ContactId"] == moved
    with pytest.raises(connect.exceptions.IdempotencyException):
        connect.transfer_contact(**transfer, UserId="a1")


def test_another_bot_under_a_used_token_is_refused(connect: Any) -> None:
    chat = start_chat(connect)

    def add_bot(name: str) -> str:
        details = {"ParticipantRole": "CUSTOM_BOT", "DisplayName": name}
        return connect.create_participant(
            InstanceId=INSTANCE, ContactId=chat.contact_id, ParticipantDetails=details, ClientToken="t"
        )["ParticipantId"]

    assert add_bot("Bot") == add_bot("Bot")
    with pytest.raises(ClientError, match="IdempotencyException"):
        add_bot("Another bot")


def test_concurrent_starts_with_same_token_create_one_conversation(connect: Any, participant: Any) -> None:
    token, greeting = str(uuid4()), {"InitialMessage": {"ContentType": "text/plain", "Content": "once"}}
    chats = call_concurrently(lambda _: start_with_token(connect, token, **greeting))
    assert len({ids(chat) for chat in chats}) == 1
    chat = with_connection(participant, chats[0])
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
    assert send_message(participant, chat, "once", ClientToken="t") == first
    wait_for_transcript(participant, chat, item=first)
    assert send_message(participant, chat, "once", ClientToken="t") == first
    last = send_message(participant, chat, "another", ClientToken="u")
    assert [item.get("Content") for item in wait_for_transcript(participant, chat, item=last)] == [
        None,
        "once",
        "another",
    ]


@pytest.mark.parametrize("is_recorded", [True, False])
def test_another_message_under_a_used_token_is_refused(connect: Any, participant: Any, is_recorded: bool) -> None:
    chat = start_chat(connect)
    first = send_message(participant, chat, "once", ClientToken="t")
    if is_recorded:
        wait_for_transcript(participant, chat, item=first)
    for text, content_type in (("another", "text/plain"), ("once", "text/markdown")):
        with pytest.raises(ClientError, match="ClientToken") as refused:
            send_message(participant, chat, text, ContentType=content_type, ClientToken="t")
        assert refused.value.response["Error"]["Code"] == "ConflictException"
    assert send_message(participant, chat, "once", ClientToken="t") == first


def test_of_two_concurrent_messages_under_a_token_one_is_recorded_or_refused(connect: Any, participant: Any) -> None:
    chat = start_chat(connect)

    sent = call_concurrently(
        lambda n: unless_refused(
            "ConflictException", lambda: send_message(participant, chat, f"{n % 2}", ClientToken="t")
        )
    )
    accepted = {n % 2 for n, item_id in enumerate(sent) if item_id}
    last = send_message(participant, chat, "last")
    contents = [item.get("Content") for item in wait_for_transcript(participant, chat, item=last)]
    # in the moment in which the first one is recorded the other can be accepted, and gets its id (docs/wire-compatibility.md)
    assert contents in [[None, str(text), "last"] for text in accepted]


def test_token_of_a_message_can_be_used_again_after_seven_days(stack: Stack, connect: Any, participant: Any) -> None:
    chat = start_chat(connect)
    first = send_message(participant, chat, "once", ClientToken="t")
    wait_for_transcript(participant, chat, item=first)
    make_older(stack, "items", "at", timedelta(days=6, hours=23), id=first)
    assert send_message(participant, chat, "once", ClientToken="t") == first
    make_older(stack, "items", "at", timedelta(hours=2), id=first)
    second = send_message(participant, chat, "another", ClientToken="t")
    assert second != first
    wait_for_transcript(participant, chat, item=second)
    assert send_message(participant, chat, "another", ClientToken="t") == second


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
