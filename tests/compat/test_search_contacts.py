"""SearchContacts through boto3."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from tests.compat.chats import INSTANCE, Chat, eventually, start_chat
from tests.stack import Stack

Contacts = list[dict[str, Any]]


def time_range(
    timestamp: str = "INITIATION", since: datetime | None = None, until: datetime | None = None
) -> dict[str, Any]:
    """Return a TimeRange, by default from one hour ago to one hour from now. boto3 sends whole seconds."""
    now = datetime.now(UTC)
    hour = timedelta(hours=1)
    return {"Type": f"{timestamp}_TIMESTAMP", "StartTime": since or now - hour, "EndTime": until or now + hour}


def with_attributes(**attributes: str) -> dict[str, Any]:
    criteria = [{"Key": key, "Values": [value]} for key, value in attributes.items()]
    return {"SearchableContactAttributes": {"Criteria": criteria}}


def search(connect: Any, run: str, timestamp: str = "INITIATION", **members: Any) -> Contacts:
    """Return the contacts of this test only."""
    criteria = {**members.pop("SearchCriteria", {}), **with_attributes(run=run)}
    response = connect.search_contacts(
        InstanceId=INSTANCE, TimeRange=time_range(timestamp), SearchCriteria=criteria, **members
    )
    assert "NextToken" not in response
    assert response["TotalCount"] == len(response["Contacts"])
    return response["Contacts"]


def ids(contacts: Contacts) -> list[str]:
    return [contact["Id"] for contact in contacts]


@pytest.fixture
def run() -> str:
    """Attribute value shared by the chats of this test and no others."""
    return f"{uuid4()}"


def start_transferred_chat(connect: Any, run: str) -> tuple[Chat, str]:
    """Start a chat and transfer it from a1 to a2; return it and the id of its second contact."""
    chat = start_chat(connect, Attributes={"run": run})
    connect.associate_contact_with_user(InstanceId=INSTANCE, ContactId=chat.contact_id, UserId="a1")
    second = connect.transfer_contact(
        InstanceId=INSTANCE, ContactId=chat.contact_id, ContactFlowId="live", UserId="a2"
    )["ContactId"]
    eventually(lambda: len(search(connect, run)) == 2, "second contact")
    return chat, second


def test_search_result_summarises_a_waiting_chat(connect: Any, run: str) -> None:
    segments = {"s": {"ValueString": "x"}, "m": {"ValueMap": {"n": {"ValueInteger": 1}}}, "n": {"ValueInteger": 1}}
    chat = start_chat(connect, Attributes={"run": run}, SegmentAttributes=segments)
    [contact] = search(connect, run)
    described = connect.describe_contact(InstanceId=INSTANCE, ContactId=chat.contact_id)["Contact"]
    assert contact == {
        **{name: described[name] for name in ("Arn", "Id", "InitialContactId", "InitiationMethod", "Channel")},
        **{name: described[name] for name in ("InitiationTimestamp", "QueueInfo")},
        "SegmentAttributes": {name: segments[name] for name in ("s", "m")},
    }


def test_each_contact_of_a_chat_is_a_separate_result(connect: Any, run: str) -> None:
    chat, second = start_transferred_chat(connect, run)
    connect.stop_contact(InstanceId=INSTANCE, ContactId=second)
    eventually(lambda: len(search(connect, run, "DISCONNECT")) == 2, "end of both contacts")
    latest, first = search(connect, run)
    assert (latest["Id"], first["Id"]) == (second, chat.contact_id)
    assert (latest["PreviousContactId"], latest["InitialContactId"]) == (chat.contact_id, chat.contact_id)
    assert (first["InitiationMethod"], latest["InitiationMethod"]) == ("API", "TRANSFER")
    for contact, agent in ((first, "a1"), (latest, "a2")):
        described = connect.describe_contact(InstanceId=INSTANCE, ContactId=contact["Id"])["Contact"]
        assert contact["AgentInfo"]["Id"] == agent
        assert contact["DisconnectTimestamp"] == described["DisconnectTimestamp"]
        assert contact["AgentInfo"].items() <= described["AgentInfo"].items()


def test_search_filters_by_agent_queue_initiation_and_channel(connect: Any, run: str) -> None:
    chat, second = start_transferred_chat(connect, run)
    waiting = start_chat(connect, "persistent", Attributes={"run": run}).contact_id
    agent = "arn:aws:connect:x:1:instance/demo/agent/a1"
    expected: list[tuple[dict[str, Any], set[str]]] = [
        ({}, {chat.contact_id, second, waiting}),
        ({"AgentIds": ["a1"]}, {chat.contact_id}),
        ({"AgentIds": [agent, "a2"]}, {chat.contact_id, second}),
        ({"QueueIds": ["persistent"]}, {waiting}),
        ({"QueueIds": ["arn:aws:connect:x:1:instance/demo/queue/live"]}, {chat.contact_id, second}),
        ({"InitiationMethods": ["API"]}, {chat.contact_id, waiting}),
        ({"InitiationMethods": ["API"], "AgentIds": ["a1", "a2"]}, {chat.contact_id}),
        ({"InitiationMethods": ["INBOUND"]}, set()),
        ({"Channels": ["CHAT", "VOICE"]}, {chat.contact_id, second, waiting}),
        ({"Channels": ["VOICE", "EMAIL"]}, set()),
    ]
    for criteria, contacts in expected:
        assert {*ids(search(connect, run, SearchCriteria=criteria))} == contacts, criteria


def test_search_filters_by_each_timestamp_type(connect: Any, run: str) -> None:
    chat, second = start_transferred_chat(connect, run)
    expected = {
        "INITIATION": {chat.contact_id, second},
        "ENQUEUE": {chat.contact_id, second},
        "DISCONNECT": {chat.contact_id},
        "SCHEDULED": set[str](),
    }
    for timestamp, contacts in expected.items():
        assert {*ids(search(connect, run, timestamp))} == contacts, timestamp
    connected = {c["Id"] for c in search(connect, run) if "ConnectedToAgentTimestamp" in c.get("AgentInfo", {})}
    assert {*ids(search(connect, run, "CONNECTED_TO_AGENT"))} == connected


def test_search_filters_by_time_range(connect: Any, run: str) -> None:
    start_chat(connect, Attributes={"run": run})
    now = datetime.now(UTC)
    for since, until, count in ((-60, 60, 1), (30, 60, 0), (-60, -30, 0)):
        searched = time_range("INITIATION", now + timedelta(seconds=since), now + timedelta(seconds=until))
        response = connect.search_contacts(
            InstanceId=INSTANCE, TimeRange=searched, SearchCriteria=with_attributes(run=run)
        )
        assert (len(response["Contacts"]), response["TotalCount"]) == (count, count)


def test_search_matches_attributes(connect: Any, run: str) -> None:
    bees = start_chat(connect, Attributes={"run": run, "topic": "bees", "tier": "gold"}).contact_id
    wasps = start_chat(connect, Attributes={"run": run, "topic": "wasps"}).contact_id
    both = {"Key": "run", "Values": [run]}
    expected: list[tuple[str, list[dict[str, Any]], set[str]]] = [
        ("MATCH_ALL", [both, {"Key": "topic", "Values": ["bees", "ants"]}], {bees}),
        ("MATCH_EXACT", [both, {"Key": "topic", "Values": ["Bees", "wasps"]}], {wasps}),
        ("MATCH_ANY", [both, {"Key": "topic", "Values": ["bees"]}], {bees, wasps}),
        ("MATCH_NONE", [{"Key": "topic", "Values": ["bees"]}], {wasps}),
        ("MATCH_NONE", [both], set()),
    ]
    for match, criteria, contacts in expected:
        attributes = {"Criteria": criteria, "MatchType": match}
        response = connect.search_contacts(
            InstanceId=INSTANCE, TimeRange=time_range(), SearchCriteria={"SearchableContactAttributes": attributes}
        )
        assert {*ids(response["Contacts"])} & {bees, wasps} == contacts, (match, criteria)
    connect.update_contact_attributes(InstanceId=INSTANCE, InitialContactId=wasps, Attributes={"run": "no longer"})
    assert ids(search(connect, run)) == [bees]


def test_search_sorts_by_initiation_time(connect: Any, run: str) -> None:
    started = [start_chat(connect, Attributes={"run": run}).contact_id for _ in range(4)]
    for order, expected in (("ASCENDING", started), ("DESCENDING", started[::-1])):
        assert ids(search(connect, run, Sort={"FieldName": "INITIATION_TIMESTAMP", "Order": order})) == expected
    assert ids(search(connect, run)) == started[::-1]


def test_running_contacts_come_last_when_sorted_by_disconnect_time(connect: Any, run: str) -> None:
    chats = [start_chat(connect, Attributes={"run": run}).contact_id for _ in range(3)]
    for contact in (chats[1], chats[0]):
        connect.stop_contact(InstanceId=INSTANCE, ContactId=contact)
        eventually(lambda ended=contact: ended in ids(search(connect, run, "DISCONNECT")), "end")
    for order, expected in (("ASCENDING", [1, 0, 2]), ("DESCENDING", [0, 1, 2])):
        found = search(connect, run, Sort={"FieldName": "DISCONNECT_TIMESTAMP", "Order": order})
        assert ids(found) == [chats[n] for n in expected]


@pytest.mark.parametrize("size", [1, 2, 5, 6])
def test_paginator_returns_every_contact_once(connect: Any, run: str, size: int) -> None:
    started = [start_chat(connect, Attributes={"run": run}).contact_id for _ in range(5)]
    pages = [
        *connect.get_paginator("search_contacts").paginate(
            InstanceId=INSTANCE,
            TimeRange=time_range(),
            SearchCriteria=with_attributes(run=run),
            PaginationConfig={"PageSize": size},
        )
    ]
    assert [len(page["Contacts"]) for page in pages] == [size] * (5 // size) + ([5 % size] if 5 % size else [])
    assert [contact["Id"] for page in pages for contact in page["Contacts"]] == started[::-1]
    assert {page["TotalCount"] for page in pages} == {5}


def test_chat_started_between_pages_does_not_shift_them(connect: Any, run: str) -> None:
    started = [start_chat(connect, Attributes={"run": run}).contact_id for _ in range(3)]
    query = {"InstanceId": INSTANCE, "TimeRange": time_range(), "SearchCriteria": with_attributes(run=run)}
    first = connect.search_contacts(**query, MaxResults=2)
    start_chat(connect, Attributes={"run": run})
    rest = connect.search_contacts(**query, NextToken=first["NextToken"])
    assert ids(first["Contacts"] + rest["Contacts"]) == started[::-1]
    assert (rest["TotalCount"], "NextToken" in rest) == (3, False)


@pytest.mark.parametrize(
    ("changes", "error", "why"),
    [
        ({"InstanceId": "nowhere"}, "ResourceNotFoundException", "InstanceId"),
        (
            {"TimeRange": time_range("INITIATION", datetime(2026, 2, 2), datetime(2026, 2, 1))},
            "InvalidParameter",
            "after",
        ),
        ({"NextToken": "x"}, "InvalidParameterException", "NextToken"),
        ({"SearchCriteria": {"ActiveRegions": ["local-x"]}}, "InvalidRequestException", "SearchCriteria.ActiveRegions"),
        ({"Sort": {"FieldName": "CHANNEL", "Order": "ASCENDING"}}, "InvalidRequestException", "Sort.FieldName"),
    ],
)
def test_invalid_searches_are_refused(connect: Any, changes: dict[str, Any], error: str, why: str) -> None:
    with pytest.raises(ClientError, match=error) as refused:
        connect.search_contacts(**{"InstanceId": INSTANCE, "TimeRange": time_range(), **changes})
    assert why in str(refused.value)


def test_wrong_secret_key_is_denied(stack: Stack) -> None:
    client = stack.connect(aws_secret_access_key="wrong")
    with pytest.raises(ClientError, match="InvalidSignatureException"):
        client.search_contacts(InstanceId=INSTANCE, TimeRange=time_range())
