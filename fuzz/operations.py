"""Every operation: those of the OpenAPI document, those of botocore's models, and the pages for people and probes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.loaders import Loader
from botocore.model import ServiceModel

from fuzz.credentials import CallerKind
from fuzz.schemas import Schema, of_shape

SERVICES = ("connect", "connectparticipant")

PAGES = ("/", "/docs", "/openapi.json", "/healthz", "/readyz", "/metrics", "/favicon.ico", "/codec", "/nothing/here")


@dataclass(frozen=True)
class FuzzedOperation:
    """An operation, as its description has it.

    Attributes:
        path: with the names of its parameters in braces.
        query: the schemas of the parameters in the query by name.
        body: the schema of the body; None without one.
        is_served: whether the OpenAPI document has it.
    """

    name: str
    method: str
    path: str
    caller: CallerKind
    query: Mapping[str, Schema]
    body: Schema | None
    is_served: bool = True


def of_document(document: Mapping[str, Any]) -> list[FuzzedOperation]:
    """Return the operations of an OpenAPI document."""
    return [
        FuzzedOperation(
            name=f"{method.upper()} {path}",
            method=method.upper(),
            path=path,
            caller=_caller(path, operation),
            query={each["name"]: each["schema"] for each in operation.get("parameters", ()) if each["in"] == "query"},
            body=_body(operation),
        )
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def of_models(served: Sequence[FuzzedOperation]) -> list[FuzzedOperation]:
    """Return the operations of Amazon Connect, as botocore describes them."""
    known = {(each.method, _without_names(each.path)) for each in served}
    return [each for service in SERVICES for each in _of_service(service, known)]


def of_pages() -> list[FuzzedOperation]:
    """Return what is read without credentials, and paths that do not exist."""
    return [FuzzedOperation(f"GET {path}", "GET", path, CallerKind.ANYBODY, {}, None) for path in PAGES]


def _of_service(service: str, known: set[tuple[str, str]]) -> Iterator[FuzzedOperation]:
    model: Any = ServiceModel(Loader().load_service_model(service, "service-2"), service)
    for name in model.operation_names:
        operation = model.operation_model(name)
        method, path = operation.http["method"], operation.http["requestUri"].partition("?")[0].replace("+}", "}")
        shape = operation.input_shape
        members = shape.members if shape else {}
        yield FuzzedOperation(
            name=name,
            method=method,
            path=path,
            caller=_caller(path, {}),
            query={
                each.serialization["name"]: of_shape(each)
                for each in members.values()
                if each.serialization.get("location") == "querystring"
            },
            body=None if shape is None or method == "GET" else of_shape(shape, leave_out=True),
            is_served=(method, _without_names(path)) in known,
        )


def _caller(path: str, operation: Mapping[str, Any]) -> CallerKind:
    if path == "/participant/connection":
        return CallerKind.PARTICIPANT
    if path.startswith("/participant/"):
        return CallerKind.CONNECTION
    return CallerKind.AGENT if {"agent token": []} in operation.get("security", ()) else CallerKind.KEY


def _body(operation: Mapping[str, Any]) -> Schema | None:
    if "requestBody" not in operation:
        return None
    return operation["requestBody"]["content"]["application/json"]["schema"]


def _without_names(path: str) -> str:
    return re.sub(r"\{[^}]+\}", "{}", path)
