"""botocore's input shapes against our request models: what a model of AWS allows is accepted, and what it forbids is refused.

Each body is changed at one place: a member is left out, a text or list is made too short or too long, a number is moved to its
ends and beyond, each value of an enumeration is tried. The differences that are meant are listed with their reasons.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from api.reference import SERVICES, ServedOperation, served_operations
from tests.api.full_bodies import BODIES
from tests.api.shape_changes import Change, changes

OPERATIONS = {operation.name: operation for service in SERVICES for operation in served_operations(service)}

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
    (
        "StartAttachmentUpload",
        "ContentType",
        "too short",
    ): "browsers send it for unknown kinds; the operation refuses it",
    ("UpdateContact", "References{}.Type", "ATTACHMENT"): "comes from uploads, not from backends",
    ("UpdateContact", "References{}.Type", "CONTACT_ANALYSIS"): "nothing is analysed",
    ("UpdateContact", "References{}.Type", "EMAIL_MESSAGE*"): "there is no e-mail",
    ("GetContactMetrics", "ContactId", "too long"): "contact ids have 256 characters in all other operations",
    ("GetContactMetrics", "*Id", "strange"): "what is no id is not found",
    ("GetCurrentMetricData", "CurrentMetrics[[]].Name", "absent"): "MetricId is not served",
    ("GetCurrentMetricData", "CurrentMetrics[[]].Name", "OLDEST_CONTACT_AGE"): _OF_THE_METRIC,
    ("GetCurrentMetricData", "CurrentMetrics[[]].Name", "ESTIMATED_WAIT_TIME"): _OF_THE_METRIC,
    ("GetCurrentMetricData", "CurrentMetrics[[]].Unit", "SECONDS"): _OF_THE_METRIC,
    ("GetCurrentMetricData", "CurrentMetrics[[]].Unit", "PERCENT"): _OF_THE_METRIC,
    ("Search*s", "*StringCondition.FieldName", "absent"): "a condition without a field says nothing",
    ("Search*s", "*StringCondition.Value", "absent"): "a condition without a value says nothing",
}
"""What is refused though AWS's model allows it, or the other way round, by operation, path and change, with the reason."""


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
