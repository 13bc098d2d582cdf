"""botocore's input shapes against our request models: what a model of AWS allows is accepted, and what it forbids is refused.

Each body is changed at one place: a member is left out, a text or list is made too short or too long, a number is moved to its
ends and beyond, each value of an enumeration is tried. The differences that are meant are listed with their reasons.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import pytest
from pydantic import BaseModel, ValidationError

from api.reference import SERVICES, ServedOperation, served_operations
from tests.api.calls import timer

OPERATIONS = {operation.name: operation for service in SERVICES for operation in served_operations(service)}
STRANGE = "\u20ac\n"
LONGEST = 100_000
"""Longer texts are not tried: bodies have 1,000,000 bytes at most."""


class Change(NamedTuple):
    """A change of a value at one place, and whether AWS allows it."""

    path: str
    what: str
    value: Any
    is_allowed: bool


_CHAT = {"InstanceId": "i", "ContactId": "c"}
_MEMBER = {"FieldName": "Username", "Value": "a", "ComparisonType": "EXACT"}

BODIES: Mapping[str, list[dict[str, Any]]] = {
    "StartChatContact": [
        {
            "InstanceId": "i",
            "ContactFlowId": "f",
            "Attributes": {"a": "1"},
            "ParticipantDetails": {"DisplayName": "Ada"},
            "ParticipantConfiguration": {"ResponseMode": "COMPLETE"},
            "InitialMessage": {"ContentType": "text/plain", "Content": "hello"},
            "ClientToken": "t",
            "ChatDurationInMinutes": 60,
            "SupportedMessagingContentTypes": ["text/plain"],
            "PersistentChat": {"RehydrationType": "FROM_SEGMENT", "SourceContactId": "c"},
            "RelatedContactId": "c",
            "SegmentAttributes": {"a": {"ValueString": "x"}},
            "CustomerId": "x",
            "DisconnectOnCustomerExit": ["AGENT"],
            "ConnectionTypes": ["WEBSOCKET"],
        },
        *(
            {
                "InstanceId": "i",
                "ContactFlowId": "f",
                "ParticipantDetails": {"DisplayName": "Ada"},
                "SegmentAttributes": {"a": value},
            }
            for value in (
                {"ValueMap": {"b": {"ValueString": "x"}}},
                {"ValueInteger": 1},
                {"ValueList": [{"ValueString": "x"}]},
                {"ValueArn": "x"},
            )
        ),
    ],
    "StopContact": [_CHAT],
    "TransferContact": [{**_CHAT, "ContactFlowId": "f", "QueueId": "q", "UserId": "u", "ClientToken": "t"}],
    "CreateParticipant": [
        {
            **_CHAT,
            "ClientToken": "t",
            "ParticipantDetails": {"ParticipantRole": "CUSTOM_BOT", "DisplayName": "Bot"},
        }
    ],
    "CreatePersistentContactAssociation": [
        {"RehydrationType": "FROM_SEGMENT", "SourceContactId": "c", "ClientToken": "t"}
    ],
    "UpdateParticipantRoleConfig": [
        {"ChannelConfiguration": {"Chat": {"ParticipantTimerConfigList": [timer("CUSTOMER", "IDLE", **value)]}}}
        for value in ({"ParticipantTimerDurationInMinutes": 2}, {"ParticipantTimerAction": "Unset"})
    ],
    "SearchContacts": [
        {
            "InstanceId": "i",
            "TimeRange": {"Type": "INITIATION_TIMESTAMP", "StartTime": 0, "EndTime": 1},
            "SearchCriteria": {
                "AgentIds": ["a"],
                "Channels": ["CHAT"],
                "InitiationMethods": ["API"],
                "QueueIds": ["q"],
                "SearchableContactAttributes": {
                    "Criteria": [{"Key": "a", "Values": ["1"]}],
                    "MatchType": "MATCH_ALL",
                },
            },
            "MaxResults": 1,
            "NextToken": "t",
            "Sort": {"FieldName": "INITIATION_TIMESTAMP", "Order": "ASCENDING"},
        }
    ],
    "UpdateContact": [
        {"Name": "n", "Description": "d", "References": {"a": {"Type": "URL", "Value": "v"}}},
    ],
    "TagContact": [{**_CHAT, "Tags": {"a": "1"}}],
    "UpdateContactAttributes": [{"InstanceId": "i", "InitialContactId": "c", "Attributes": {"a": "1"}}],
    "AssociateContactWithUser": [{"UserId": "u"}],
    "UpdateContactRoutingData": [{"QueuePriority": 1}],
    "ListRealtimeContactAnalysisSegmentsV2": [
        {"MaxResults": 1, "NextToken": "t", "OutputType": "Raw", "SegmentTypes": ["Event"]}
    ],
    "GetContactMetrics": [{**_CHAT, "Metrics": [{"Name": "POSITION_IN_QUEUE"}]}],
    "GetCurrentMetricData": [
        {
            "Filters": {"Queues": ["q"], "Channels": ["CHAT"]},
            "Groupings": ["QUEUE"],
            "CurrentMetrics": [{"Name": "AGENTS_ONLINE", "Unit": "COUNT"}],
            "NextToken": "t",
            "MaxResults": 1,
            "SortCriteria": [{"SortByMetric": "AGENTS_ONLINE", "SortOrder": "ASCENDING"}],
        }
    ],
    "GetCurrentUserData": [
        {
            "Filters": {**users, "ContactFilter": {"ContactStates": ["CONNECTED"]}},
            "NextToken": "t",
            "MaxResults": 1,
        }
        for users in ({"Queues": ["q"]}, {"Agents": ["a"]})
    ],
    "PutUserStatus": [{"AgentStatusId": "offline"}],
    "SearchUsers": [
        {
            "InstanceId": "i",
            "NextToken": "t",
            "MaxResults": 1,
            "SearchFilter": {},
            "SearchCriteria": {
                "OrConditions": [{"StringCondition": _MEMBER}],
                "AndConditions": [{"StringCondition": _MEMBER}],
                "StringCondition": _MEMBER,
            },
        }
    ],
    "SearchQueues": [
        {
            "InstanceId": "i",
            "NextToken": "t",
            "MaxResults": 1,
            "SearchFilter": {},
            "SearchCriteria": {
                "OrConditions": [{"StringCondition": _MEMBER}],
                "AndConditions": [{"StringCondition": _MEMBER}],
                "StringCondition": _MEMBER,
                "QueueTypeCondition": "STANDARD",
            },
        }
    ],
    "DismissUserContact": [{"ContactId": "c"}],
    "CreateParticipantConnection": [{"Type": ["WEBSOCKET"], "ConnectParticipant": True}],
    "DisconnectParticipant": [{"ClientToken": "t"}],
    "SendMessage": [{"ContentType": "text/plain", "Content": "hello", "ClientToken": "t"}],
    "SendEvent": [
        {
            "ContentType": "application/vnd.amazonaws.connect.event.typing",
            "Content": "{}",
            "ClientToken": "t",
        }
    ],
    "GetTranscript": [
        {
            "ContactId": "c",
            "MaxResults": 1,
            "NextToken": "t",
            "ScanDirection": "FORWARD",
            "SortOrder": "ASCENDING",
            "StartPosition": start,
        }
        for start in ({"Id": "i"}, {"AbsoluteTime": "2026-01-31T00:00:00.000Z"}, {"MostRecent": 1})
    ],
}
"""Bodies that together have each member that is served."""

_OF_THE_METRIC = "each metric has one unit"
_ONE_MEMBER = "exactly one member is needed, which AWS says in words"

DIFFERENCES: Mapping[tuple[str, str, str], str] = {
    ("StartChatContact", "InitialMessage.ContentType", "longest"): "an enumeration in AWS's words",
    ("StartChatContact", "SupportedMessagingContentTypes[[]]", "longest"): "an enumeration in AWS's words",
    ("SendMessage", "ContentType", "longest"): "an enumeration in AWS's words",
    ("SendEvent", "ContentType", "longest"): "an enumeration in AWS's words",
    ("StartChatContact", "SegmentAttributes{}*", "absent"): _ONE_MEMBER,
    ("UpdateParticipantRoleConfig", "ChannelConfiguration.Chat", "absent"): _ONE_MEMBER,
    ("UpdateParticipantRoleConfig", "*.TimerValue.*", "absent"): _ONE_MEMBER,
    ("CreatePersistentContactAssociation", "RehydrationType", "absent"): "is refused by the operation",
    ("CreatePersistentContactAssociation", "SourceContactId", "absent"): "is refused by the operation",
    ("UpdateContact", "References{}.Type", "ATTACHMENT"): "comes from uploads, not from backends",
    ("UpdateContact", "References{}.Type", "CONTACT_ANALYSIS"): "nothing is analysed",
    ("UpdateContact", "References{}.Type", "EMAIL_MESSAGE*"): "there is no e-mail",
    ("GetContactMetrics", "ContactId", "too long"): "contact ids have 256 characters in all other operations",
    ("GetContactMetrics", "*Id", "strange"): "what is no id is not found",
    ("UpdateContactRoutingData", "QueuePriority", "absent"): "the other member is not served",
    ("GetCurrentMetricData", "CurrentMetrics[[]].Name", "absent"): "MetricId is not served",
    ("GetCurrentMetricData", "CurrentMetrics[[]].Name", "OLDEST_CONTACT_AGE"): _OF_THE_METRIC,
    ("GetCurrentMetricData", "CurrentMetrics[[]].Name", "ESTIMATED_WAIT_TIME"): _OF_THE_METRIC,
    ("GetCurrentMetricData", "CurrentMetrics[[]].Unit", "SECONDS"): _OF_THE_METRIC,
    ("GetCurrentMetricData", "CurrentMetrics[[]].Unit", "PERCENT"): _OF_THE_METRIC,
    ("Search*s", "*StringCondition.FieldName", "absent"): "a condition without a field says nothing",
    ("Search*s", "*StringCondition.Value", "absent"): "a condition without a value says nothing",
}
"""What is refused though AWS's model allows it, or the other way round, by operation, path and change, with the reason."""


