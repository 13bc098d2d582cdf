"""Users, queues, flows, instances and agent statuses through boto3: what a backend asks before and after a chat."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.calls import Api, served
from tests.compat.chat_client import expect_error
from tests.compat.shapes import validate_responses
from tests.stack import SECRET

ARN = "arn:aws:connect:local:000000000000:instance/shop"
AGENTS = {"ann": "Ann Lee", "bob": "Bob", "cem": "Cem van der Berg", "dora": "Dora Lee"}
MANY = 12

AGENT_TABLES = "\n".join(f'[instances.shop.agents.{user}]\nname = "{name}"' for user, name in AGENTS.items())
BRANCH_TABLES = "\n".join(
    f'[instances.branch-{number:02}.workstreams.live]\nmode = "live"\nqueue = "chat"' for number in range(MANY)
)

CONFIGURATION = f"""
[access_keys.perennial]
secret = "{SECRET}"
[access_keys.shop]
secret = "the secret of the shop"
instances = ["shop"]
[instances.shop.hours.office]
time_zone = "UTC"
[instances.shop.queues.orders]
hours = "office"
[instances.shop.queues.spare]
[instances.shop.workstreams.live]
mode = "live"
queue = "chat"
[instances.shop.workstreams.persistent]
mode = "persistent"
queue = "orders"
allowed_statuses = ["available"]
{AGENT_TABLES}
{BRANCH_TABLES}
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with served(tmp_path_factory.mktemp("shop"), CONFIGURATION) as api:
        yield api


@pytest.fixture(scope="module")
def connect(shop: Api) -> Any:
    return validate_responses(shop.stack.connect())


def all_of(connect: Any, operation: str, result: str, size: int, **members: Any) -> list[Any]:
    """All entries of a list, in pages of a size. Every page but the last is full."""
    pages = [*connect.get_paginator(operation).paginate(**members, PaginationConfig={"PageSize": size})]
    assert all(len(page[result]) == size for page in pages[:-1])
    return [entry for page in pages for entry in page[result]]


@pytest.mark.parametrize("user", ["ann", f"{ARN}/agent/ann"])
@pytest.mark.parametrize("instance", ["shop", ARN])
def test_user_is_described_by_id_and_arn(connect: Any, instance: str, user: str) -> None:
    assert connect.describe_user(InstanceId=instance, UserId=user)["User"] == {
        "Id": "ann",
        "Arn": f"{ARN}/agent/ann",
        "Username": "ann",
        "IdentityInfo": {"FirstName": "Ann", "LastName": "Lee"},
    }


def test_names_of_users_are_the_configured_ones(connect: Any) -> None:
    for user, name in AGENTS.items():
        info = connect.describe_user(InstanceId="shop", UserId=user)["User"]["IdentityInfo"]
        assert " ".join(filter(None, (info.get("FirstName"), info.get("LastName")))) == name


@pytest.mark.parametrize("size", [1, 3, 4, 5])
def test_lists_have_every_entry_once(connect: Any, size: int) -> None:
    users = all_of(connect, "list_users", "UserSummaryList", size, InstanceId="shop")
    assert [(user["Id"], user["Arn"]) for user in users] == [(user, f"{ARN}/agent/{user}") for user in AGENTS]
    queues = all_of(connect, "list_queues", "QueueSummaryList", size, InstanceId="shop", QueueTypes=["STANDARD"])
    assert [queue["Id"] for queue in queues] == ["chat", "orders", "spare"]
    flows = all_of(connect, "list_contact_flows", "ContactFlowSummaryList", size, InstanceId="shop")
    assert [flow["Id"] for flow in flows] == ["live", "persistent"]
    statuses = all_of(connect, "list_agent_statuses", "AgentStatusSummaryList", size, InstanceId="shop")
    assert [status["Id"] for status in statuses] == sorted(status["Id"] for status in statuses)
    assert len(statuses) == 5
    instances = all_of(connect, "list_instances", "InstanceSummaryList", size)
    assert [instance["Id"] for instance in instances] == [*(f"branch-{n:02}" for n in range(MANY)), "shop"]


