"""UpdateContact, TagContact, UntagContact, ListContactReferences, ListAssociatedContacts and what follows through boto3."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.compat.chat_client import ChatClient, describe, expect_error
from tests.compat.chat_client import start_chat as start_client
from tests.compat.chats import EVENT, INSTANCE, Chat, eventually, join_as_agent, send_message, start_chat
from tests.stack import SECRET, Stack

EVERY_TYPE = ["URL", "NUMBER", "STRING", "DATE", "EMAIL", "ATTACHMENT"]


@pytest.fixture
def chat(connect: Any) -> Chat:
    return start_chat(connect, "persistent")


def contact(chat: Chat) -> dict[str, str]:
    return {"InstanceId": INSTANCE, "ContactId": chat.contact_id}


def test_contact_has_the_name_and_description_that_it_was_given(connect: Any, chat: Chat) -> None:
    before = connect.describe_contact(**contact(chat))["Contact"]
    assert not {"Name", "Description", "Tags"} & before.keys()
    connect.update_contact(**contact(chat), Name="Order 7", Description="It is late.")
    connect.update_contact(**contact(chat), Description="")
    after = connect.describe_contact(**contact(chat))["Contact"]
    assert (after["Name"], after["Description"]) == ("Order 7", "")
    assert after["LastUpdateTimestamp"] > before["LastUpdateTimestamp"]


def test_references_are_listed_by_type(connect: Any, chat: Chat) -> None:
    references = {
        "order": {"Type": "URL", "Value": "https://shop.example/7"},
        "count": {"Type": "NUMBER", "Value": "7"},
        "note": {"Type": "STRING", "Value": "é€😀"},
        "since": {"Type": "DATE", "Value": "1790000000"},
        "from": {"Type": "EMAIL", "Value": "ada@example.org"},
    }
    connect.update_contact(**contact(chat), References=references)
    connect.update_contact(**contact(chat), References={"count": {"Type": "NUMBER", "Value": "8"}})
    listed = connect.list_contact_references(**contact(chat), ReferenceTypes=EVERY_TYPE)["ReferenceSummaryList"]
    assert listed == [
        {"Number": {"Name": "count", "Value": "8"}},
        {"Email": {"Name": "from", "Value": "ada@example.org"}},
        {"String": {"Name": "note", "Value": "é€😀"}},
        {"Url": {"Name": "order", "Value": "https://shop.example/7"}},
        {"Date": {"Name": "since", "Value": "1790000000"}},
    ]
    urls = connect.list_contact_references(**contact(chat), ReferenceTypes=["URL"])["ReferenceSummaryList"]
    assert urls == [{"Url": {"Name": "order", "Value": "https://shop.example/7"}}]


def test_agent_reads_what_backends_have_noted(stack: Stack, connect: Any, participant: Any) -> None:
    chat = start_chat(connect)
    join_as_agent(stack, connect, participant, chat)
    noted = {"Name": "Order 7", "References": {"order": {"Type": "URL", "Value": "https://shop.example/7"}}}
    connect.update_contact(**contact(chat), **noted)
    key = {"authorization": f"Bearer {SECRET}"}
    body = {"instance": INSTANCE, "user": "a1"}
    token = httpx.post(f"{stack.url}/v1/agents/sign-in", json=body, headers=key).json()["token"]
    listed = httpx.get(f"{stack.url}/v1/agent/contacts", headers={"authorization": f"Bearer {token}"}).json()[
        "contacts"
    ]
    (found,) = (each for each in listed if each["contact_id"] == chat.contact_id)
    assert (found["name"], found["description"]) == ("Order 7", None)
    assert found["references"] == {"order": {"type": "URL", "value": "https://shop.example/7"}}


def test_references_have_pages(connect: Any, chat: Chat) -> None:
    names = [f"n{number:03}" for number in range(230)]
    connect.update_contact(**contact(chat), References={name: {"Type": "STRING", "Value": "x"} for name in names})
    pages = connect.get_paginator("list_contact_references").paginate(**contact(chat), ReferenceTypes=["STRING"])
    assert [each["String"]["Name"] for page in pages for each in page["ReferenceSummaryList"]] == names


def test_references_of_a_contact_are_limited(connect: Any, chat: Chat) -> None:
    half = {"Type": "STRING", "Value": "€" * 1_365}  # 4,095 bytes
    connect.update_contact(**contact(chat), References={f"{number}": half for number in range(8)})
    more = {**contact(chat), "References": {"more": {"Type": "STRING", "Value": "x"}}}
    assert "32768" in expect_error("InvalidParameterException", connect.update_contact, **more)
    listed = connect.list_contact_references(**contact(chat), ReferenceTypes=["STRING"])["ReferenceSummaryList"]
    assert len(listed) == 8


@pytest.mark.parametrize(
    ("members", "error", "name"),
    [
        ({}, "InvalidRequestException", "at least one of Name, Description, References"),
        ({"QueueInfo": {"Id": "live"}}, "InvalidRequestException", "QueueInfo"),
        ({"UserInfo": {"UserId": "a1"}}, "InvalidRequestException", "UserInfo"),
        (
            {"Name": "n", "SegmentAttributes": {"a": {"ValueString": "x"}}},
            "InvalidRequestException",
            "SegmentAttributes",
        ),
        ({"References": {"a": {"Type": "ATTACHMENT", "Value": "x"}}}, "InvalidParameterException", "Type"),
        ({"References": {"a": {"Type": "URL", "Arn": "arn:aws:connect:x:1:y"}}}, "InvalidRequestException", "Arn"),
        ({"Name": "x" * 1_025}, "InvalidParameterException", "Name"),
    ],
)
def test_change_that_is_not_served_is_refused(
    connect: Any, chat: Chat, members: dict[str, Any], error: str, name: str
) -> None:
    assert name in expect_error(error, connect.update_contact, **contact(chat), **members)
    assert "Name" not in connect.describe_contact(**contact(chat))["Contact"]


def test_tags_are_set_replaced_and_removed(connect: Any, chat: Chat) -> None:
    connect.tag_contact(**contact(chat), Tags={"cost:centre": "7", "team": "a"})
    connect.tag_contact(**contact(chat), Tags={"team": "b", **{letter: letter for letter in "wxyz"}})
    tags = {"cost:centre": "7", "team": "b", **{letter: letter for letter in "wxyz"}}
    assert connect.describe_contact(**contact(chat))["Contact"]["Tags"] == tags
    assert "6 tags" in expect_error(
        "InvalidParameterException", connect.tag_contact, **contact(chat), Tags={"more": "1"}
    )
    connect.untag_contact(**contact(chat), TagKeys=["cost:centre", "unknown"])
    connect.untag_contact(**contact(chat), TagKeys=[*"wxyz"])
    assert connect.describe_contact(**contact(chat))["Contact"]["Tags"] == {"team": "b"}
    for key in ("aws:x", "é", "a b"):
        expect_error("InvalidParameterException", connect.tag_contact, **contact(chat), Tags={key: "1"})


def test_details_belong_to_one_contact_and_outlive_it(stack: Stack, connect: Any) -> None:
    client = start_client(stack).assign("a1")
    first = {"InstanceId": INSTANCE, "ContactId": client.id}
    connect.update_contact(**first, Name="first")
    second = client.transfer(client.id, UserId="a2")
    assert "Name" not in describe(stack, second)
    client.end()
    connect.update_contact(InstanceId=INSTANCE, ContactId=second, Name="second")
    connect.tag_contact(**first, Tags={"a": "1"})
    assert [describe(stack, each)["Name"] for each in (client.id, second)] == ["first", "second"]


def tree(connect: Any, contact_id: str, size: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    token: dict[str, str] = {}
    while True:
        page = connect.list_associated_contacts(InstanceId=INSTANCE, ContactId=contact_id, MaxResults=size, **token)
        found += page["ContactSummaryList"]
        if "NextToken" not in page:
            return found
        assert len(page["ContactSummaryList"]) == size
        token = {"NextToken": page["NextToken"]}


@pytest.mark.parametrize("size", [1, 2, 4, 100])
def test_tree_has_transfers_and_rehydrations(stack: Stack, connect: Any, size: int) -> None:
    chat = start_client(stack).send("one").assign("a1")
    second = chat.transfer(chat.id, UserId="a2")
    chat.end()
    again = start_client(stack, second).send("two").end()
    third: ChatClient = start_client(stack, again.id)
    start_client(stack)  # of somebody else
    expected = [chat.id, second, again.id, third.id]
    found, *others = [tree(connect, contact_id, size) for contact_id in expected]
    assert [each["ContactId"] for each in found] == expected
    assert all(other == found for other in others)
    assert [each["InitiationMethod"] for each in found] == ["API", "TRANSFER", "API", "API"]
    assert [each["InitialContactId"] for each in found] == [chat.id, chat.id, again.id, third.id]
    assert found[1]["PreviousContactId"] == chat.id
    assert found[2]["RelatedContactId"] == second
    assert ["DisconnectTimestamp" in each for each in found] == [True, True, True, False]
    third.end()


def test_priority_moves_a_contact_in_its_queue(stack: Stack, connect: Any) -> None:
    queue = "persistent-survey"
    chats = [start_chat(connect, queue) for _ in range(3)]

    def position(chat: Chat) -> float:
        metric = [{"Name": "POSITION_IN_QUEUE"}]
        return connect.get_contact_metrics(**contact(chat), Metrics=metric)["MetricResults"][0]["Value"]["Number"]

    first, _, last = chats
    places = [position(chat) for chat in chats]
    assert places == sorted(places)
    connect.update_contact_routing_data(**contact(last), QueuePriority=1)
    assert position(last) < position(first)
    connect.update_contact_routing_data(**contact(last), QueuePriority=2**62)
    assert position(last) > position(first)
    connect.update_contact_routing_data(**contact(last), QueuePriority=5)
    connect.update_contact_routing_data(**contact(last), QueueTimeAdjustmentSeconds=3600)
    assert position(last) < position(first)
    connect.update_contact_routing_data(**contact(last), QueueTimeAdjustmentSeconds=-3600)
    assert position(last) > position(first)
    both = {"QueuePriority": 1, "QueueTimeAdjustmentSeconds": 60}
    expect_error("InvalidParameterException", connect.update_contact_routing_data, **contact(last), **both)
    expect_error(
        "InvalidParameterException",
        connect.update_contact_routing_data,
        **contact(last),
        QueueTimeAdjustmentSeconds=2**31,
    )
    for chat in chats:
        connect.stop_contact(**contact(chat))
        eventually(lambda chat=chat: "DisconnectTimestamp" in describe(stack, chat.contact_id), "end")
    expect_error("InvalidParameterException", connect.update_contact_routing_data, **contact(last), QueuePriority=1)


def test_dismissed_contact_is_closed(stack: Stack, connect: Any, participant: Any) -> None:
    chat = start_chat(connect)
    join_as_agent(stack, connect, participant, chat)
    dismissal = {"InstanceId": INSTANCE, "UserId": "a1", "ContactId": chat.contact_id}
    expect_error("InvalidRequestException", connect.dismiss_user_contact, **dismissal)
    connect.dismiss_user_contact(**{**dismissal, "UserId": "a2"})  # who has nothing of it
    connect.stop_contact(**contact(chat))
    eventually(lambda: "DisconnectTimestamp" in describe(stack, chat.contact_id), "end")
    for _ in range(2):
        connect.dismiss_user_contact(**dismissal)
    info = describe(stack, chat.contact_id)["AgentInfo"]
    assert "AfterContactWorkEndTimestamp" in info
    for unknown in ({"UserId": "nobody"}, {"ContactId": "nothing"}):
        expect_error("ResourceNotFoundException", connect.dismiss_user_contact, **{**dismissal, **unknown})


def segments(connect: Any, chat: Chat, *types: str, size: int = 100) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    token: dict[str, str] = {}
    while True:
        page = connect.list_realtime_contact_analysis_segments_v2(
            **contact(chat), OutputType="Raw", SegmentTypes=[*types], MaxResults=size, **token
        )
        assert page["Channel"] == "CHAT"
        found += page["Segments"]
        if "NextToken" not in page:
            return found
        token = {"NextToken": page["NextToken"]}


@pytest.mark.parametrize("size", [1, 3, 100])
def test_segments_are_the_transcript(stack: Stack, connect: Any, participant: Any, size: int) -> None:
    chat = start_chat(connect)
    agent = join_as_agent(stack, connect, participant, chat)
    asked = send_message(participant, chat, "hello é€😀")
    answered = send_message(participant, agent, "hi")
    spoken = segments(connect, chat, "Transcript", size=size)
    people = [each["Transcript"] for each in spoken if each["Transcript"]["ParticipantRole"] != "SYSTEM"]
    assert [(each["Id"], each["Content"], each["ParticipantRole"]) for each in people] == [
        (asked, "hello é€😀", "CUSTOMER"),
        (answered, "hi", "AGENT"),
    ]
    assert [each["ParticipantId"] for each in people] == [chat.participant_id, agent.participant_id]
    events = segments(connect, chat, "Event", size=size)
    assert EVENT + "participant.joined" in [each["Event"]["EventType"] for each in events]
    both = segments(connect, chat, "Transcript", "Event", size=size)
    assert len(both) == len(spoken) + len(events)
    assert segments(connect, chat, "Categories", "Issues", "Attachments", "PostContactSummary", size=size) == []


def test_status_of_segments_follows_the_contact(stack: Stack, connect: Any) -> None:
    chat = start_chat(connect)
    request = {**contact(chat), "OutputType": "Raw", "SegmentTypes": ["Event"]}
    assert connect.list_realtime_contact_analysis_segments_v2(**request)["Status"] == "IN_PROGRESS"
    connect.stop_contact(**contact(chat))
    eventually(lambda: "DisconnectTimestamp" in describe(stack, chat.contact_id), "end")
    assert connect.list_realtime_contact_analysis_segments_v2(**request)["Status"] == "COMPLETED"
    redacted = {**request, "OutputType": "Redacted"}
    expect_error("InvalidRequestException", connect.list_realtime_contact_analysis_segments_v2, **redacted)


def test_start_that_asks_for_more_than_is_served_is_refused(connect: Any) -> None:
    start = {"InstanceId": INSTANCE, "ParticipantDetails": {"DisplayName": "Ada"}}
    incremental = {"ContactFlowId": "live", "ParticipantConfiguration": {"ResponseMode": "INCREMENTAL"}}
    message = expect_error("InvalidRequestException", connect.start_chat_contact, **start, **incremental)
    assert "ParticipantConfiguration.ResponseMode" in message
    staying = {"ContactFlowId": "persistent", "DisconnectOnCustomerExit": ["AGENT"]}
    assert "DisconnectOnCustomerExit" in expect_error(
        "InvalidRequestException", connect.start_chat_contact, **start, **staying
    )