def changes(shape: Any, value: Any, path: str = "") -> Iterator[Change]:
    """Yield the changes of a value and of the values within it."""
    match shape.type_name:
        case "structure":
            yield from _changes_of_structure(shape, value, path)
        case "list":
            least, most = shape.metadata.get("min", 0), shape.metadata.get("max")
            if least:
                yield Change(path, "too short", value[:0], is_allowed=least == 0)
            if most and most < 1_000:
                yield Change(path, "too long", (value * (most + 1))[: most + 1], is_allowed=False)
            for change in changes(shape.member, value[0], f"{path}[]"):
                yield change._replace(value=[change.value])
        case "map":
            (key, inner), *_ = value.items()
            for change in changes(shape.key, key, f"{path}{{key}}"):
                yield change._replace(value={change.value: inner})
            for change in changes(shape.value, inner, f"{path}{{}}"):
                yield change._replace(value={key: change.value})
        case "string":
            yield from _changes_of_text(shape, value, path)
        case "integer" | "long":
            for what, at, beyond in (("least", shape.metadata.get("min"), -1), ("most", shape.metadata.get("max"), 1)):
                if at is not None:
                    yield Change(path, what, at, is_allowed=True)
                    yield Change(path, f"beyond {what}", at + beyond, is_allowed=False)
        case _:
            return


