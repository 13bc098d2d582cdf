"""GetCurrentMetricData and GetCurrentUserData through boto3, as a wallboard and a "may I offer chat" button ask them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.api.agent.agent_client import AgentClient, sign_in
from tests.api.calls import Api, served
from tests.compat.chat_client import expect_error
from tests.compat.chats import Chat, eventually
from tests.compat.shapes import validate_responses
from tests.stack import SECRET

pytestmark = pytest.mark.slow

ARN = "arn:aws:connect:local:000000000000:instance/demo"
CONFIGURATION = f"""
[access_keys.perennial]
secret = "{SECRET}"
[instances.demo.queues.empty]
[instances.demo.workstreams.persistent]
mode = "persistent"
queue = "pick"
distribution = "pick"
allowed_statuses = ["available"]
[instances.demo.workstreams.pushed]
mode = "persistent"
queue = "push"
allowed_statuses = ["available"]
[instances.demo.agents.ann]
name = "Ann"
queues = ["pick"]
capacity = 3
[instances.demo.agents.bob]
name = "Bob"
queues = ["pick", "push"]
capacity = 2
[instances.demo.agents.cem]
name = "Cem"
queues = ["push"]
"""
COUNTS = ("AGENTS_ONLINE", "AGENTS_AVAILABLE", "AGENTS_STAFFED", "AGENTS_NON_PRODUCTIVE", "AGENTS_ON_CONTACT")
SLOTS = ("SLOTS_ACTIVE", "SLOTS_AVAILABLE", "AGENTS_AFTER_CONTACT_WORK", "CONTACTS_IN_QUEUE")


@pytest.fixture
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with served(tmp_path_factory.mktemp("metrics"), CONFIGURATION) as api:
        yield api


@pytest.fixture
def connect(api: Api) -> Any:
    return validate_responses(api.stack.connect())


def metrics(*names: str) -> list[dict[str, str]]:
    seconds = ("OLDEST_CONTACT_AGE", "ESTIMATED_WAIT_TIME")
    return [{"Name": name, "Unit": "SECONDS" if name in seconds else "COUNT"} for name in names]


def by_queue(connect: Any, *names: str, **members: Any) -> dict[str, dict[str, float | None]]:
    """The values of metrics by queue."""
    answer = connect.get_current_metric_data(
        InstanceId="demo", Filters={}, Groupings=["QUEUE"], CurrentMetrics=metrics(*names), **members
    )
    assert abs(answer["DataSnapshotTime"] - datetime.now(UTC)) < timedelta(minutes=1)
    assert answer["ApproximateTotalCount"] == len(answer["MetricResults"])
    found: dict[str, dict[str, float | None]] = {}
    for result in answer["MetricResults"]:
        queue = result["Dimensions"]["Queue"]
        assert queue["Arn"] == f"{ARN}/queue/{queue['Id']}"
        found[queue["Id"]] = {each["Metric"]["Name"]: each.get("Value") for each in result["Collections"]}
    return found


def waiting_chat(api: Api, ann: AgentClient) -> Chat:
    chat = api.start()
    eventually(lambda: chat.contact_id in [each["contact_id"] for each in ann.waiting_contacts("pick")], "place")
    return chat


def test_a_day_in_figures(api: Api, connect: Any) -> None:
    ann, bob, cem = (sign_in(api, user) for user in ("ann", "bob", "cem"))
    ann.set_status("available")
    bob.set_status("away")
    assert by_queue(connect, *COUNTS, *SLOTS) == {
        "pick": dict(zip((*COUNTS, *SLOTS), (2, 1, 1, 1, 0, 0, 3, 0, 0), strict=True)),
        "push": dict(zip((*COUNTS, *SLOTS), (1, 0, 0, 1, 0, 0, 0, 0, 0), strict=True)),
        "empty": dict.fromkeys((*COUNTS, *SLOTS), 0),
    }
    chats = [waiting_chat(api, ann) for _ in range(3)]
    ann.pick(chats[0], "pick").raise_for_status()
    ann.pick(chats[1], "pick").raise_for_status()
    api.end(chats[1])
    eventually(lambda: ann.contacts()[chats[1].contact_id]["state"] == "WRAP_UP", "wrap-up")
    assert by_queue(connect, *COUNTS, *SLOTS)["pick"] == dict(
        zip((*COUNTS, *SLOTS), (2, 1, 1, 1, 1, 2, 1, 1, 1), strict=True)
    )
    ages = by_queue(connect, "OLDEST_CONTACT_AGE", "ESTIMATED_WAIT_TIME", "CONTACTS_SCHEDULED", "AGENTS_ERROR")
    assert 0 < (ages["pick"]["OLDEST_CONTACT_AGE"] or 0) < 60
    assert ages["pick"]["ESTIMATED_WAIT_TIME"] is not None
    assert ages["empty"] == {
        "OLDEST_CONTACT_AGE": 0,
        "ESTIMATED_WAIT_TIME": None,
        "CONTACTS_SCHEDULED": 0,
        "AGENTS_ERROR": 0,
    }
    cem.set_status("available")
    pushed = api.start("pushed")
    cem.wait_for_offer(pushed)
    assert by_queue(connect, "CONTACTS_IN_QUEUE", "SLOTS_ACTIVE", "AGENTS_ON_CONTACT")["push"] == {
        "CONTACTS_IN_QUEUE": 0,
        "SLOTS_ACTIVE": 1,
        "AGENTS_ON_CONTACT": 0,
    }
    assert_user_data(connect, chats, pushed)


def assert_user_data(connect: Any, chats: list[Chat], pushed: Chat) -> None:
    answer = connect.get_current_user_data(InstanceId="demo", Filters={})
    ann, bob, cem = answer["UserDataList"]
    assert answer["ApproximateTotalCount"] == 3
    assert (ann["User"], ann["Status"]["StatusName"]) == ({"Id": "ann", "Arn": f"{ARN}/agent/ann"}, "Available")
    assert ann["Status"]["StatusArn"] == f"{ARN}/agent-state/available"
    assert [ann[f"{kind}SlotsByChannel"] for kind in ("Max", "Active", "Available")] == [
        {"CHAT": 3},
        {"CHAT": 2},
        {"CHAT": 1},
    ]
    states = {contact["ContactId"]: contact["AgentContactState"] for contact in ann["Contacts"]}
    assert states == {chats[0].contact_id: "CONNECTED", chats[1].contact_id: "ENDED"}
    assert ann["Contacts"][0]["Queue"] == {"Id": "pick", "Arn": f"{ARN}/queue/pick"}
    assert (bob["Status"]["StatusName"], bob["Contacts"], bob["AvailableSlotsByChannel"]) == ("Away", [], {"CHAT": 0})
    assert [(each["ContactId"], each["AgentContactState"]) for each in cem["Contacts"]] == [
        (pushed.contact_id, "CONNECTING")
    ]

    def users(**filters: Any) -> list[str]:
        found = connect.get_current_user_data(InstanceId="demo", Filters=filters)["UserDataList"]
        return [data["User"]["Id"] for data in found]

    assert users(Queues=[f"{ARN}/queue/push"]) == ["bob", "cem"]
    assert users(Agents=[f"{ARN}/agent/ann", "bob"]) == ["ann", "bob"]
    assert users(ContactFilter={"ContactStates": ["CONNECTING", "ENDED"]}) == ["ann", "cem"]
    assert users(ContactFilter={"ContactStates": ["MISSED"]}) == []
    pages, token = list[str](), {}
    while True:
        page = connect.get_current_user_data(InstanceId="demo", Filters={}, MaxResults=1, **token)
        pages += [data["User"]["Id"] for data in page["UserDataList"]]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert pages == ["ann", "bob", "cem"]


def test_groups_and_order(api: Api, connect: Any) -> None:
    ann, bob = sign_in(api, "ann"), sign_in(api, "bob")
    for _ in range(2):
        waiting_chat(api, ann)
    ann.set_status("busy")
    bob.set_status("available")
    request = {"InstanceId": "demo", "Filters": {"Queues": ["pick", f"{ARN}/queue/push"], "Channels": ["CHAT"]}}

    online = {**request, "CurrentMetrics": metrics("AGENTS_ONLINE")}
    (whole,) = connect.get_current_metric_data(**online)["MetricResults"]
    assert (whole["Dimensions"], whole["Collections"][0]["Value"]) == ({}, 2)
    (chat,) = connect.get_current_metric_data(**online, Groupings=["CHANNEL"])["MetricResults"]
    assert chat["Dimensions"] == {"Channel": "CHAT"}

    by_status = connect.get_current_metric_data(**online, Groupings=["QUEUE", "AGENT_STATUS"])["MetricResults"]
    counted = {
        (each["Dimensions"]["Queue"]["Id"], each["Dimensions"]["AgentStatus"]["Id"]): each["Collections"][0]["Value"]
        for each in by_status
    }
    assert {key: value for key, value in counted.items() if value} == {
        ("pick", "available"): 1,
        ("pick", "busy"): 1,
        ("push", "available"): 1,
    }
    assert len(counted) == 8

    waiting = {**request, "CurrentMetrics": metrics("CONTACTS_IN_QUEUE"), "Groupings": ["QUEUE", "CHANNEL"]}
    for order, queues in (("ASCENDING", ["push", "pick"]), ("DESCENDING", ["pick", "push"])):
        criteria = [{"SortByMetric": "CONTACTS_IN_QUEUE", "SortOrder": order}]
        ids, token = list[str](), {}
        while True:
            page = connect.get_current_metric_data(**waiting, SortCriteria=criteria, MaxResults=1, **token)
            ids += [each["Dimensions"]["Queue"]["Id"] for each in page["MetricResults"]]
            if "NextToken" not in page:
                break
            token = {"NextToken": page["NextToken"]}
        assert ids == queues

    oldest = {**request, "CurrentMetrics": metrics("OLDEST_CONTACT_AGE")}
    (ungrouped,) = connect.get_current_metric_data(**oldest)["MetricResults"]
    grouped = connect.get_current_metric_data(**oldest, Groupings=["QUEUE"])["MetricResults"]
    seconds = max(each["Collections"][0]["Value"] for each in grouped)
    assert ungrouped["Collections"][0]["Value"] / 1_000 == pytest.approx(seconds, abs=10)
    voice = {"Filters": {"Channels": ["VOICE"]}, "CurrentMetrics": metrics("AGENTS_ONLINE")}
    assert connect.get_current_metric_data(InstanceId="demo", **voice)["MetricResults"] == []


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with served(tmp_path_factory.mktemp("idle"), CONFIGURATION) as api:
        yield validate_responses(api.stack.connect())


@pytest.mark.parametrize(
    ("members", "error", "name"),
    [
        ({"Filters": {"RoutingProfiles": ["x"]}}, "InvalidRequestException", "RoutingProfiles"),
        ({"Filters": {"AgentStatuses": ["x"]}}, "InvalidRequestException", "AgentStatuses"),
        ({"Filters": {"Queues": ["nowhere"]}}, "ResourceNotFoundException", "nowhere"),
        ({"Groupings": ["ROUTING_PROFILE"]}, "InvalidRequestException", "ROUTING_PROFILE"),
        ({"Groupings": ["AGENT_STATUS"]}, "InvalidRequestException", "AGENT_STATUS"),
        ({"Groupings": ["QUEUE", "AGENT_STATUS"]}, "InvalidRequestException", "AGENTS_ONLINE"),
        ({"CurrentMetrics": metrics("ESTIMATED_WAIT_TIME")}, "InvalidRequestException", "ESTIMATED_WAIT_TIME"),
        ({"SortCriteria": [{"SortByMetric": "ESTIMATED_WAIT_TIME"}]}, "InvalidRequestException", "SortCriteria"),
        ({"CurrentMetrics": [{"Name": "AGENTS_ONLINE", "Unit": "SECONDS"}]}, "InvalidParameterException", "COUNT"),
        ({"NextToken": "nonsense"}, "InvalidParameterException", "NextToken"),
    ],
)
def test_question_without_an_answer_is_refused(idle: Any, members: dict[str, Any], error: str, name: str) -> None:
    request = {"InstanceId": "demo", "Filters": {}, "CurrentMetrics": metrics("CONTACTS_IN_QUEUE"), **members}
    assert name in expect_error(error, idle.get_current_metric_data, **request)


@pytest.mark.parametrize(
    ("filters", "error", "name"),
    [
        ({"RoutingProfiles": ["x"]}, "InvalidRequestException", "RoutingProfiles"),
        ({"UserHierarchyGroups": ["x"]}, "InvalidRequestException", "UserHierarchyGroups"),
        ({"Agents": ["ann"], "Queues": ["pick"]}, "InvalidParameterException", "Queues"),
        ({"Agents": ["nobody"]}, "ResourceNotFoundException", "nobody"),
        ({"Queues": ["nowhere"]}, "ResourceNotFoundException", "nowhere"),
    ],
)
def test_filter_of_users_that_cannot_be_met_is_refused(
    idle: Any, filters: dict[str, Any], error: str, name: str
) -> None:
    assert name in expect_error(error, idle.get_current_user_data, InstanceId="demo", Filters=filters)


def test_agents_who_are_offline_are_left_out(idle: Any) -> None:
    assert idle.get_current_user_data(InstanceId="demo", Filters={})["UserDataList"] == []
