"""MonitorContact through boto3: a supervisor reads along, joins, and leaves."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from tests.compat.chat_client import expect_error
from tests.compat.chats import (
    EVENT,
    INSTANCE,
    Chat,
    join_as_agent,
    read_transcript,
    send_message,
    start_chat,
    wait_for_transcript,
)
from tests.stack import SECRET, Stack

SUPERVISOR = "s1"
MAY_BARGE = ["SILENT_MONITOR", "BARGE"]


def call(stack: Stack, path: str, user: str = SUPERVISOR) -> httpx.Response:
    """Send a request as an agent who has signed in."""
    signed_in = httpx.post(
        f"{stack.url}/v1/agents/sign-in",
        json={"instance": INSTANCE, "user": user},
        headers={"authorization": f"Bearer {SECRET}"},
    ).raise_for_status()
    return httpx.post(stack.url + path, headers={"authorization": f"Bearer {signed_in.json()['token']}"})


def act(stack: Stack, chat: Chat, action: str) -> httpx.Response:
    return call(stack, f"/v1/supervision/contacts/{chat.contact_id}/monitor/{action}")


def session_of(stack: Stack, participant: Any, chat: Chat) -> Chat:
    """The chat with the credentials of the supervisor who monitors it, as their ChatJS gets them."""
    details = call(stack, f"/v1/agent/contacts/{chat.contact_id}/session").raise_for_status().json()
    connection = participant.create_participant_connection(
        ParticipantToken=details["ParticipantToken"], Type=["CONNECTION_CREDENTIALS"], ConnectParticipant=True
    )
    token = connection["ConnectionCredentials"]["ConnectionToken"]
    return Chat(chat.contact_id, details["ParticipantId"], details["ParticipantToken"], token)


def monitor(stack: Stack, connect: Any, participant: Any, chat: Chat, **members: Any) -> Chat:
    answer = connect.monitor_contact(InstanceId=INSTANCE, ContactId=chat.contact_id, UserId=SUPERVISOR, **members)
    assert answer["ContactId"] == chat.contact_id
    assert answer["ContactArn"].endswith(f"/contact/{chat.contact_id}")
    return session_of(stack, participant, chat)


def roles(items: list[dict[str, Any]]) -> set[str]:
    return {item["ParticipantRole"] for item in items}


def test_silent_supervisor_reads_and_is_not_seen(stack: Stack, connect: Any, participant: Any) -> None:
    chat = start_chat(connect)
    agent = join_as_agent(stack, connect, participant, chat)
    said = send_message(participant, chat, "Hello?")
    silent = monitor(stack, connect, participant, chat)
    assert said in {item["Id"] for item in read_transcript(participant, silent)}
    later = send_message(participant, agent, "Good morning.")
    wait_for_transcript(participant, silent, item=later)
    for send in (
        lambda: send_message(participant, silent, "I am not here."),
        lambda: participant.send_event(ConnectionToken=silent.token, ContentType=EVENT + "typing"),
        lambda: participant.send_event(
            ConnectionToken=silent.token, ContentType=EVENT + "message.read", Content=f'{{"messageId": "{said}"}}'
        ),
        lambda: participant.start_attachment_upload(
            ConnectionToken=silent.token,
            AttachmentName="a.txt",
            AttachmentSizeInBytes=1,
            ContentType="text/plain",
            ClientToken="1",
        ),
    ):
        expect_error("AccessDeniedException", send)
    assert "SUPERVISOR" not in roles(read_transcript(participant, chat))
    participant.send_event(
        ConnectionToken=agent.token, ContentType=EVENT + "message.read", Content=f'{{"messageId": "{said}"}}'
    )
    assert act(stack, chat, "barge").status_code == 403
    participant.disconnect_participant(ConnectionToken=silent.token)
    expect_error(
        "AccessDeniedException",
        participant.create_participant_connection,
        ParticipantToken=silent.participant_token,
        Type=["CONNECTION_CREDENTIALS"],
    )
    assert call(stack, f"/v1/agent/contacts/{chat.contact_id}/session").status_code == 404
    assert EVENT + "participant.left" not in {item.get("ContentType") for item in read_transcript(participant, chat)}


def test_supervisor_who_barges_takes_part_until_they_leave(stack: Stack, connect: Any, participant: Any) -> None:
    chat = start_chat(connect)
    agent = join_as_agent(stack, connect, participant, chat)
    said = send_message(participant, chat, "Hello?")
    supervisor = monitor(stack, connect, participant, chat, AllowedMonitorCapabilities=MAY_BARGE)
    for _ in range(2):
        act(stack, chat, "barge").raise_for_status()
    own = send_message(participant, supervisor, "May I help?")
    items = wait_for_transcript(participant, chat, item=own)
    seen = [(item["ContentType"], item["DisplayName"]) for item in items if item["ParticipantRole"] == "SUPERVISOR"]
    assert seen == [(EVENT + "participant.joined", "Supervisor One"), ("text/plain", "Supervisor One")]
    participant.send_event(ConnectionToken=supervisor.token, ContentType=EVENT + "typing")
    for sender in (chat, agent, supervisor):
        expect_error(
            "ConflictException",
            participant.send_event,
            ConnectionToken=sender.token,
            ContentType=EVENT + "message.delivered",
            Content=f'{{"messageId": "{said}"}}',
        )
    act(stack, chat, "leave").raise_for_status()
    wait_for_transcript(participant, chat, event="participant.left")
    with pytest.raises(ClientError, match="AccessDenied"):
        send_message(participant, supervisor, "One more thing.")
    participant.send_event(
        ConnectionToken=agent.token, ContentType=EVENT + "message.read", Content=f'{{"messageId": "{said}"}}'
    )
    again = monitor(stack, connect, participant, chat, AllowedMonitorCapabilities=MAY_BARGE)
    assert again.participant_id == supervisor.participant_id
    with pytest.raises(ClientError, match="AccessDenied"):
        send_message(participant, again, "Not yet.")


def test_supervisor_with_barge_alone_joins_at_once(stack: Stack, connect: Any, participant: Any) -> None:
    chat = start_chat(connect)
    supervisor = monitor(stack, connect, participant, chat, AllowedMonitorCapabilities=["BARGE"])
    send_message(participant, supervisor, "Hello.")
    connect.stop_contact(InstanceId=INSTANCE, ContactId=chat.contact_id)
    items = wait_for_transcript(participant, chat, event="chat.ended")
    left = [item for item in items if item["ContentType"] == EVENT + "participant.left"]
    assert "SUPERVISOR" in roles(left)
    with pytest.raises(ClientError, match="AccessDenied"):
        send_message(participant, supervisor, "Goodbye.")


@pytest.mark.parametrize("capabilities", [["SILENT_MONITOR"], ["BARGE"]])
def test_monitor_ends_with_its_contact(stack: Stack, connect: Any, participant: Any, capabilities: list[str]) -> None:
    chat = start_chat(connect)
    join_as_agent(stack, connect, participant, chat)
    supervisor = monitor(stack, connect, participant, chat, AllowedMonitorCapabilities=capabilities)
    moved = connect.transfer_contact(InstanceId=INSTANCE, ContactId=chat.contact_id, ContactFlowId="live", UserId="a2")[
        "ContactId"
    ]
    secret = send_message(participant, chat, "For the next agent only.")
    wait_for_transcript(participant, chat, item=secret)
    assert secret not in {item["Id"] for item in read_transcript(participant, supervisor)}
    assert act(stack, chat, "barge").status_code == 404
    message = expect_error(
        "InvalidRequestException",
        connect.monitor_contact,
        InstanceId=INSTANCE,
        ContactId=chat.contact_id,
        UserId=SUPERVISOR,
    )
    assert "has ended" in message
    connect.monitor_contact(InstanceId=INSTANCE, ContactId=moved, UserId=SUPERVISOR)


def test_desk_of_the_supervisor_stays_empty(stack: Stack, connect: Any, participant: Any) -> None:
    monitor(stack, connect, participant, start_chat(connect), AllowedMonitorCapabilities=["BARGE"])
    assert connect.get_current_user_data(InstanceId=INSTANCE, Filters={"Agents": [SUPERVISOR]})["UserDataList"] == []


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"UserId": "a1"}, "AccessDeniedException", "no supervisor"),
        ({"UserId": "nobody"}, "ResourceNotFoundException", "nobody"),
        ({"ContactId": "nothing"}, "ResourceNotFoundException", "nothing"),
    ],
)
def test_request_is_refused(connect: Any, changes: dict[str, Any], error: str, text: str) -> None:
    members = {"InstanceId": INSTANCE, "ContactId": start_chat(connect).contact_id, "UserId": SUPERVISOR, **changes}
    assert text in expect_error(error, connect.monitor_contact, **members)


def test_agent_of_the_contact_cannot_monitor_it(stack: Stack, connect: Any, participant: Any) -> None:
    chat = start_chat(connect)
    join_as_agent(stack, connect, participant, chat, user=SUPERVISOR)
    members = {"InstanceId": INSTANCE, "ContactId": chat.contact_id, "UserId": SUPERVISOR}
    assert "UserId" in expect_error("InvalidRequestException", connect.monitor_contact, **members)


def test_token_counts_for_one_request(connect: Any) -> None:
    chat = start_chat(connect)
    members: dict[str, Any] = {"InstanceId": INSTANCE, "ContactId": chat.contact_id, "UserId": SUPERVISOR}
    members["ClientToken"] = "one"
    first, second = (connect.monitor_contact(**members)["ContactArn"] for _ in range(2))
    assert first == second
    members["AllowedMonitorCapabilities"] = MAY_BARGE
    expect_error("IdempotencyException", connect.monitor_contact, **members)