def _changes_of_structure(shape: Any, value: Any, path: str) -> Iterator[Change]:
    for name, member in shape.members.items():
        if name not in value:
            continue
        inner = f"{path}.{name}".removeprefix(".")
        without = {key: other for key, other in value.items() if key != name}
        yield Change(inner, "absent", without, is_allowed=name not in shape.required_members)
        for change in changes(member, value[name], inner):
            yield change._replace(value={**value, name: change.value})


def _changes_of_text(shape: Any, value: str, path: str) -> Iterator[Change]:
    if shape.enum:
        for each in shape.enum:
            yield Change(path, each, each, is_allowed=True)
        yield Change(path, "unknown value", "SOMETHING_ELSE", is_allowed=False)
        return
    least, most, pattern = (shape.metadata.get(name) for name in ("min", "max", "pattern"))
    if pattern and "\\p" not in pattern and not re.search(pattern, STRANGE):
        yield Change(path, "strange", STRANGE, is_allowed=False)
    if least:
        yield Change(path, "too short", value[: least - 1], is_allowed=False)
    if most and most < LONGEST:
        longest = (value * most)[:most]
        yield Change(path, "longest", longest, is_allowed=True)
        yield Change(path, "too long", longest + value[0], is_allowed=False)


def is_accepted(model: type[BaseModel], body: Any) -> bool:
    try:
        model.model_validate_json(json.dumps(body))
    except ValidationError:
        return False
    return True


