"""StartChatContact, StopContact, DescribeContact, attributes and assignment: every member of their responses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname
from uuid import UUID, uuid4

import httpx
import pytest
from websockets.sync.client import connect as dial

from api.connect.recordings import recordings_of
from store.records import StoredContact
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
from tests.stack import Stack

ARN = "arn:aws:connect:local:000000000000:instance"
ADA = {"DisplayName": "Ada"}


def describe_contact(connect: Any, contact_id: str, instance: str = INSTANCE) -> dict[str, Any]:
    return connect.describe_contact(InstanceId=instance, ContactId=contact_id)["Contact"]


def is_recent(at: datetime) -> bool:
    return abs(datetime.now(UTC) - at) < timedelta(minutes=1)


def without_metadata(response: dict[str, Any]) -> dict[str, Any]:
    """Return the members of a response without boto3's ResponseMetadata."""
    return {name: value for name, value in response.items() if name != "ResponseMetadata"}


def test_start_returns_ids_and_participant_token(connect: Any, participant: Any) -> None:
    chat = without_metadata(
        connect.start_chat_contact(InstanceId=INSTANCE, ContactFlowId="live", ParticipantDetails=ADA)
    )
    assert set(chat) == {"ContactId", "ParticipantId", "ParticipantToken"}
    assert UUID(chat["ContactId"]) != UUID(chat["ParticipantId"])
    connected = participant.create_participant_connection(ParticipantToken=chat["ParticipantToken"], Type=["WEBSOCKET"])
    assert connected["Websocket"]


@pytest.mark.parametrize(
    ("types", "members"),
    [
        (["WEBSOCKET"], {"Websocket"}),
        (["CONNECTION_CREDENTIALS"], {"ConnectionCredentials"}),
        (["WEBSOCKET", "CONNECTION_CREDENTIALS"], {"Websocket", "ConnectionCredentials"}),
        (["AUTHENTICATION_SESSION", "WEBRTC_CONNECTION"], set[str]()),
    ],
)
def test_start_returns_requested_connection_types(connect: Any, types: list[str], members: set[str]) -> None:
    chat = without_metadata(
        connect.start_chat_contact(
            InstanceId=INSTANCE, ContactFlowId="live", ParticipantDetails=ADA, ConnectionTypes=types
        )
    )
    assert set(chat) == {"ContactId", "ParticipantId", "ParticipantToken"} | members


def test_connection_data_from_start_is_usable(connect: Any, participant: Any) -> None:
    chat = connect.start_chat_contact(
        InstanceId=INSTANCE,
        ContactFlowId="live",
        ParticipantDetails=ADA,
        ConnectionTypes=["WEBSOCKET", "CONNECTION_CREDENTIALS"],
    )
    token = chat["ConnectionCredentials"]["ConnectionToken"]
    assert participant.get_transcript(ConnectionToken=token)["InitialContactId"] == chat["ContactId"]
    with dial(chat["Websocket"]["Url"]):
        pass


def test_initial_message_is_first_transcript_item(connect: Any, participant: Any) -> None:
    chat = start_chat(connect, InitialMessage={"ContentType": "text/markdown", "Content": "**héllo** 👋"})
    item_id = send_message(participant, chat, "second")
    first, joined, second = wait_for_transcript(participant, chat, item=item_id)
    assert (first["Content"], first["ContentType"]) == ("**héllo** 👋", "text/markdown")
    assert (first["Type"], first["ParticipantId"]) == ("MESSAGE", chat.participant_id)
    # the initial message comes before the join: the customer joins with their first own action
    assert joined["ContentType"] == EVENT + "participant.joined"
    assert second["Content"] == "second"