def test_found_lists_have_every_entry_once(connect: Any) -> None:
    lee = {"StringCondition": {"FieldName": "LastName", "Value": "LEE", "ComparisonType": "EXACT"}}
    users = all_of(connect, "search_users", "Users", 1, InstanceId="shop", SearchCriteria=lee)
    assert [user["Id"] for user in users] == ["ann", "dora"]
    queues = all_of(connect, "search_queues", "Queues", 2, InstanceId="shop")
    assert [queue["QueueId"] for queue in queues] == ["chat", "orders", "spare"]


def test_page_continues_where_the_one_before_ended(connect: Any, shop: Api) -> None:
    first = connect.list_users(InstanceId="shop", MaxResults=2)
    table = "/v1/instances/shop/agents"
    headers = {"authorization": f"Bearer {SECRET}"}
    shop.http.put(f"{table}/abe", json={"name": "Abe"}, headers=headers).raise_for_status()
    try:
        second = connect.list_users(InstanceId="shop", MaxResults=2, NextToken=first["NextToken"])
        assert [user["Id"] for page in (first, second) for user in page["UserSummaryList"]] == [*AGENTS]
    finally:
        shop.http.delete(f"{table}/abe", headers=headers).raise_for_status()


def test_token_of_another_list_is_refused(connect: Any) -> None:
    token = connect.list_users(InstanceId="shop", MaxResults=1)["NextToken"]
    for arguments in ({"NextToken": token}, {"NextToken": "nonsense"}):
        expect_error("InvalidParameterException", connect.list_queues, InstanceId="shop", **arguments)
    expect_error("InvalidParameterException", connect.list_users, InstanceId="branch-00", NextToken=token)
    found = connect.search_users(InstanceId="shop", MaxResults=1)["NextToken"]
    other = {"StringCondition": {"FieldName": "Username", "Value": "a", "ComparisonType": "CONTAINS"}}
    search = {"InstanceId": "shop", "SearchCriteria": other, "NextToken": found}
    expect_error("InvalidParameterException", connect.search_users, **search)


@pytest.mark.parametrize("queue", ["orders", f"{ARN}/queue/orders"])
def test_queue_is_described_by_id_and_arn(connect: Any, queue: str) -> None:
    described = {"QueueId": "orders", "QueueArn": f"{ARN}/queue/orders", "Name": "orders", "Status": "ENABLED"}
    found = connect.describe_queue(InstanceId="shop", QueueId=queue)["Queue"]
    assert found == {**described, "HoursOfOperationId": "office"}
    assert connect.search_queues(
        InstanceId="shop",
        SearchCriteria={"StringCondition": {"FieldName": "name", "Value": "ORD", "ComparisonType": "STARTS_WITH"}},
    )["Queues"] == [found]
    assert "HoursOfOperationId" not in connect.describe_queue(InstanceId="shop", QueueId="chat")["Queue"]


def test_queue_that_an_agent_has_alone_does_not_exist(connect: Any) -> None:
    assert connect.list_queues(InstanceId="shop", QueueTypes=["AGENT"])["QueueSummaryList"] == []


def test_search_combines_conditions(connect: Any) -> None:
    def condition(field: str, value: str, comparison: str) -> dict[str, Any]:
        return {"StringCondition": {"FieldName": field, "Value": value, "ComparisonType": comparison}}

    lee, starts_with_a = condition("LastName", "lee", "EXACT"), condition("FirstName", "a", "STARTS_WITH")
    expected: list[tuple[dict[str, Any], list[str]]] = [
        ({}, [*AGENTS]),
        (lee, ["ann", "dora"]),
        ({"AndConditions": [lee, starts_with_a]}, ["ann"]),
        ({"OrConditions": [starts_with_a, condition("Username", "bob", "EXACT")]}, ["ann", "bob"]),
        (
            {"OrConditions": [starts_with_a, lee], "AndConditions": [condition("resourceId", "or", "CONTAINS")]},
            ["dora"],
        ),
        (condition("Username", "b", "EXACT"), []),
        ({"OrConditions": [], "AndConditions": []}, [*AGENTS]),
    ]
    for criteria, users in expected:
        found = connect.search_users(InstanceId="shop", SearchCriteria=criteria)
        assert [user["Id"] for user in found["Users"]] == users, criteria
        assert found["ApproximateTotalCount"] == len(users)