def is_case(difference: tuple[str, str, str], name: str, change: Change) -> bool:
    return all(map(fnmatchcase, (name, change.path, change.what), difference))


CASES = [
    (name, number, change)
    for name, bodies in BODIES.items()
    for number, body in enumerate(bodies)
    for change in changes(OPERATIONS[name].shape, body)
]


@pytest.mark.parametrize("name", BODIES)
def test_bodies_are_valid(name: str) -> None:
    model = OPERATIONS[name].body
    assert model
    for body in BODIES[name]:
        model.model_validate_json(json.dumps(body))


def test_bodies_are_those_of_all_operations_with_one() -> None:
    assert {*BODIES} == {name for name, operation in OPERATIONS.items() if operation.body}


@pytest.mark.parametrize("name", BODIES)
def test_bodies_have_each_member_that_is_served(name: str) -> None:
    operation = OPERATIONS[name]
    left_out = {*operation.refused, *operation.without_effect}
    assert [
        path for path in members(operation) if path not in left_out and not any(has(b, path) for b in BODIES[name])
    ] == []


def members(operation: ServedOperation) -> Iterator[str]:
    yield from _members(operation.shape, "", (), {*operation.refused, *operation.without_effect})


def _members(shape: Any, within: str, outer: tuple[str, ...], without: set[str]) -> Iterator[str]:
    for name, member in shape.members.items():
        path = f"{within}{name}"
        if member.serialization.get("location") or path in without:
            continue
        yield path
        while member.type_name in ("list", "map"):
            member = member.member if member.type_name == "list" else member.value
        if member.type_name == "structure" and member.name not in outer:
            yield from _members(member, f"{path}.", (*outer, member.name), without)


def has(body: Any, path: str) -> bool:
    """Whether a body has a member, in any entry of the lists and maps on the way."""
    if isinstance(body, list):
        return any(has(each, path) for each in body)  # pyright: ignore[reportUnknownVariableType]
    name, _, rest = path.partition(".")
    if not isinstance(body, dict):
        return False
    if name in body:
        return not rest or has(body[name], rest)
    return any(has(each, path) for each in body.values() if isinstance(each, dict))  # pyright: ignore[reportUnknownVariableType]


@pytest.mark.parametrize(("name", "number", "change"), CASES, ids=lambda part: f"{part}"[:80])
def test_model_agrees_with_botocore(name: str, number: int, change: Change) -> None:
    model = OPERATIONS[name].body
    assert model
    is_meant = any(is_case(difference, name, change) for difference in DIFFERENCES)
    assert is_accepted(model, change.value) is (change.is_allowed is not is_meant)


@pytest.mark.parametrize("difference", DIFFERENCES, ids=" ".join)
def test_difference_is_one(difference: tuple[str, str, str]) -> None:
    assert any(is_case(difference, name, change) for name, _, change in CASES)


PARAMETERS = [
    (name, member)
    for name, operation in OPERATIONS.items()
    for member, shape in operation.shape.members.items()
    if shape.serialization.get("location") in ("uri", "querystring")
]

SHORTER: Mapping[str, str] = {
    "UserId": "ids have 256 characters",
    "QueueId": "ids have 256 characters",
    "NextToken": "ours are shorter",
    "ContactFlowId": "an empty one is another path",
}
"""Parameters that may be shorter than AWS's model says, with the reason."""


@pytest.mark.parametrize(("name", "member"), PARAMETERS, ids=" ".join)
def test_parameter_agrees_with_botocore(name: str, member: str) -> None:
    operation = OPERATIONS[name]
    shape = operation.shape.members[member]
    parameter = operation.parameters[shape.serialization["name"]]
    assert parameter.field_info.is_required() is (member in operation.shape.required_members)
    for change in changes(shape, example_of(shape)):
        value, errors = parameter.validate(change.value, {}, loc=("query",))
        assert bool(errors) is not change.is_allowed, change
        assert errors or value is not None
    if member not in SHORTER and shape.type_name == "string":
        longest = "a" * shape.metadata["max"]
        assert not parameter.validate(longest, {}, loc=("path",))[1]


def example_of(shape: Any) -> Any:
    match shape.type_name:
        case "list":
            return [example_of(shape.member)]
        case "integer":
            return "1"
        case _:
            return shape.enum[0] if shape.enum else "a"
