"""Connecting, messages, events and leaving, member by member."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore import UNSIGNED
from botocore.config import Config

from tests.compat.chats import EVENT, INSTANCE, Chat, agent_joins, eventually, once_there, say, start, transcript
from tests.compat.shapes import watch
from tests.compat.test_contacts import described, only
from tests.stack import Stack

CONTENT_TYPES = {
    "text/plain": "plain é€😀",
    "text/markdown": "**bold**",
    "application/json": '{"a": [1, "é"]}',
    "application/vnd.amazonaws.connect.message.interactive": '{"templateType": "QuickReply"}',
    "application/vnd.amazonaws.connect.message.interactive.response": '{"action": "x"}',
}


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def receipt(participant: Any, reader: Chat, message_id: str, *, read: bool) -> dict[str, Any]:
    return participant.send_event(
        ConnectionToken=reader.token,
        ContentType=EVENT + ("message.read" if read else "message.delivered"),
        Content=json.dumps({"messageId": message_id, "disableThrottle": True}),
        ClientToken="INCOMING_READ_RECEIPT",  # ChatJS sends the same for every receipt
    )


def receipts(participant: Any, chat: Chat) -> dict[str, list[dict[str, Any]]]:
    """What is known of each text, without the instants."""
    shown: dict[str, list[dict[str, Any]]] = {}
    for item in transcript(participant, chat):
        metadata = item.get("MessageMetadata", {})
        assert not metadata or metadata["MessageId"] == item["Id"]
        shown[item.get("Content", "")] = [
            {"by": known["RecipientParticipantId"], "read": "ReadTimestamp" in known}
            for known in metadata.get("Receipts", [])
            if "DeliveredTimestamp" in known
        ]
    return shown


@pytest.mark.parametrize(
    ("types", "members"),
    [
        (["WEBSOCKET"], {"Websocket"}),
        (["CONNECTION_CREDENTIALS"], {"ConnectionCredentials"}),
        (["WEBSOCKET", "CONNECTION_CREDENTIALS"], {"Websocket", "ConnectionCredentials"}),
    ],
)
def test_connection_has_what_was_asked_for(connect: Any, participant: Any, types: list[str], members: set[str]) -> None:
    chat = start(connect)
    connected = only(participant.create_participant_connection(ParticipantToken=chat.participant_token, Type=types))
    assert set(connected) == members


def test_connection_expires_when_it_says(stack: Stack, connect: Any, participant: Any) -> None:
    chat, before = start(connect), datetime.now(UTC)
    connected = participant.create_participant_connection(
        ParticipantToken=chat.participant_token, Type=["WEBSOCKET", "CONNECTION_CREDENTIALS"]
    )
    assert connected["Websocket"]["Url"].startswith(f"ws://127.0.0.1:{stack.api_port}/")
    dialled = instant(connected["Websocket"]["ConnectionExpiry"]) - before
    used = instant(connected["ConnectionCredentials"]["Expiry"]) - before
    assert abs(dialled - timedelta(seconds=100)) < timedelta(seconds=5)
    # more than 24 days, or less than a minute, makes ChatJS ask again without a pause
    assert abs(used - timedelta(days=1)) < timedelta(seconds=5)


def test_older_connection_tokens_stay_good(connect: Any, participant: Any) -> None:
    chat = start(connect)
    for _ in range(2):
        participant.create_participant_connection(
            ParticipantToken=chat.participant_token, Type=["CONNECTION_CREDENTIALS"]
        )
    assert say(participant, chat, "with the first token")


def test_connecting_without_a_type_counts_as_being_there(connect: Any, participant: Any) -> None:
    chat = start(connect)
    connected = participant.create_participant_connection(
        ParticipantToken=chat.participant_token, ConnectParticipant=True
    )
    assert only(connected) == {}
    (joined,) = once_there(participant, chat, event="participant.joined")
    assert joined == {
        "AbsoluteTime": joined["AbsoluteTime"],
        "ContentType": EVENT + "participant.joined",
        "Id": joined["Id"],
        "Type": "EVENT",
        "ParticipantId": chat.participant_id,
        "DisplayName": "Ada",
        "ParticipantRole": "CUSTOMER",
        "ContactId": chat.contact_id,
    }


def test_participant_plane_works_without_any_signature(stack: Stack, connect: Any) -> None:
    chat = start(connect)
    unsigned = watch(stack.participant(config=Config(signature_version=UNSIGNED)))
    item_id = say(unsigned, chat, "no AWS key at all")
    assert once_there(unsigned, chat, item=item_id)


@pytest.mark.parametrize("content_type", CONTENT_TYPES)
def test_message_arrives_as_it_was_sent(connect: Any, participant: Any, content_type: str) -> None:
    chat, content = start(connect), CONTENT_TYPES[content_type]
    sent = only(participant.send_message(ConnectionToken=chat.token, ContentType=content_type, Content=content))
    assert set(sent) == {"Id", "AbsoluteTime"}
    _, item = once_there(participant, chat, item=sent["Id"])
    # the joining that the first message implies comes before it, and no two items share an instant
    assert abs(instant(item["AbsoluteTime"]) - instant(sent["AbsoluteTime"])) <= timedelta(milliseconds=1)
    assert item == {
        "AbsoluteTime": item["AbsoluteTime"],
        "Content": content,
        "ContentType": content_type,
        "Id": sent["Id"],
        "Type": "MESSAGE",
        "ParticipantId": chat.participant_id,
        "DisplayName": "Ada",
        "ParticipantRole": "CUSTOMER",
        "ContactId": chat.contact_id,
    }


def test_what_was_sent_can_be_read_at_once(connect: Any, participant: Any) -> None:
    chat = start(connect, InitialMessage={"ContentType": "text/plain", "Content": "first"})
    assert [item.get("Content") for item in transcript(participant, chat)][:1] == ["first"]
    for n in range(10):
        assert say(participant, chat, f"{n}") == transcript(participant, chat)[-1]["Id"]


def test_unsupported_content_types_are_refused(stack: Stack, connect: Any, participant: Any) -> None:
    chat = start(connect, SupportedMessagingContentTypes=["text/plain", "application/json"])
    for supported in ("text/plain", "application/json"):
        say(participant, chat, "{}", ContentType=supported)
    with pytest.raises(participant.exceptions.ValidationException, match="ContentType"):
        say(participant, chat, "**bold**", ContentType="text/markdown")
    with pytest.raises(connect.exceptions.InvalidParameterException, match="InitialMessage"):
        start(
            connect,
            SupportedMessagingContentTypes=["text/plain"],
            InitialMessage={"ContentType": "text/markdown", "Content": "**bold**"},
        )


def test_messages_stand_in_their_order_at_growing_instants(connect: Any, participant: Any) -> None:
    chat = start(connect)
    ids = [say(participant, chat, f"{n}") for n in range(30)]
    items = once_there(participant, chat, item=ids[-1])
    assert [item["Id"] for item in items if item["Type"] == "MESSAGE"] == ids
    at = [item["AbsoluteTime"] for item in items]
    assert at == sorted(set(at))


@pytest.mark.parametrize("name", ["typing", "connection.acknowledged"])
def test_passing_events_are_answered_and_not_kept(connect: Any, participant: Any, name: str) -> None:
    chat = start(connect)
    sent = only(participant.send_event(ConnectionToken=chat.token, ContentType=EVENT + name))
    assert set(sent) == {"Id", "AbsoluteTime"}
    kept = once_there(participant, chat, item=say(participant, chat, "after it"))
    assert [item["ContentType"] for item in kept] == [EVENT + "participant.joined", "text/plain"]


def test_reading_implies_delivery_and_everything_before(stack: Stack, connect: Any, participant: Any) -> None:
    chat = start(connect)
    agent = agent_joins(stack, connect, participant, chat)
    ids = [say(participant, chat, text) for text in ("one", "two", "three")]
    own = say(participant, agent, "mine")
    once_there(participant, chat, item=own)

    def known(*read: bool | None) -> dict[str, list[dict[str, Any]]]:
        by = {"by": agent.participant_id}
        texts = zip(("one", "two", "three"), read, strict=True)
        return {text: [] if how is None else [{**by, "read": how}] for text, how in texts} | {"": [], "mine": []}

    assert receipts(participant, chat) == known(None, None, None)
    sent = only(receipt(participant, agent, ids[0], read=False))
    assert set(sent) == {"Id", "AbsoluteTime"}
    assert receipts(participant, chat) == known(False, None, None)
    receipt(participant, agent, ids[1], read=True)
    assert receipts(participant, chat) == known(True, True, None)
    for _ in range(2):
        receipt(participant, agent, ids[2], read=False)
    assert receipts(participant, chat) == known(True, True, False)
    receipt(participant, agent, ids[0], read=True)  # old news
    receipt(participant, agent, own, read=True)  # nobody acknowledges their own words
    assert receipts(participant, chat) == known(True, True, False)


def test_receipts_of_nothing_are_refused(connect: Any, participant: Any) -> None:
    chat = start(connect)
    (joined, _) = once_there(participant, chat, item=say(participant, chat, "hello"))
    for content in ({}, {"Content": "no JSON"}, {"Content": "{}"}, {"Content": '{"messageId": "unknown"}'}):
        with pytest.raises(participant.exceptions.ValidationException, match="Content"):
            participant.send_event(ConnectionToken=chat.token, ContentType=EVENT + "message.read", **content)
    with pytest.raises(participant.exceptions.ValidationException, match="no message"):
        receipt(participant, chat, joined["Id"], read=True)


def test_customer_ends_a_live_chat(connect: Any, participant: Any) -> None:
    chat = start(connect)
    say(participant, chat, "bye")
    for _ in range(2):
        assert only(participant.disconnect_participant(ConnectionToken=chat.token)) == {}
    *_, left, ended = transcript(participant, chat)
    assert left["ParticipantId"] == chat.participant_id
    assert left["ContentType"] == EVENT + "participant.left"
    assert ended == {
        "AbsoluteTime": ended["AbsoluteTime"],
        "ContentType": EVENT + "chat.ended",
        "Id": ended["Id"],
        "Type": "EVENT",
        "DisplayName": "SYSTEM_MESSAGE",
        "ParticipantRole": "SYSTEM",
        "ContactId": chat.contact_id,
    }
    assert described(connect, chat.contact_id)["DisconnectReason"] == "CUSTOMER_DISCONNECT"
    with pytest.raises(participant.exceptions.AccessDeniedException, match="ended"):
        say(participant, chat, "too late")
    with pytest.raises(participant.exceptions.AccessDeniedException, match="ended"):
        participant.send_event(ConnectionToken=chat.token, ContentType=EVENT + "typing")


def test_customer_leaves_a_persistent_chat_which_goes_on(connect: Any, participant: Any) -> None:
    chat = start(connect, "persistent")
    say(participant, chat, "see you")
    assert only(participant.disconnect_participant(ConnectionToken=chat.token)) == {}
    assert "DisconnectTimestamp" not in described(connect, chat.contact_id)
    back = participant.create_participant_connection(
        ParticipantToken=chat.participant_token, Type=["CONNECTION_CREDENTIALS"]
    )
    token = back["ConnectionCredentials"]["ConnectionToken"]
    again = participant.send_message(ConnectionToken=token, ContentType="text/plain", Content="back again")
    assert once_there(participant, chat, item=again["Id"])


def test_customer_who_never_came_is_not_said_to_leave(connect: Any, participant: Any) -> None:
    chat = start(connect)
    connect.stop_contact(InstanceId=INSTANCE, ContactId=chat.contact_id)
    (ended,) = eventually(lambda: transcript(participant, chat), "end")
    assert ended["ContentType"] == EVENT + "chat.ended"
