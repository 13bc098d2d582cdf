"""Connections, messages, events and disconnects: every member of their responses."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore import UNSIGNED
from botocore.config import Config

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
from tests.compat.test_contacts import describe_contact, without_metadata
from tests.stack import TOPIC, Stack

CONTENT_TYPES = {
    "text/plain": "plain é€😀",
    "text/markdown": "**bold**",
    "application/json": '{"a": [1, "é"]}',
    "application/vnd.amazonaws.connect.message.interactive": '{"templateType": "QuickReply"}',
    "application/vnd.amazonaws.connect.message.interactive.response": '{"action": "x"}',
}


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def send_receipt(participant: Any, reader: Chat, message_id: str, *, read: bool) -> dict[str, Any]:
    return participant.send_event(
        ConnectionToken=reader.token,
        ContentType=EVENT + ("message.read" if read else "message.delivered"),
        Content=json.dumps({"messageId": message_id, "disableThrottle": True}),
        ClientToken="INCOMING_READ_RECEIPT",  # ChatJS sends this same token for every receipt
    )


def receipts_by_text(participant: Any, chat: Chat) -> dict[str, list[dict[str, Any]]]:
    """Return the receipts of each message by its text, without their timestamps."""
    shown: dict[str, list[dict[str, Any]]] = {}
    for item in read_transcript(participant, chat):
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
def test_connection_returns_requested_types(
    connect: Any, participant: Any, types: list[str], members: set[str]
) -> None:
    chat = start_chat(connect)
    connected = without_metadata(
        participant.create_participant_connection(ParticipantToken=chat.participant_token, Type=types)
    )
    assert set(connected) == members


def test_connection_reports_expiry_of_url_and_token(stack: Stack, connect: Any, participant: Any) -> None:
    chat, before = start_chat(connect), datetime.now(UTC)
    connected = participant.create_participant_connection(
        ParticipantToken=chat.participant_token, Type=["WEBSOCKET", "CONNECTION_CREDENTIALS"]
    )
    assert connected["Websocket"]["Url"].startswith(f"ws://127.0.0.1:{stack.api_port}/")
    url_lifetime = instant(connected["Websocket"]["ConnectionExpiry"]) - before
    token_lifetime = instant(connected["ConnectionCredentials"]["Expiry"]) - before
    assert abs(url_lifetime - timedelta(seconds=100)) < timedelta(seconds=5)
    # ChatJS reconnects in a busy loop when this exceeds 24 days or is below one minute
    assert abs(token_lifetime - timedelta(days=1)) < timedelta(seconds=5)


def test_older_connection_tokens_remain_valid(connect: Any, participant: Any) -> None:
    chat = start_chat(connect)
    for _ in range(2):
        participant.create_participant_connection(
            ParticipantToken=chat.participant_token, Type=["CONNECTION_CREDENTIALS"]
        )
    assert send_message(participant, chat, "with the first token")


def test_connect_participant_without_type_records_the_join(connect: Any, participant: Any) -> None:
    chat = start_chat(connect, ChatStreamingConfiguration={"StreamingEndpointArn": TOPIC})
    connected = participant.create_participant_connection(
        ParticipantToken=chat.participant_token, ConnectParticipant=True
    )
    assert without_metadata(connected) == {}
    (joined,) = wait_for_transcript(participant, chat, event="participant.joined")
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


def test_participant_operations_need_no_signature(stack: Stack, connect: Any) -> None:
    chat = start_chat(connect)
    unsigned = validate_responses(stack.participant(config=Config(signature_version=UNSIGNED)))
    item_id = send_message(unsigned, chat, "no AWS key at all")
    assert wait_for_transcript(unsigned, chat, item=item_id)


@pytest.mark.parametrize("content_type", CONTENT_TYPES)
def test_message_is_stored_as_sent(connect: Any, participant: Any, content_type: str) -> None:
    chat, content = start_chat(connect), CONTENT_TYPES[content_type]
    sent = without_metadata(
        participant.send_message(ConnectionToken=chat.token, ContentType=content_type, Content=content)
    )
    assert set(sent) == {"Id", "AbsoluteTime"}
    _, item = wait_for_transcript(participant, chat, item=sent["Id"])
    # the first message implies a join, which is stored before it; no two items have the same time
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


def test_sent_message_is_readable_immediately(connect: Any, participant: Any) -> None:
    chat = start_chat(connect, InitialMessage={"ContentType": "text/plain", "Content": "first"})
    assert [item.get("Content") for item in read_transcript(participant, chat)][:1] == ["first"]
    for n in range(10):
        assert send_message(participant, chat, f"{n}") == read_transcript(participant, chat)[-1]["Id"]


def test_unsupported_content_types_are_refused(stack: Stack, connect: Any, participant: Any) -> None:
    chat = start_chat(connect, SupportedMessagingContentTypes=["text/plain", "application/json"])
    for supported in ("text/plain", "application/json"):
        send_message(participant, chat, "{}", ContentType=supported)
    for sender in (chat, join_as_agent(stack, connect, participant, chat)):
        with pytest.raises(participant.exceptions.ValidationException, match="ContentType"):
            send_message(participant, sender, "**bold**", ContentType="text/markdown")
    with pytest.raises(connect.exceptions.InvalidParameterException, match="InitialMessage"):
        start_chat(
            connect,
            SupportedMessagingContentTypes=["text/plain"],
            InitialMessage={"ContentType": "text/markdown", "Content": "**bold**"},
        )


def test_messages_keep_their_order_with_increasing_times(connect: Any, participant: Any) -> None:
    chat = start_chat(connect)
    ids = [send_message(participant, chat, f"{n}") for n in range(30)]
    items = wait_for_transcript(participant, chat, item=ids[-1])
    assert [item["Id"] for item in items if item["Type"] == "MESSAGE"] == ids
    at = [item["AbsoluteTime"] for item in items]
    assert at == sorted(set(at))


@pytest.mark.parametrize("name", ["typing", "connection.acknowledged"])
def test_transient_events_are_accepted_but_not_stored(connect: Any, participant: Any, name: str) -> None:
    chat = start_chat(connect)
    sent = without_metadata(participant.send_event(ConnectionToken=chat.token, ContentType=EVENT + name))
    assert set(sent) == {"Id", "AbsoluteTime"}
    stored = wait_for_transcript(participant, chat, item=send_message(participant, chat, "after it"))
    assert [item["ContentType"] for item in stored] == [EVENT + "participant.joined", "text/plain"]


def test_read_receipt_marks_earlier_messages_delivered_and_read(stack: Stack, connect: Any, participant: Any) -> None:
    chat = start_chat(connect)
    agent = join_as_agent(stack, connect, participant, chat)
    ids = [send_message(participant, chat, text) for text in ("one", "two", "three")]
    own = send_message(participant, agent, "mine")
    wait_for_transcript(participant, chat, item=own)

    def known(*read: bool | None) -> dict[str, list[dict[str, Any]]]:
        by = {"by": agent.participant_id}
        texts = zip(("one", "two", "three"), read, strict=True)
        return {text: [] if how is None else [{**by, "read": how}] for text, how in texts} | {"": [], "mine": []}

    assert receipts_by_text(participant, chat) == known(None, None, None)
    sent = without_metadata(send_receipt(participant, agent, ids[0], read=False))
    assert set(sent) == {"Id", "AbsoluteTime"}
    assert receipts_by_text(participant, chat) == known(False, None, None)
    send_receipt(participant, agent, ids[1], read=True)
    assert receipts_by_text(participant, chat) == known(True, True, None)
    for _ in range(2):
        send_receipt(participant, agent, ids[2], read=False)
    assert receipts_by_text(participant, chat) == known(True, True, False)
    send_receipt(participant, agent, ids[0], read=True)  # no effect: already read
    send_receipt(participant, agent, own, read=True)  # no effect: own message
    assert receipts_by_text(participant, chat) == known(True, True, False)


def test_receipts_without_a_valid_message_are_refused(connect: Any, participant: Any) -> None:
    chat = start_chat(connect)
    (joined, _) = wait_for_transcript(participant, chat, item=send_message(participant, chat, "hello"))
    for content in ({}, {"Content": "no JSON"}, {"Content": "{}"}, {"Content": '{"messageId": "unknown"}'}):
        with pytest.raises(participant.exceptions.ValidationException, match="Content"):
            participant.send_event(ConnectionToken=chat.token, ContentType=EVENT + "message.read", **content)
    with pytest.raises(participant.exceptions.ValidationException, match="no message"):
        send_receipt(participant, chat, joined["Id"], read=True)


def test_customer_disconnect_ends_live_chat(connect: Any, participant: Any) -> None:
    chat = start_chat(connect)
    send_message(participant, chat, "bye")
    for _ in range(2):
        assert without_metadata(participant.disconnect_participant(ConnectionToken=chat.token)) == {}
    *_, left, ended = read_transcript(participant, chat)
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
    assert describe_contact(connect, chat.contact_id)["DisconnectReason"] == "CUSTOMER_DISCONNECT"
    with pytest.raises(participant.exceptions.AccessDeniedException, match="ended"):
        send_message(participant, chat, "too late")
    with pytest.raises(participant.exceptions.AccessDeniedException, match="ended"):
        participant.send_event(ConnectionToken=chat.token, ContentType=EVENT + "typing")


def test_customer_disconnect_keeps_persistent_chat_open(connect: Any, participant: Any) -> None:
    chat = start_chat(connect, "persistent")
    send_message(participant, chat, "see you")
    assert without_metadata(participant.disconnect_participant(ConnectionToken=chat.token)) == {}
    assert "DisconnectTimestamp" not in describe_contact(connect, chat.contact_id)
    back = participant.create_participant_connection(
        ParticipantToken=chat.participant_token, Type=["CONNECTION_CREDENTIALS"]
    )
    token = back["ConnectionCredentials"]["ConnectionToken"]
    again = participant.send_message(ConnectionToken=token, ContentType="text/plain", Content="back again")
    assert wait_for_transcript(participant, chat, item=again["Id"])


def test_chat_end_records_no_leave_for_customer_who_never_connected(connect: Any, participant: Any) -> None:
    chat = start_chat(connect)
    connect.stop_contact(InstanceId=INSTANCE, ContactId=chat.contact_id)
    (ended,) = eventually(lambda: read_transcript(participant, chat), "end")
    assert ended["ContentType"] == EVENT + "chat.ended"
