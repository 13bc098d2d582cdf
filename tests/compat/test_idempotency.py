"""One ClientToken, one effect: in sequence, at once from many threads, and after the end."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from uuid import uuid4

import pytest

from tests.compat.chats import INSTANCE, agent_joins, once_there, say, start, transcript
from tests.compat.test_contacts import ADA
from tests.stack import Stack

T = TypeVar("T")
AT_ONCE = 10


def at_once(call: Callable[[int], T]) -> list[T]:
    """The answers to ten calls that run at the same time."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(call, range(AT_ONCE)))


def ids(chat: dict[str, Any]) -> tuple[str, str]:
    return chat["ContactId"], chat["ParticipantId"]


def start_again(connect: Any, token: str, **members: Any) -> dict[str, Any]:
    return connect.start_chat_contact(
        InstanceId=INSTANCE,
        ContactFlowId="live",
        ClientToken=token,
        **{"ParticipantDetails": ADA, **members},
    )


def test_repeated_start_is_one_conversation(connect: Any, participant: Any) -> None:
    token, greeting = str(uuid4()), {"InitialMessage": {"ContentType": "text/plain", "Content": "once"}}
    other = {"DisplayName": "Somebody else"}
    first = start_again(connect, token, **greeting)
    again = [start_again(connect, token, ParticipantDetails=other, **greeting) for _ in range(2)]
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
    chat = start(connect, ClientToken=token)
    items = once_there(participant, chat, item=sent[-1])
    assert [item.get("Content") for item in items] == ["once", None, "of one chat", "of one chat", "of one chat"]
    assert {item["DisplayName"] for item in items} == {"Ada"}


def test_start_from_many_threads_is_one_conversation(connect: Any, participant: Any) -> None:
    token, greeting = str(uuid4()), {"InitialMessage": {"ContentType": "text/plain", "Content": "once"}}
    chats = at_once(lambda _: start_again(connect, token, **greeting))
    assert len({ids(chat) for chat in chats}) == 1
    chat = start(connect, ClientToken=token)
    items = once_there(participant, chat, item=say(participant, chat, "hello"))
    assert [item.get("Content") for item in items] == ["once", None, "hello"]


def test_start_is_remembered_after_the_end(connect: Any, participant: Any) -> None:
    token = str(uuid4())
    first = start_again(connect, token, ConnectionTypes=["CONNECTION_CREDENTIALS"])
    connect.stop_contact(InstanceId=INSTANCE, ContactId=first["ContactId"])
    again = start_again(connect, token, ConnectionTypes=["WEBSOCKET", "CONNECTION_CREDENTIALS"])
    assert ids(again) == ids(first)
    # connection data for a chat that has ended would open nothing
    assert not {"Websocket", "ConnectionCredentials"} & set(again)
    with pytest.raises(participant.exceptions.AccessDeniedException, match="ended"):
        participant.create_participant_connection(ParticipantToken=again["ParticipantToken"], Type=["WEBSOCKET"])


def test_start_without_a_token_of_ones_own_is_a_new_chat(connect: Any) -> None:
    chats = [
        connect.start_chat_contact(InstanceId=INSTANCE, ContactFlowId="live", ParticipantDetails=ADA, **token)
        for token in ({}, {}, {"ClientToken": ""}, {"ClientToken": ""})
    ]
    assert len({ids(chat) for chat in chats}) == 4


def test_repeated_message_is_one_item(connect: Any, participant: Any) -> None:
    chat = start(connect)
    first = say(participant, chat, "once", ClientToken="t")
    assert say(participant, chat, "a retry counts as the first", ClientToken="t") == first
    once_there(participant, chat, item=first)
    assert say(participant, chat, "also a late one", ClientToken="t") == first
    last = say(participant, chat, "another", ClientToken="u")
    assert [item.get("Content") for item in once_there(participant, chat, item=last)] == [None, "once", "another"]


def test_late_retry_answers_what_stands_in_the_transcript(connect: Any, participant: Any) -> None:
    chat = start(connect)
    item_id = say(participant, chat, "once", ClientToken="t")
    _, item = once_there(participant, chat, item=item_id)
    again = participant.send_message(
        ConnectionToken=chat.token, ContentType="text/plain", Content="once", ClientToken="t"
    )
    assert (again["Id"], again["AbsoluteTime"]) == (item["Id"], item["AbsoluteTime"])


def test_message_from_many_threads_is_one_item(connect: Any, participant: Any) -> None:
    chat = start(connect)
    sent = at_once(lambda n: say(participant, chat, "once", ClientToken="t"))
    assert len(set(sent)) == 1
    last = say(participant, chat, "last")
    assert [item.get("Content") for item in once_there(participant, chat, item=last)] == [None, "once", "last"]


def test_many_messages_at_once_each_stand_once(connect: Any, participant: Any) -> None:
    chat = start(connect)
    sent = at_once(lambda n: say(participant, chat, f"{n % 5}", ClientToken=f"t{n % 5}"))
    assert sent[:5] == sent[5:]
    last = say(participant, chat, "last")
    contents = [item["Content"] for item in once_there(participant, chat, item=last) if item["Type"] == "MESSAGE"]
    assert sorted(contents) == ["0", "1", "2", "3", "4", "last"]


def test_token_of_another_participant_is_another(stack: Stack, connect: Any, participant: Any) -> None:
    chat = start(connect)
    agent = agent_joins(stack, connect, participant, chat)
    sent = [say(participant, who, "mine", ClientToken="t") for who in (chat, agent)]
    assert len(set(sent)) == 2
    items = once_there(participant, chat, item=sent[1])
    assert {item["ParticipantId"] for item in items if item["Type"] == "MESSAGE"} == {
        chat.participant_id,
        agent.participant_id,
    }


def test_messages_without_a_token_of_ones_own_are_two(connect: Any, participant: Any) -> None:
    chat = start(connect)
    sent = [say(participant, chat, "twice") for _ in range(2)]
    once_there(participant, chat, item=sent[1])
    assert [i["Id"] for i in transcript(participant, chat) if i["Type"] == "MESSAGE"] == sent


def test_repeated_disconnect_is_one_end(connect: Any, participant: Any) -> None:
    chat = start(connect)
    once_there(participant, chat, item=say(participant, chat, "bye"))
    at_once(lambda _: participant.disconnect_participant(ConnectionToken=chat.token, ClientToken="t"))
    ends = [item for item in transcript(participant, chat) if item["ContentType"].endswith("chat.ended")]
    assert len(ends) == 1
