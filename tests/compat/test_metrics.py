"""GetContactMetrics and PutUserStatus through boto3."""

from __future__ import annotations

from typing import Any

from tests.compat.chats import INSTANCE, start
from tests.compat.talks import refused

POSITION, WAIT = {"Name": "POSITION_IN_QUEUE"}, {"Name": "ESTIMATED_WAIT_TIME"}


def test_a_contact_has_a_place_as_long_as_it_waits(connect: Any) -> None:
    chat = start(connect, "persistent")
    of = {"InstanceId": INSTANCE, "ContactId": chat.contact_id}
    told = connect.get_contact_metrics(**of, Metrics=[POSITION])
    (place,) = told["MetricResults"]
    assert place["Name"] == "POSITION_IN_QUEUE"
    assert place["Value"]["Number"] >= 1
    assert told["Id"] == chat.contact_id
    assert told["Arn"] == connect.describe_contact(**of)["Contact"]["Arn"]

    connect.associate_contact_with_user(**of, UserId="a1")
    refused("InvalidRequestException", connect.get_contact_metrics, **of, Metrics=[POSITION])
    # somebody was taken from the queue: now something can be said of the next one's wait
    later = {"InstanceId": INSTANCE, "ContactId": start(connect, "persistent").contact_id}
    waits = connect.get_contact_metrics(**later, Metrics=[WAIT])["MetricResults"]
    assert [wait["Name"] for wait in waits] == ["ESTIMATED_WAIT_TIME"]
    assert waits[0]["Value"]["Number"] >= 0


def test_a_contact_that_is_none(connect: Any) -> None:
    unknown = {"InstanceId": INSTANCE, "ContactId": "nothing", "Metrics": [POSITION]}
    refused("ResourceNotFoundException", connect.get_contact_metrics, **unknown)


def test_a_status_is_set(connect: Any) -> None:
    of = {"InstanceId": INSTANCE, "UserId": "a2"}
    assert set(connect.put_user_status(**of, AgentStatusId="offline")) == {"ResponseMetadata"}
    refused("ResourceNotFoundException", connect.put_user_status, **of, AgentStatusId="asleep")
