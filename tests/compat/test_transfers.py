"""TransferContact for chats: each transfer starts a new contact."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.stack import Stack


@pytest.fixture
def chat(stack: Stack) -> dict[str, Any]:
    response = stack.connect().start_chat_contact(
        InstanceId="demo", ContactFlowId="live", ParticipantDetails={"DisplayName": "Ada"}
    )
    stack.connect().associate_contact_with_user(InstanceId="demo", ContactId=response["ContactId"], UserId="a1")
    return response


def describe(stack: Stack, contact_id: str) -> dict[str, Any]:
    return stack.connect().describe_contact(InstanceId="demo", ContactId=contact_id)["Contact"]


def transfer(stack: Stack, contact_id: str, **target: str) -> str:
    response = stack.connect().transfer_contact(InstanceId="demo", ContactId=contact_id, ContactFlowId="live", **target)
    assert response["ContactArn"].endswith(response["ContactId"])
    return response["ContactId"]


def test_transfer_to_agent_creates_a_second_contact(stack: Stack, chat: dict[str, Any]) -> None:
    first = chat["ContactId"]
    second = transfer(stack, first, UserId="a2")
    one, two = describe(stack, first), describe(stack, second)
    assert (one["AgentInfo"]["Id"], two["AgentInfo"]["Id"]) == ("a1", "a2")
    assert (one["InitiationMethod"], two["InitiationMethod"]) == ("API", "TRANSFER")
    assert (two["PreviousContactId"], two["InitialContactId"]) == (first, first)
    assert one["DisconnectTimestamp"] == two["InitiationTimestamp"]
    assert "DisconnectTimestamp" not in two


def test_transfer_to_queue_waits_for_assignment_and_can_be_repeated(stack: Stack, chat: dict[str, Any]) -> None:
    second = transfer(stack, chat["ContactId"], QueueId="persistent")
    two = describe(stack, second)
    assert (two["QueueInfo"]["Id"], two.get("AgentInfo")) == ("persistent", None)
    stack.connect().associate_contact_with_user(InstanceId="demo", ContactId=second, UserId="a1")
    third = transfer(stack, second, UserId="a2", ClientToken="once")
    assert transfer(stack, second, UserId="a2", ClientToken="once") == third
    assert describe(stack, third)["PreviousContactId"] == second


@pytest.mark.parametrize(
    ("target", "error", "why"),
    [
        ({"QueueId": "nowhere"}, "ResourceNotFoundException", "QueueId"),
        ({"UserId": "nobody"}, "ResourceNotFoundException", "UserId"),
        ({"UserId": "a2", "QueueId": "live"}, "InvalidRequestException", "Exactly one of"),
        ({}, "InvalidRequestException", "Exactly one of"),
        ({"UserId": "a2", "ContactFlowId": "nothing"}, "ResourceNotFoundException", "ContactFlowId"),
    ],
)
def test_refused_transfer_changes_nothing(
    stack: Stack, chat: dict[str, Any], target: dict[str, str], error: str, why: str
) -> None:
    request = {"InstanceId": "demo", "ContactId": chat["ContactId"], "ContactFlowId": "live", **target}
    with pytest.raises(ClientError) as refused:
        stack.connect().transfer_contact(**request)
    assert refused.value.response["Error"]["Code"] == error  # pyright: ignore[reportTypedDictNotRequiredAccess]
    assert why in refused.value.response["Error"]["Message"]  # pyright: ignore[reportTypedDictNotRequiredAccess]
    assert "DisconnectTimestamp" not in describe(stack, chat["ContactId"])


def test_ended_contact_cannot_be_transferred(stack: Stack, chat: dict[str, Any]) -> None:
    transfer(stack, chat["ContactId"], UserId="a2")
    with pytest.raises(ClientError, match="has ended"):
        transfer(stack, chat["ContactId"], UserId="a2")