def test_describe_returns_values_given_at_start(connect: Any) -> None:
    earlier = start_chat(connect, Attributes={"kept": "1", "replaced": "1"})
    segments = {
        "connect:Subtype": {"ValueString": "connect:Guide"},
        "count": {"ValueInteger": -3},
        "tree": {"ValueMap": {"leaf": {"ValueList": [{"ValueString": ""}, {"ValueArn": "arn:aws:x"}]}}},
    }
    chat = start_chat(
        connect,
        Attributes={"replaced": "zwei €", "empty": ""},
        CustomerId="c-1",
        SegmentAttributes=segments,
        RelatedContactId=earlier.contact_id,
        ChatDurationInMinutes=60,
        ParticipantConfiguration={"ResponseMode": "COMPLETE"},
        DisconnectOnCustomerExit=["AGENT"],
    )
    contact = describe_contact(connect, chat.contact_id)
    assert all(
        is_recent(contact.pop(n)) for n in ("InitiationTimestamp", "LastUpdateTimestamp", "ConnectedToSystemTimestamp")
    )
    assert is_recent(contact["QueueInfo"].pop("EnqueueTimestamp"))
    assert contact == {
        "Arn": f"{ARN}/demo/contact/{chat.contact_id}",
        "Id": chat.contact_id,
        "InitialContactId": chat.contact_id,
        "ContactAssociationId": chat.contact_id,
        "RelatedContactId": earlier.contact_id,
        "InitiationMethod": "API",
        "Channel": "CHAT",
        "QueueInfo": {"Id": "live"},
        "CustomerId": "c-1",
        "SegmentAttributes": segments,
        "Attributes": {"kept": "1", "replaced": "zwei €", "empty": ""},
    }


def test_describe_omits_unset_members(connect: Any) -> None:
    assert set(describe_contact(connect, start_chat(connect).contact_id)) == {
        *("Arn", "Id", "InitialContactId", "ContactAssociationId", "InitiationMethod", "Channel", "QueueInfo"),
        *("InitiationTimestamp", "LastUpdateTimestamp", "ConnectedToSystemTimestamp"),
    }


def test_timestamps_are_epoch_numbers_with_milliseconds(stack: Stack, connect: Any) -> None:
    chat = start_chat(connect)
    raw = httpx.get(
        f"{stack.url}/contacts/{INSTANCE}/{chat.contact_id}", headers={"authorization": "Bearer perennial-demo-secret"}
    ).json()["Contact"]
    at = describe_contact(connect, chat.contact_id)["InitiationTimestamp"]
    assert isinstance(raw["InitiationTimestamp"], float)
    assert raw["InitiationTimestamp"] == round(at.timestamp(), 3)


def test_stop_ends_chat_and_is_idempotent(connect: Any, participant: Any) -> None:
    chat = start_chat(connect)
    send_message(participant, chat, "hello")
    for _ in range(2):
        stopped = connect.stop_contact(
            InstanceId=INSTANCE, ContactId=chat.contact_id, DisconnectReason={"Code": "whatever"}
        )
        assert without_metadata(stopped) == {}
    contact = describe_contact(connect, chat.contact_id)
    assert is_recent(contact["DisconnectTimestamp"])
    assert "DisconnectReason" not in contact
    assert "AgentInfo" not in contact
    *_, left, ended = read_transcript(participant, chat)
    assert [left["ContentType"], ended["ContentType"]] == [EVENT + "participant.left", EVENT + "chat.ended"]
    with pytest.raises(participant.exceptions.AccessDeniedException):
        send_message(participant, chat, "too late")
    with pytest.raises(participant.exceptions.AccessDeniedException):
        participant.create_participant_connection(ParticipantToken=chat.participant_token, Type=["WEBSOCKET"])


