"""A chat whose workflow an operator has terminated ends in order, whoever meets it first."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError
from temporalio.client import Client

from tests.compat import chat_client
from tests.compat.chats import INSTANCE, eventually, join_as_agent, send_message, start_chat, wait_for_transcript
from tests.stack import SECRET, Stack


async def terminate(stack: Stack, contact_id: str) -> None:
    await (await Client.connect(stack.temporal)).get_workflow_handle(contact_id).terminate("by an operator")


async def test_terminated_chat_is_over_for_everybody(stack: Stack, connect: Any, participant: Any) -> None:
    chat = start_chat(connect, "persistent", CustomerId="terminated")
    agent = join_as_agent(stack, connect, participant, chat)
    wait_for_transcript(participant, chat, item=send_message(participant, chat, "hello"))
    await terminate(stack, chat.contact_id)
    with pytest.raises(ClientError) as error:
        send_message(participant, agent, "is anybody there?")
    assert error.value.response["Error"]["Code"] == "AccessDeniedException"

    def ended() -> Any:
        contact = connect.describe_contact(InstanceId=INSTANCE, ContactId=chat.contact_id)["Contact"]
        return contact if "DisconnectTimestamp" in contact else None

    assert eventually(ended, "end of the chat")["DisconnectReason"] == "OTHER"
    with pytest.raises(ClientError) as error:
        participant.create_participant_connection(ParticipantToken=chat.participant_token, Type=["WEBSOCKET"])
    assert error.value.response["Error"]["Code"] == "AccessDeniedException"
    found = httpx.post(
        f"{stack.url}/v1/reconnections",
        json={"instance": INSTANCE, "workstream": "persistent", "customer_id": "terminated"},
        headers={"authorization": f"Bearer {SECRET}"},
    )
    assert found.json()["chat"] is None, found.text
    continued = chat_client.start_chat(stack, chat.contact_id, CustomerId="terminated")
    assert continued.message_texts() == ["hello"]
    continued.end()


async def test_terminated_chat_can_be_stopped(stack: Stack, connect: Any) -> None:
    chat = start_chat(connect)
    await terminate(stack, chat.contact_id)
    connect.stop_contact(InstanceId=INSTANCE, ContactId=chat.contact_id)

    def ended() -> Any:
        contact = connect.describe_contact(InstanceId=INSTANCE, ContactId=chat.contact_id)["Contact"]
        return contact.get("DisconnectTimestamp")

    assert eventually(ended, "end of the chat")
