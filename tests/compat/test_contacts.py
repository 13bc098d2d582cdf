"""StartChatContact, StopContact, DescribeContact, attributes and assignment, member by member."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from websockets.sync.client import connect as dial

from tests.compat.chats import EVENT, INSTANCE, agent_joins, once_there, say, start, transcript
from tests.stack import Stack

ARN = "arn:aws:connect:local:000000000000:instance"
ADA = {"DisplayName": "Ada"}


def described(connect: Any, contact_id: str, instance: str = INSTANCE) -> dict[str, Any]:
    return connect.describe_contact(InstanceId=instance, ContactId=contact_id)["Contact"]


def now(at: datetime) -> bool:
    return abs(datetime.now(UTC) - at) < timedelta(minutes=1)


def only(response: dict[str, Any]) -> dict[str, Any]:
    """The members of an answer, without what boto3 adds."""
    return {name: value for name, value in response.items() if name != "ResponseMetadata"}


def test_start_answers_ids_and_a_token(connect: Any, participant: Any) -> None:
    chat = only(connect.start_chat_contact(InstanceId=INSTANCE, ContactFlowId="live", ParticipantDetails=ADA))
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
def test_start_gives_the_connection_data_asked_for(connect: Any, types: list[str], members: set[str]) -> None:
    chat = only(
        connect.start_chat_contact(
            InstanceId=INSTANCE, ContactFlowId="live", ParticipantDetails=ADA, ConnectionTypes=types
        )
    )
    assert set(chat) == {"ContactId", "ParticipantId", "ParticipantToken"} | members


def test_connection_data_of_start_works(connect: Any, participant: Any) -> None:
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


def test_initial_message_is_the_first_item(connect: Any, participant: Any) -> None:
    chat = start(connect, InitialMessage={"ContentType": "text/markdown", "Content": "**héllo** 👋"})
    item_id = say(participant, chat, "second")
    first, joined, second = once_there(participant, chat, item=item_id)
    assert (first["Content"], first["ContentType"]) == ("**héllo** 👋", "text/markdown")
    assert (first["Type"], first["ParticipantId"]) == ("MESSAGE", chat.participant_id)
    # it is said before anybody is there: joining comes with the first sign of the customer
    assert joined["ContentType"] == EVENT + "participant.joined"
    assert second["Content"] == "second"


def test_describe_says_everything_that_start_was_given(connect: Any) -> None:
    earlier = start(connect, Attributes={"kept": "1", "replaced": "1"})
    segments = {
        "connect:Subtype": {"ValueString": "connect:Guide"},
        "count": {"ValueInteger": -3},
        "tree": {"ValueMap": {"leaf": {"ValueList": [{"ValueString": ""}, {"ValueArn": "arn:aws:x"}]}}},
    }
    chat = start(
        connect,
        Attributes={"replaced": "zwei €", "empty": ""},
        CustomerId="c-1",
        SegmentAttributes=segments,
        RelatedContactId=earlier.contact_id,
        ChatDurationInMinutes=60,
        ParticipantConfiguration={"ResponseMode": "COMPLETE"},
        DisconnectOnCustomerExit=["AGENT"],
    )
    contact = described(connect, chat.contact_id)
    assert all(
        now(contact.pop(n)) for n in ("InitiationTimestamp", "LastUpdateTimestamp", "ConnectedToSystemTimestamp")
    )
    assert now(contact["QueueInfo"].pop("EnqueueTimestamp"))
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


def test_describe_leaves_out_what_is_not_known(connect: Any) -> None:
    assert set(described(connect, start(connect).contact_id)) == {
        *("Arn", "Id", "InitialContactId", "ContactAssociationId", "InitiationMethod", "Channel", "QueueInfo"),
        *("InitiationTimestamp", "LastUpdateTimestamp", "ConnectedToSystemTimestamp"),
    }


def test_timestamps_are_epoch_numbers_with_milliseconds(stack: Stack, connect: Any) -> None:
    chat = start(connect)
    raw = httpx.get(
        f"{stack.url}/contacts/{INSTANCE}/{chat.contact_id}", headers={"authorization": "Bearer perennial-demo-secret"}
    ).json()["Contact"]
    at = described(connect, chat.contact_id)["InitiationTimestamp"]
    assert isinstance(raw["InitiationTimestamp"], float)
    assert raw["InitiationTimestamp"] == round(at.timestamp(), 3)


def test_stop_ends_the_chat_and_may_be_repeated(connect: Any, participant: Any) -> None:
    chat = start(connect)
    say(participant, chat, "hello")
    for _ in range(2):
        stopped = connect.stop_contact(
            InstanceId=INSTANCE, ContactId=chat.contact_id, DisconnectReason={"Code": "whatever"}
        )
        assert only(stopped) == {}
    contact = described(connect, chat.contact_id)
    assert now(contact["DisconnectTimestamp"])
    assert "DisconnectReason" not in contact
    assert "AgentInfo" not in contact
    *_, left, ended = transcript(participant, chat)
    assert [left["ContentType"], ended["ContentType"]] == [EVENT + "participant.left", EVENT + "chat.ended"]
    with pytest.raises(participant.exceptions.AccessDeniedException):
        say(participant, chat, "too late")
    with pytest.raises(participant.exceptions.AccessDeniedException):
        participant.create_participant_connection(ParticipantToken=chat.participant_token, Type=["WEBSOCKET"])


def test_assignment_and_end_by_the_agent_are_described(stack: Stack, connect: Any, participant: Any) -> None:
    chat = start(connect)
    agent = agent_joins(stack, connect, participant, chat)
    info = described(connect, chat.contact_id)["AgentInfo"]
    assert now(info.pop("AcceptedByAgentTimestamp"))
    assert now(info.pop("ConnectedToAgentTimestamp"))
    assert info == {"Id": "a1"}
    assert only(participant.disconnect_participant(ConnectionToken=agent.token)) == {}
    contact = described(connect, chat.contact_id)
    assert contact["DisconnectReason"] == "AGENT_DISCONNECT"
    assert contact["AgentInfo"]["AfterContactWorkStartTimestamp"] == contact["DisconnectTimestamp"]
    assert "AfterContactWorkEndTimestamp" not in contact["AgentInfo"]


def test_assignment_rules(connect: Any) -> None:
    chat = start(connect)
    here = {"InstanceId": INSTANCE, "ContactId": chat.contact_id}
    with pytest.raises(connect.exceptions.ResourceNotFoundException, match="UserId"):
        connect.associate_contact_with_user(**here, UserId="nobody")
    for user in ("a1", f"{ARN}/demo/agent/a1"):  # a repeat for the same agent is no news
        assert only(connect.associate_contact_with_user(**here, UserId=user)) == {}
    with pytest.raises(connect.exceptions.InvalidRequestException, match="ACTIVE"):
        connect.associate_contact_with_user(**here, UserId="a2")
    connect.stop_contact(**here)
    with pytest.raises(connect.exceptions.InvalidRequestException, match="ended"):
        connect.associate_contact_with_user(**here, UserId="a1")


def test_attributes_are_merged_also_after_the_end(connect: Any) -> None:
    chat = start(connect, Attributes={"a": "1", "b": "2"})
    read = {"InstanceId": INSTANCE, "InitialContactId": chat.contact_id}
    assert only(connect.get_contact_attributes(**read)) == {"Attributes": {"a": "1", "b": "2"}}
    assert only(connect.update_contact_attributes(**read, Attributes={"b": "zwei €", "C-_9": ""})) == {}
    assert connect.get_contact_attributes(**read)["Attributes"] == {"a": "1", "b": "zwei €", "C-_9": ""}
    connect.stop_contact(InstanceId=INSTANCE, ContactId=chat.contact_id)
    connect.update_contact_attributes(**read, Attributes={"rating": "5"})
    assert connect.get_contact_attributes(**read)["Attributes"]["rating"] == "5"
    assert described(connect, chat.contact_id)["Attributes"]["rating"] == "5"


def test_attributes_may_be_none_at_all(connect: Any) -> None:
    read = {"InstanceId": INSTANCE, "InitialContactId": start(connect).contact_id}
    assert only(connect.get_contact_attributes(**read)) == {"Attributes": {}}


def test_attributes_may_not_outgrow_their_limit_together(connect: Any) -> None:
    chat = start(connect, Attributes={"a": "x" * 20_000})
    here = {"InstanceId": INSTANCE, "InitialContactId": chat.contact_id}
    connect.update_contact_attributes(**here, Attributes={"b": "é" * 6_383})  # 20,001 + 12,767 = 32,768 bytes
    with pytest.raises(connect.exceptions.InvalidParameterException, match="Attributes"):
        connect.update_contact_attributes(**here, Attributes={"c": ""})
    connect.update_contact_attributes(**here, Attributes={"a": "smaller", "c": "y"})
    assert set(connect.get_contact_attributes(**here)["Attributes"]) == {"a", "b", "c"}


@pytest.mark.parametrize("instance", [f"{ARN}/demo", "demo"])
def test_every_operation_takes_the_arn_of_an_instance(connect: Any, instance: str) -> None:
    flow = f"{ARN}/demo/contact-flow/live"
    chat = connect.start_chat_contact(InstanceId=instance, ContactFlowId=flow, ParticipantDetails=ADA)
    contact, initial = {"ContactId": chat["ContactId"]}, {"InitialContactId": chat["ContactId"]}
    connect.update_contact_attributes(InstanceId=instance, **initial, Attributes={"a": "1"})
    assert connect.get_contact_attributes(InstanceId=instance, **initial)["Attributes"] == {"a": "1"}
    connect.associate_contact_with_user(InstanceId=instance, **contact, UserId="a1")
    connect.stop_contact(InstanceId=instance, **contact)
    assert described(connect, chat["ContactId"], instance)["AgentInfo"]["Id"] == "a1"
    assert described(connect, f"{ARN}/demo/contact/{chat['ContactId']}", instance)["Id"] == chat["ContactId"]


def test_what_is_not_there_is_not_found(connect: Any) -> None:
    nothing, found = str(uuid4()), connect.exceptions
    with pytest.raises(found.ResourceNotFoundException, match="InstanceId"):
        described(connect, nothing, "nowhere")
    with pytest.raises(found.ResourceNotFoundException, match="ContactId"):
        described(connect, nothing)
    with pytest.raises(found.ResourceNotFoundException, match="ContactFlowId"):
        connect.start_chat_contact(InstanceId=INSTANCE, ContactFlowId="nowhere", ParticipantDetails=ADA)
    with pytest.raises(found.ResourceNotFoundException, match="RelatedContactId"):
        start(connect, RelatedContactId=nothing)
    with pytest.raises(found.ContactNotFoundException, match="ContactId"):
        connect.stop_contact(InstanceId=INSTANCE, ContactId=nothing)
    with pytest.raises(found.ResourceNotFoundException, match="InitialContactId"):
        connect.get_contact_attributes(InstanceId=INSTANCE, InitialContactId=nothing)
    with pytest.raises(found.ResourceNotFoundException, match="InitialContactId"):
        connect.update_contact_attributes(InstanceId=INSTANCE, InitialContactId=nothing, Attributes={})
    with pytest.raises(found.ResourceNotFoundException, match="ContactId"):
        connect.associate_contact_with_user(InstanceId=INSTANCE, ContactId=nothing, UserId="a1")
