"""GetContactMetrics and PutUserStatus through boto3."""

from __future__ import annotations

from typing import Any

from tests.compat.chat_client import expect_error
from tests.compat.chats import INSTANCE, start_chat

POSITION, WAIT = {"Name": "POSITION_IN_QUEUE"}, {"Name": "ESTIMATED_WAIT_TIME"}


def test_contact_has_queue_metrics_only_while_it_waits(connect: Any) -> None:
    chat = start_chat(connect, "persistent")
    target = {"InstanceId": INSTANCE, "ContactId": chat.contact_id}
    response = connect.get_contact_metrics(**target, Metrics=[POSITION])
    (position,) = response["MetricResults"]
    assert position["Name"] == "POSITION_IN_QUEUE"
    assert position["Value"]["Number"] >= 1
    assert response["Id"] == chat.contact_id
    assert response["Arn"] == connect.describe_contact(**target)["Contact"]["Arn"]

    connect.associate_contact_with_user(**target, UserId="a1")
    expect_error("InvalidRequestException", connect.get_contact_metrics, **target, Metrics=[POSITION])
    # the assignment is a sample of the waiting time, so the next contact has an estimate
    next_contact = {"InstanceId": INSTANCE, "ContactId": start_chat(connect, "persistent").contact_id}
    waits = connect.get_contact_metrics(**next_contact, Metrics=[WAIT])["MetricResults"]
    assert [wait["Name"] for wait in waits] == ["ESTIMATED_WAIT_TIME"]
    assert waits[0]["Value"]["Number"] >= 0


def test_metrics_of_unknown_contact_are_not_found(connect: Any) -> None:
    unknown = {"InstanceId": INSTANCE, "ContactId": "nothing", "Metrics": [POSITION]}
    expect_error("ResourceNotFoundException", connect.get_contact_metrics, **unknown)


def test_agent_status_is_set_and_unknown_status_is_not_found(connect: Any) -> None:
    target = {"InstanceId": INSTANCE, "UserId": "a2"}
    assert set(connect.put_user_status(**target, AgentStatusId="offline")) == {"ResponseMetadata"}
    expect_error("ResourceNotFoundException", connect.put_user_status, **target, AgentStatusId="asleep")