@pytest.mark.parametrize(
    ("operation", "members", "name"),
    [
        ("search_users", {"SearchFilter": {"TagFilter": {"TagCondition": {"TagKey": "a"}}}}, "TagFilter"),
        ("search_users", {"SearchFilter": {"UserAttributeFilter": {}}}, "UserAttributeFilter"),
        ("search_users", {"SearchCriteria": {"HierarchyGroupCondition": {"Value": "x"}}}, "HierarchyGroupCondition"),
        ("search_users", {"SearchCriteria": {"OrConditions": [{"ListCondition": {}}]}}, "ListCondition"),
        (
            "search_users",
            {"SearchCriteria": {"StringCondition": {"FieldName": "RoutingProfileId", "Value": "x"}}},
            "FieldName",
        ),
        ("search_queues", {"SearchFilter": {"TagFilter": {}}}, "TagFilter"),
        (
            "search_queues",
            {"SearchCriteria": {"StringCondition": {"FieldName": "description", "Value": "x"}}},
            "FieldName",
        ),
    ],
)
def test_filter_that_is_not_served_is_refused_by_name(
    connect: Any, operation: str, members: dict[str, Any], name: str
) -> None:
    message = expect_error("InvalidRequestException", getattr(connect, operation), InstanceId="shop", **members)
    assert name in message


def test_flows_are_the_workstreams(connect: Any) -> None:
    flow = connect.describe_contact_flow(InstanceId="shop", ContactFlowId=f"{ARN}/contact-flow/live")["ContactFlow"]
    assert flow == {
        "Id": "live",
        "Arn": f"{ARN}/contact-flow/live",
        "Name": "live",
        "Type": "CONTACT_FLOW",
        "State": "ACTIVE",
        "Status": "PUBLISHED",
    }
    # a backend starts its chat with what it has found
    connect.start_chat_contact(InstanceId=ARN, ContactFlowId=flow["Arn"], ParticipantDetails={"DisplayName": "Ada"})
    assert connect.list_contact_flows(InstanceId="shop", ContactFlowTypes=["CAMPAIGN"])["ContactFlowSummaryList"] == []


def test_types_of_statuses_follow_the_workstreams(connect: Any) -> None:
    listed = connect.list_agent_statuses(InstanceId="shop")["AgentStatusSummaryList"]
    assert {status["Name"]: status["Type"] for status in listed} == {
        "Available": "ROUTABLE",
        "Busy": "ROUTABLE",
        "Do not disturb": "CUSTOM",
        "Away": "CUSTOM",
        "Offline": "OFFLINE",
    }
    routable = connect.list_agent_statuses(InstanceId="shop", AgentStatusTypes=["ROUTABLE"])["AgentStatusSummaryList"]
    assert [status["Id"] for status in routable] == ["available", "busy"]
    for status in listed:
        connect.put_user_status(InstanceId="shop", UserId="ann", AgentStatusId=status["Arn"])


def test_key_of_one_instance_sees_no_other(shop: Api) -> None:
    limited = shop.http.get("/instance", headers={"authorization": "Bearer the secret of the shop"})
    assert [instance["Id"] for instance in limited.raise_for_status().json()["InstanceSummaryList"]] == ["shop"]


def test_instance_is_described(connect: Any) -> None:
    assert connect.describe_instance(InstanceId=ARN)["Instance"] == {
        "Id": "shop",
        "Arn": ARN,
        "InstanceAlias": "shop",
        "IdentityManagementType": "CONNECT_MANAGED",
        "InstanceStatus": "ACTIVE",
        "InboundCallsEnabled": False,
        "OutboundCallsEnabled": False,
    }


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("describe_user", {"UserId": "nobody"}),
        ("describe_queue", {"QueueId": "nowhere"}),
        ("describe_contact_flow", {"ContactFlowId": "nothing"}),
        *((name, {"InstanceId": "nowhere"}) for name in ("list_users", "list_queues", "list_contact_flows")),
        *((name, {"InstanceId": "nowhere"}) for name in ("search_users", "search_queues", "describe_instance")),
    ],
)
def test_what_does_not_exist_is_not_found(connect: Any, operation: str, members: dict[str, str]) -> None:
    expect_error("ResourceNotFoundException", getattr(connect, operation), **{"InstanceId": "shop", **members})
