"""Validation of responses against botocore's model of the service."""

from __future__ import annotations

import json
import re
from typing import Any

ISO_MILLISECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
ISO_SECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
WHOLE_SECONDS = ("StartAttachmentUpload.UploadMetadata.UrlExpiry",)
"""The instants that have no milliseconds on AWS."""
ISO_SHAPES = ("Instant", "ISO8601Datetime")
PLAUSIBLE_EPOCH_SECONDS = range(1_700_000_000, 4_000_000_000)

EXTRA_MEMBERS = {"Item": {"InitialContactId"}}
"""Members outside the model: documented for the socket, and also present in transcript items."""

COMMON_ERRORS = {
    "AccessDeniedException": 403,
    "InvalidSignatureException": 403,
    "ConflictException": 409,
    "IdempotencyException": 409,
    "ThrottlingException": 429,
}
"""Errors that every operation may return, even when its model does not list them; with their HTTP status."""


def validate_responses(client: Any) -> Any:
    """Return the client; from now on it validates every response against its model."""
    client.meta.events.register(f"after-call.{client.meta.service_model.service_name}", _validate_response)
    return client


def check_shape(shape: Any, value: object, where: str = "response") -> None:
    """Fail unless `value` matches a botocore shape: known members only, right types, within their limits."""
    match shape.type_name:
        case "structure":
            _check_structure(shape, value, where)
        case "list":
            assert isinstance(value, list), f"{where} is not a list: {value!r}"
            for index, member in enumerate(_as_list(value)):
                check_shape(shape.member, member, f"{where}[{index}]")
        case "map":
            assert isinstance(value, dict), f"{where} is not a map: {value!r}"
            for name, member in _as_dict(value).items():
                check_shape(shape.key, name, f"{where} key")
                check_shape(shape.value, member, f"{where}.{name}")
        case "string":
            _check_string(shape, value, where)
        case "timestamp" if shape.serialization.get("timestampFormat") == "iso8601":
            assert isinstance(value, str), f"{where} is not a text: {value!r}"
            assert ISO_MILLISECONDS.fullmatch(value), f"{where} is not in UTC to the millisecond: {value!r}"
        case "timestamp":
            assert isinstance(value, int | float), f"{where} is not an epoch number: {value!r}"
            assert not isinstance(value, bool), f"{where} is not an epoch number: {value!r}"
            assert int(value) in PLAUSIBLE_EPOCH_SECONDS, f"{where} is not in seconds: {value!r}"
        case "integer" | "long":
            assert type(value) is int, f"{where} is not an integer: {value!r}"
        case "double":
            assert type(value) is float, f"{where} is not a double: {value!r}"
        case "boolean":
            assert type(value) is bool, f"{where} is not a boolean: {value!r}"
        case other:
            raise AssertionError(f"{where}: unexpected shape type {other}")


def _check_structure(shape: Any, value: object, where: str) -> None:
    assert isinstance(value, dict), f"{where} is not an object: {value!r}"
    structure = _as_dict(value)
    members = {member.serialization.get("name", name): member for name, member in shape.members.items()}
    unknown = set(structure) - set(members) - EXTRA_MEMBERS.get(shape.name, set())
    assert not unknown, f"{where} has members unknown to {shape.name}: {unknown}"
    missing = set(shape.required_members) - set(structure)
    assert not missing, f"{where} lacks {missing}"
    for name, member in structure.items():
        if name in members:
            check_shape(members[name], member, f"{where}.{name}")
        else:
            assert isinstance(member, str), f"{where}.{name} is not a string: {member!r}"


def _check_string(shape: Any, value: object, where: str) -> None:
    assert isinstance(value, str), f"{where} is not a string: {value!r}"
    assert len(value) >= shape.metadata.get("min", 0), f"{where} is too short: {value!r}"
    assert len(value) <= shape.metadata.get("max", len(value)), f"{where} is too long: {len(value)}"
    assert value in (shape.enum or [value]), f"{where} is not one of {shape.enum}: {value!r}"
    if where in WHOLE_SECONDS:
        assert ISO_SECONDS.fullmatch(value), f"{where} is not in UTC in whole seconds: {value!r}"
    elif shape.name in ISO_SHAPES:
        assert ISO_MILLISECONDS.fullmatch(value), f"{where} is not in UTC to the millisecond: {value!r}"


def _validate_response(http_response: Any, model: Any, **_: Any) -> None:
    body = json.loads(http_response.content)
    if http_response.status_code == 200:
        check_shape(model.output_shape, body, model.name)
        return
    name = http_response.headers["x-amzn-errortype"]
    assert body == {"__type": name, "Message": body["Message"]}
    assert body["Message"]
    modelled_errors = {shape.name: shape.metadata["error"]["httpStatusCode"] for shape in model.error_shapes}
    assert http_response.status_code == (COMMON_ERRORS | modelled_errors)[name], (
        f"{model.name}: {name} has a wrong status"
    )


def _as_dict(value: Any) -> dict[str, Any]:
    return value


def _as_list(value: Any) -> list[Any]:
    return value