def test_describe_shows_assignment_and_agent_disconnect(stack: Stack, connect: Any, participant: Any) -> None:
    chat = start_chat(connect)
    agent = join_as_agent(stack, connect, participant, chat)
    info = describe_contact(connect, chat.contact_id)["AgentInfo"]
    assert is_recent(info.pop("AcceptedByAgentTimestamp"))
    assert is_recent(info.pop("ConnectedToAgentTimestamp"))
    assert info == {"Id": "a1"}
    assert without_metadata(participant.disconnect_participant(ConnectionToken=agent.token)) == {}
    contact = describe_contact(connect, chat.contact_id)
    assert contact["DisconnectReason"] == "AGENT_DISCONNECT"
    assert contact["AgentInfo"]["AfterContactWorkStartTimestamp"] == contact["DisconnectTimestamp"]
    assert "AfterContactWorkEndTimestamp" not in contact["AgentInfo"]


def test_assignment_is_idempotent_for_same_agent_and_otherwise_refused(connect: Any) -> None:
    chat = start_chat(connect)
    target = {"InstanceId": INSTANCE, "ContactId": chat.contact_id}
    with pytest.raises(connect.exceptions.ResourceNotFoundException, match="UserId"):
        connect.associate_contact_with_user(**target, UserId="nobody")
    for user in ("a1", f"{ARN}/demo/agent/a1"):  # repeating the assignment for the same agent has no effect
        assert without_metadata(connect.associate_contact_with_user(**target, UserId=user)) == {}
    with pytest.raises(connect.exceptions.InvalidRequestException, match="ACTIVE"):
        connect.associate_contact_with_user(**target, UserId="a2")
    connect.stop_contact(**target)
    with pytest.raises(connect.exceptions.InvalidRequestException, match="ended"):
        connect.associate_contact_with_user(**target, UserId="a1")


def test_attributes_are_merged_before_and_after_chat_end(connect: Any) -> None:
    chat = start_chat(connect, Attributes={"a": "1", "b": "2"})
    query = {"InstanceId": INSTANCE, "InitialContactId": chat.contact_id}
    assert without_metadata(connect.get_contact_attributes(**query)) == {"Attributes": {"a": "1", "b": "2"}}
    assert without_metadata(connect.update_contact_attributes(**query, Attributes={"b": "zwei €", "C-_9": ""})) == {}
    assert connect.get_contact_attributes(**query)["Attributes"] == {"a": "1", "b": "zwei €", "C-_9": ""}
    connect.stop_contact(InstanceId=INSTANCE, ContactId=chat.contact_id)
    connect.update_contact_attributes(**query, Attributes={"rating": "5"})
    assert connect.get_contact_attributes(**query)["Attributes"]["rating"] == "5"
    assert describe_contact(connect, chat.contact_id)["Attributes"]["rating"] == "5"


def test_attributes_of_chat_without_any_are_empty(connect: Any) -> None:
    query = {"InstanceId": INSTANCE, "InitialContactId": start_chat(connect).contact_id}
    assert without_metadata(connect.get_contact_attributes(**query)) == {"Attributes": {}}


def test_merged_attributes_must_not_exceed_size_limit(connect: Any) -> None:
    chat = start_chat(connect, Attributes={"a": "x" * 20_000})
    target = {"InstanceId": INSTANCE, "InitialContactId": chat.contact_id}
    connect.update_contact_attributes(**target, Attributes={"b": "é" * 6_383})  # 20,001 + 12,767 = 32,768 bytes
    with pytest.raises(connect.exceptions.InvalidParameterException, match="Attributes"):
        connect.update_contact_attributes(**target, Attributes={"c": ""})
    connect.update_contact_attributes(**target, Attributes={"a": "smaller", "c": "y"})
    assert set(connect.get_contact_attributes(**target)["Attributes"]) == {"a", "b", "c"}


