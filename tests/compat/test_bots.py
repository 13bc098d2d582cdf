"""External bots: CreateParticipant with CUSTOM_BOT."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.compat.chat_client import ChatClient, describe, expect_error, start_chat
from tests.stack import Stack


def add_bot(stack: Stack, contact_id: str, **members: Any) -> ChatClient:
    details = {"ParticipantRole": "CUSTOM_BOT", "DisplayName": "Bee"}
    response = stack.connect().create_participant(
        InstanceId="demo", ContactId=contact_id, ParticipantDetails=details, **members
    )
    token = response["ParticipantCredentials"]["ParticipantToken"]
    return ChatClient(
        stack, {"ContactId": contact_id, "ParticipantToken": token, "ParticipantId": response["ParticipantId"]}
    )


def test_bot_sends_messages_and_leaves_while_chat_continues(stack: Stack) -> None:
    chat = start_chat(stack).send("hello")
    bot = add_bot(stack, chat.id, ClientToken="bee").send("beep")
    assert add_bot(stack, chat.id, ClientToken="bee").response["ParticipantId"] == bot.response["ParticipantId"]
    stack.participant().disconnect_participant(ConnectionToken=bot.token)
    items = [item for page in chat.pages() for item in page][::-1]
    assert [(item["ParticipantRole"], item.get("Content")) for item in items] == [
        ("CUSTOMER", None),
        ("CUSTOMER", "hello"),
        ("CUSTOM_BOT", None),
        ("CUSTOM_BOT", "beep"),
        ("CUSTOM_BOT", None),
    ]
    with pytest.raises(ClientError, match="AccessDenied"):
        bot.send("still here?")
    chat.send("it goes on")


def test_sixth_bot_is_refused(stack: Stack) -> None:
    chat = start_chat(stack)
    for number in range(5):
        add_bot(stack, chat.id, ClientToken=str(number))
    assert "at most 5" in expect_error("ServiceQuotaExceededException", add_bot, stack=stack, contact_id=chat.id)


@pytest.mark.parametrize("role", ["AGENT", "CUSTOMER", "SYSTEM", "SUPERVISOR"])
def test_create_participant_refuses_other_roles(stack: Stack, role: str) -> None:
    chat = start_chat(stack)
    details = {"ParticipantRole": role, "DisplayName": "Eve"}
    create_participant = stack.connect().create_participant
    message = expect_error(
        "InvalidRequestException", create_participant, InstanceId="demo", ContactId=chat.id, ParticipantDetails=details
    )
    assert "ParticipantRole" in message


def test_bot_cannot_join_ended_chat(stack: Stack) -> None:
    chat = start_chat(stack).end()
    assert "has ended" in expect_error("InvalidRequestException", add_bot, stack=stack, contact_id=chat.id)
    assert "DisconnectTimestamp" in describe(stack, chat.id)
