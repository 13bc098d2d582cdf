"""Whether what comes over the wire is what botocore's own model of the service says."""

from __future__ import annotations

import json
import re
from typing import Any

ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
ISO_SHAPES = ("Instant", "ISO8601Datetime")
SANE_EPOCH = range(1_700_000_000, 4_000_000_000)

BEYOND_THE_MODEL = {"Item": {"InitialContactId"}}
"""Members that the socket documents and that items of a transcript carry as well."""

EVERYWHERE = {"AccessDeniedException": 403, "ThrottlingException": 429}
"""Errors that any operation may answer, modelled for it or not."""


def watch(client: Any) -> Any:
    """The client, with every response that it gets held against its model, whatever the test asks of it."""
    client.meta.events.register(f"after-call.{client.meta.service_model.service_name}", _on_response)
    return client


def check(shape: Any, value: object, where: str = "response") -> None:
    """Fails unless `value` is of a botocore shape: all members known, of their type, within their limits."""
    match shape.type_name:
        case "structure":
            _structure(shape, value, where)
        case "list":
            assert isinstance(value, list), f"{where} is no list: {value!r}"
            for index, member in enumerate(_list(value)):
                check(shape.member, member, f"{where}[{index}]")
        case "map":
            assert isinstance(value, dict), f"{where} is no map: {value!r}"
            for name, member in _dict(value).items():
                check(shape.key, name, f"{where} key")
                check(shape.value, member, f"{where}.{name}")
        case "string":
            _string(shape, value, where)
        case "timestamp":
            assert isinstance(value, int | float), f"{where} is no epoch number: {value!r}"
            assert not isinstance(value, bool), f"{where} is no epoch number: {value!r}"
            assert int(value) in SANE_EPOCH, f"{where} is not in seconds: {value!r}"
        case "integer" | "long":
            assert type(value) is int, f"{where} is no integer: {value!r}"
        case "double":
            assert type(value) is float, f"{where} is no double: {value!r}"
        case "boolean":
            assert type(value) is bool, f"{where} is no boolean: {value!r}"
        case other:
            raise AssertionError(f"{where}: nothing here should be a {other}")


def _structure(shape: Any, value: object, where: str) -> None:
    assert isinstance(value, dict), f"{where} is no object: {value!r}"
    sent = _dict(value)
    members = {member.serialization.get("name", name): member for name, member in shape.members.items()}
    unknown = set(sent) - set(members) - BEYOND_THE_MODEL.get(shape.name, set())
    assert not unknown, f"{where} has members that {shape.name} does not know: {unknown}"
    missing = set(shape.required_members) - set(sent)
    assert not missing, f"{where} lacks {missing}"
    for name, member in sent.items():
        if name in members:
            check(members[name], member, f"{where}.{name}")
        else:
            assert isinstance(member, str), f"{where}.{name} is no text: {member!r}"


def _string(shape: Any, value: object, where: str) -> None:
    assert isinstance(value, str), f"{where} is no text: {value!r}"
    assert len(value) >= shape.metadata.get("min", 0), f"{where} is too short: {value!r}"
    assert len(value) <= shape.metadata.get("max", len(value)), f"{where} is too long: {len(value)}"
    assert value in (shape.enum or [value]), f"{where} is none of {shape.enum}: {value!r}"
    if shape.name in ISO_SHAPES:
        assert ISO.fullmatch(value), f"{where} is not in UTC to the millisecond: {value!r}"


def _on_response(http_response: Any, model: Any, **_: Any) -> None:
    body = json.loads(http_response.content)
    if http_response.status_code == 200:
        check(model.output_shape, body, model.name)
        return
    name = http_response.headers["x-amzn-errortype"]
    assert body == {"__type": name, "Message": body["Message"]}
    assert body["Message"]
    modelled = {shape.name: shape.metadata["error"]["httpStatusCode"] for shape in model.error_shapes}
    assert http_response.status_code == (EVERYWHERE | modelled)[name], f"{model.name}: {name} has another status"


def _dict(value: Any) -> dict[str, Any]:
    return value


def _list(value: Any) -> list[Any]:
    return value
