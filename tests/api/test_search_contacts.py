"""Every list, number, instant and choice of SearchContacts, at its limits and beyond."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import httpx
import pytest

from api.tokens import TokenKind
from tests.api.calls import ABSENT, Api, assert_refused, valid_body, with_member
from tests.compat.chats import Chat

IR, IP = "InvalidRequestException", "InvalidParameterException"
NOBODY = Chat("", "", "", "")
ATTRIBUTES = "SearchCriteria.SearchableContactAttributes"
CRITERIA = f"{ATTRIBUTES}.Criteria"
ONE = {"Key": "a", "Values": ["1"]}
FIRST, LAST = "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"
METHODS = (
    *("INBOUND", "OUTBOUND", "TRANSFER", "QUEUE_TRANSFER", "CALLBACK", "API", "DISCONNECT", "MONITOR"),
    *("EXTERNAL_OUTBOUND", "WEBRTC_API", "AGENT_REPLY", "FLOW"),
)
TIMESTAMPS = ("INITIATION", "SCHEDULED", "CONNECTED_TO_AGENT", "DISCONNECT")
UNSUPPORTED: dict[str, Any] = {
    "Name": {"SearchText": ["x"], "MatchType": "MATCH_ALL"},
    "AgentHierarchyGroups": {"L1Ids": ["x"]},
    "ContactAnalysis": {"Transcript": {"Criteria": []}},
    "RoutingCriteria": {"Steps": []},
    "AdditionalTimeRange": {"Criteria": [], "MatchType": "MATCH_ALL"},
    "SearchableSegmentAttributes": {"Criteria": [ONE]},
    "ActiveRegions": [],
    "ContactTags": {"TagCondition": {"TagKey": "x"}},
    "AiAgents": {},
    "OfALaterModel": False,
}

ACCEPTED: list[tuple[str, Any]] = [
    *[("TimeRange.Type", f"{name}_TIMESTAMP") for name in (*TIMESTAMPS, "ENQUEUE")],
    *[("TimeRange.StartTime", at) for at in (0, 0.0005, -1, 1_790_000_000.123, 4_000_000_000, FIRST, -62_135_596_800)],
    *[("TimeRange.StartTime", at) for at in ("2026-01-31T23:59:59", "2026-01-31T23:59:59.5+02:00", "2026-01-31")],
    *[("TimeRange.EndTime", at) for at in (4_000_000_000, 4e9, LAST, 253_402_300_799)],
    ("TimeRange", {"Type": "INITIATION_TIMESTAMP", "StartTime": LAST, "EndTime": LAST}),
    *[("MaxResults", n) for n in (1, 100, None)],
    *[("SearchCriteria", value) for value in (ABSENT, {}, {"Name": None})],
    *[("SearchCriteria.AgentIds", ids) for ids in ([], ["a1"] * 100, ["€" * 256])],
    *[("SearchCriteria.QueueIds", ids) for ids in ([], ["live"] * 100, [""], ["€" * 1000])],
    *[("SearchCriteria.Channels", value) for value in ([], ["VOICE", "CHAT", "TASK", "EMAIL"], ["CHAT"] * 101)],
    *[("SearchCriteria.InitiationMethods", value) for value in ([], METHODS, ["API"] * 101)],
    *[(CRITERIA, value) for value in ([], [ONE] * 15, [{"Key": "€" * 100, "Values": ["€" * 100, ""] * 10}])],
    *[(CRITERIA, [{"Key": key, "Values": []}]) for key in ('"', "$", "a.b", "\\", "'", "[0]")],
    *[(f"{ATTRIBUTES}.MatchType", f"MATCH_{how}") for how in ("ALL", "ANY", "EXACT", "NONE")],
    (f"{ATTRIBUTES}.MatchType", ABSENT),
    *[("Sort", value) for value in (ABSENT, None)],
    *[("Sort.FieldName", f"{name}_TIMESTAMP") for name in ("INITIATION", "CONNECTED_TO_AGENT", "DISCONNECT")],
    ("Sort.Order", "DESCENDING"),
    ("Unknown", 1),
]

REFUSED: list[tuple[str, Any, str]] = [
    *[("TimeRange", value, IR) for value in (ABSENT, None, "x", [], 1)],
    *[(f"TimeRange.{end}", value, IR) for end in ("StartTime", "EndTime") for value in (ABSENT, None, True, [], {})],
    *[("TimeRange.StartTime", value, IP) for value in (10**400, -(10**15), 1e308, math.nan, math.inf, -math.inf)],
    *[("TimeRange.EndTime", value, IP) for value in ("", "x", "0", "2026-02-30T00:00:00Z", "a\0", "1790000000.5")],
    *[("TimeRange.EndTime", value, IP) for value in ("0001-01-01T00:00:00+14:00", 253_402_300_800)],
    *[("TimeRange.StartTime", value, IP) for value in ("9999-12-31T23:59:59-14:00", -62_135_596_801)],
    ("TimeRange", {"Type": "INITIATION_TIMESTAMP", "StartTime": 1.001, "EndTime": 1}, IP),
    ("TimeRange", {"Type": "SCHEDULED_TIMESTAMP", "StartTime": 2, "EndTime": 1}, IP),
    *[("MaxResults", n, IP) for n in (0, -1, 101, 10**400)],
    *[("MaxResults", n, IR) for n in ("1", 1.5, True, [])],
    *[("SearchCriteria", value, IR) for value in ("x", [], 1)],
    *[(f"SearchCriteria.{name}", value, IR) for name, value in UNSUPPORTED.items()],
    *[("SearchCriteria.AgentIds", value, IP) for value in (["a1"] * 101, [""], ["a" * 257], ["a\0"])],
    *[("SearchCriteria.QueueIds", value, IP) for value in (["live"] * 101, ["a\0"])],
    *[(f"SearchCriteria.{ids}", value, IR) for ids in ("AgentIds", "QueueIds") for value in ("a1", {}, 1, [1], [None])],
    *[("SearchCriteria.Channels", value, IP) for value in (["chat"], ["SMOKE"], [1], ["CHAT", ""])],
    *[("SearchCriteria.Channels", value, IR) for value in ("CHAT", {}, 1)],
    *[("SearchCriteria.InitiationMethods", value, IP) for value in (["api"], ["SMOKE"], [1])],
    *[("SearchCriteria.InitiationMethods", value, IR) for value in ("API", {}, 1)],
    *[(ATTRIBUTES, value, IR) for value in ("x", [], 1, {})],
    *[(CRITERIA, value, IR) for value in (None, "x", {}, [1], [{}], [{"Key": "a"}], [{"Values": ["1"]}])],
    *[(CRITERIA, [{**ONE, "Key": key}], IP) for key in ("", "a" * 101, "€" * 101, "a\0")],
    *[(CRITERIA, [{**ONE, "Values": values}], IP) for values in (["1"] * 21, ["a" * 101], ["€" * 101], ["\0"])],
    *[(CRITERIA, [{**ONE, "Values": values}], IR) for values in (None, "1", {}, [1], [None])],
    (CRITERIA, [ONE] * 16, IP),
    *[("Sort", value, IR) for value in ("x", [], 1, {})],
    *[
        ("Sort.FieldName", name, IR)
        for name in ("SCHEDULED_TIMESTAMP", "INITIATION_METHOD", "CHANNEL", "EXPIRY_TIMESTAMP")
    ],
    ("Sort.FieldName", "ENQUEUE_TIMESTAMP", IP),
]


def short_id(value: Any) -> str:
    return "absent" if value is ABSENT else f"{value}"[:40]


def search_body(member: str = "Unknown", value: Any = ABSENT) -> dict[str, Any]:
    return with_member(valid_body("SearchContacts", NOBODY), member, value)


@pytest.mark.parametrize(("member", "value"), ACCEPTED, ids=short_id)
def test_valid_search_is_accepted(api: Api, member: str, value: Any) -> None:
    response = api.send("SearchContacts", search_body(member, value))
    assert response.status_code == 200, response.text


@pytest.mark.parametrize(("member", "value", "error"), REFUSED, ids=short_id)
def test_invalid_search_is_refused(api: Api, member: str, value: Any, error: str) -> None:
    assert_refused(api.send("SearchContacts", search_body(member, value)), 400, error, member)


def test_time_range_with_start_after_end_is_refused_with_reason(api: Api) -> None:
    refused = api.send("SearchContacts", search_body("TimeRange.StartTime", 4_000_000_000.001))
    assert_refused(refused, 400, IP, "TimeRange: StartTime must not be after EndTime")


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        (0, 0, True),
        (-0.001, 0.0004, True),
        (0.0004, 1, False),
        (0.001, 1, False),
        (-1, -0.001, False),
        (-1, -0.0004, False),
    ],
)
def test_time_range_includes_both_ends_to_the_millisecond(api: Api, start: float, end: float, found: bool) -> None:
    chat = api.start()
    at = api.send("DescribeContact", chat=chat).json()["Contact"]["InitiationTimestamp"]
    time_range = {"Type": "INITIATION_TIMESTAMP", "StartTime": at + start, "EndTime": at + end}
    contacts = api.send("SearchContacts", {"InstanceId": "demo", "TimeRange": time_range}).json()["Contacts"]
    assert (chat.contact_id in [contact["Id"] for contact in contacts]) is found


def next_token(api: Api) -> str:
    """Return the NextToken of a search that has a second page."""
    for _ in range(2):
        api.start(Attributes={"a": "1"})
    return api.send("SearchContacts", search_body("MaxResults", 1)).json()["NextToken"]


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("TimeRange.StartTime", 1),
        ("TimeRange.EndTime", 4_000_000_001),
        ("TimeRange.Type", "ENQUEUE_TIMESTAMP"),
        ("SearchCriteria", {}),
        ("SearchCriteria.AgentIds", ["a1"]),
        ("SearchCriteria.Channels", ["VOICE"]),
        ("SearchCriteria.InitiationMethods", ["API"]),
        (CRITERIA, [{"Key": "a", "Values": ["2"]}]),
        (f"{ATTRIBUTES}.MatchType", "MATCH_ANY"),
        ("Sort", ABSENT),
        ("Sort.Order", "DESCENDING"),
        ("Sort.FieldName", "DISCONNECT_TIMESTAMP"),
    ],
    ids=short_id,
)
def test_next_token_of_another_search_is_refused(api: Api, member: str, value: Any) -> None:
    refused = api.send("SearchContacts", {**search_body(member, value), "NextToken": next_token(api)})
    assert_refused(refused, 400, IP, "NextToken: belongs to another search")


def test_next_token_is_accepted_for_an_equivalent_search(api: Api) -> None:
    again = {
        **search_body("TimeRange.StartTime", "1970-01-01T00:00:00Z"),
        "NextToken": next_token(api),
        "MaxResults": 2,
    }
    again["InstanceId"] = "arn:aws:connect:x:1:instance/demo"
    assert api.send("SearchContacts", again).status_code == 200


def test_next_token_of_another_tenant_is_refused(tenants: Api) -> None:
    def search(instance: str, **members: Any) -> httpx.Response:
        query = {**search_body("SearchCriteria", {}), "InstanceId": instance, "MaxResults": 1, **members}
        return tenants.send("SearchContacts", query, token="secret-of-the-key-all")

    for _ in range(2):
        start = {**valid_body("StartChatContact", NOBODY), "InstanceId": "one"}
        tenants.send("StartChatContact", start, token="secret-of-the-key-all").raise_for_status()
    token_of_one = search("one").json()["NextToken"]
    assert search("one", NextToken=token_of_one).status_code == 200
    assert_refused(search("two", NextToken=token_of_one), 400, IP, "NextToken: belongs to another search")


def test_invalid_next_tokens_are_refused(api: Api) -> None:
    valid_token, chat = next_token(api), api.start(InitialMessage={"ContentType": "text/plain", "Content": "hello"})
    api.send("SendMessage", {"ContentType": "text/plain", "Content": "again"}, chat=chat).raise_for_status()
    transcript_token = api.send("GetTranscript", {"MaxResults": 1}, chat=chat).json()["NextToken"]
    head, claims, _ = valid_token.split(".")
    expired = api.tokens().make(TokenKind.PAGE, "contacts of demo", timedelta(seconds=-1))
    agent_token = api.tokens().make(TokenKind.AGENT, "contacts of demo")
    for invalid_token in ("x", f"{head}.{claims}.AAAA", transcript_token, chat.token, expired, agent_token):
        assert_refused(api.send("SearchContacts", {**search_body(), "NextToken": invalid_token}), 400, IP, "NextToken")
    assert_refused(
        api.send("GetTranscript", {"NextToken": valid_token}, chat=chat), 400, "ValidationException", "NextToken"
    )
    assert api.send("SearchContacts", {**search_body(), "NextToken": valid_token}).status_code == 200