@pytest.mark.parametrize("instance", [f"{ARN}/demo", "demo"])
def test_operations_accept_instance_id_or_arn(connect: Any, instance: str) -> None:
    flow = f"{ARN}/demo/contact-flow/live"
    chat = connect.start_chat_contact(InstanceId=instance, ContactFlowId=flow, ParticipantDetails=ADA)
    contact, initial = {"ContactId": chat["ContactId"]}, {"InitialContactId": chat["ContactId"]}
    connect.update_contact_attributes(InstanceId=instance, **initial, Attributes={"a": "1"})
    assert connect.get_contact_attributes(InstanceId=instance, **initial)["Attributes"] == {"a": "1"}
    connect.associate_contact_with_user(InstanceId=instance, **contact, UserId="a1")
    connect.stop_contact(InstanceId=instance, **contact)
    assert describe_contact(connect, chat["ContactId"], instance)["AgentInfo"]["Id"] == "a1"
    assert describe_contact(connect, f"{ARN}/demo/contact/{chat['ContactId']}", instance)["Id"] == chat["ContactId"]


def test_unknown_ids_are_not_found(connect: Any) -> None:
    unknown, errors = str(uuid4()), connect.exceptions
    with pytest.raises(errors.ResourceNotFoundException, match="InstanceId"):
        describe_contact(connect, unknown, "nowhere")
    with pytest.raises(errors.ResourceNotFoundException, match="ContactId"):
        describe_contact(connect, unknown)
    with pytest.raises(errors.ResourceNotFoundException, match="ContactFlowId"):
        connect.start_chat_contact(InstanceId=INSTANCE, ContactFlowId="nowhere", ParticipantDetails=ADA)
    with pytest.raises(errors.ResourceNotFoundException, match="RelatedContactId"):
        start_chat(connect, RelatedContactId=unknown)
    with pytest.raises(errors.ContactNotFoundException, match="ContactId"):
        connect.stop_contact(InstanceId=INSTANCE, ContactId=unknown)
    with pytest.raises(errors.ResourceNotFoundException, match="InitialContactId"):
        connect.get_contact_attributes(InstanceId=INSTANCE, InitialContactId=unknown)
    with pytest.raises(errors.ResourceNotFoundException, match="InitialContactId"):
        connect.update_contact_attributes(InstanceId=INSTANCE, InitialContactId=unknown, Attributes={})
    with pytest.raises(errors.ResourceNotFoundException, match="ContactId"):
        connect.associate_contact_with_user(InstanceId=INSTANCE, ContactId=unknown, UserId="a1")


def test_ended_contact_says_where_its_transcript_is(stack: Stack, connect: Any, participant: Any) -> None:
    chat = start_chat(connect)
    send_message(participant, chat, "keep this")
    assert "Recordings" not in describe_contact(connect, chat.contact_id)
    connect.stop_contact(InstanceId=INSTANCE, ContactId=chat.contact_id)
    contact = describe_contact(connect, chat.contact_id)
    [recording] = contact["Recordings"]
    assert recording["ParticipantType"] == "ALL"
    assert recording["StartTimestamp"] == contact["InitiationTimestamp"]
    assert recording["StopTimestamp"] == contact["DisconnectTimestamp"]
    file = Path(url2pathname(urlsplit(recording["Location"]).path))
    eventually(file.exists, "the transcript file")
    assert "keep this" in file.read_text("utf-8")


@pytest.mark.parametrize(
    ("address", "location"),
    [
        ("s3://bucket/prefix/", "bucket/prefix/demo/2026/01/02/c-1.json"),
        ("s3://bucket", "bucket/demo/2026/01/02/c-1.json"),
        ("file:///archive", "file:///archive/demo/2026/01/02/c-1.json"),
        (None, None),
    ],
)
def test_location_of_a_transcript_is_that_of_the_archive(address: str | None, location: str | None) -> None:
    at = datetime(2026, 1, 2, 3, tzinfo=UTC)
    values = {"id": "c-1", "conversation_id": "c-1", "initiation_method": "API", "queue": "q"}
    contact = StoredContact.model_validate({**values, "initiated_at": at, "ended_at": at})
    recordings = recordings_of("demo", contact, address)
    assert [recording["Location"] for recording in recordings or ()] == ([location] if location else [])
