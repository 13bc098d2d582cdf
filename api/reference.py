"""Writes docs/api.md: which operations of Amazon Connect are served, and which of their members.

It compares botocore's models with the routes and their request models, so it says what the code does. A member that a request
model does not have is refused by `OnlyServedMembers`. Another model ignores it: `silent` is the list of those, and must be empty.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from botocore.session import Session
from fastapi.routing import APIRoute
from pydantic import BaseModel

from api.app import MODULES
from api.bodies import BodyReader
from wire.models import NO_EFFECT, REFUSED, Remark

SERVICES = ("connect", "connectparticipant")

_HEAD = """# Operations of Amazon Connect that are served

`make api-page` writes this page from the models of botocore {version}, the routes and the request models; a test compares them.
Every other operation is refused with an error that names it: {unserved}.
How the served ones differ from AWS is in [wire-compatibility.md](wire-compatibility.md).

The first column names the outer members that are honoured. So are the members within them, unless another column names them.
None is ignored silently: those without effect are named, and those that are refused answer 400 with their name. `A.B` is the
member `B` of `A`, or of each entry of `A`.
"""


@dataclass(frozen=True, slots=True)
class ServedOperation:
    """An operation that is served.

    Attributes:
        honoured: the members at the top that are honoured, at least in part.
        partly: members with a restriction, and the restriction.
        without_effect: members that are accepted, and of which nothing follows.
        refused: members that are refused.
        silent: members that are ignored, and nobody says so.
    """

    name: str
    shape: Any
    route: APIRoute
    honoured: list[str] = field(default_factory=list[str])
    partly: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    without_effect: list[str] = field(default_factory=list[str])
    refused: list[str] = field(default_factory=list[str])
    silent: list[str] = field(default_factory=list[str])

    @property
    def body(self) -> type[BaseModel] | None:
        """The model of the request body; None when there is no body."""
        dependencies = self.route.dependant.dependencies
        return next((each.call.model for each in dependencies if isinstance(each.call, BodyReader)), None)

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The parameters in path, query and headers, by their names on the wire."""
        found = self.route.dependant
        return {each.alias: each for each in (*found.path_params, *found.query_params)}


def served_operations(service: str) -> list[ServedOperation]:
    """Return the operations of a service that are served, by name."""
    routes = {(method, _without_names(route.path)): route for route in _routes() for method in route.methods or ()}
    found: list[ServedOperation] = []
    for operation in _operations(service):
        path = _without_names(operation.http["requestUri"].partition("?")[0])
        route = routes.get((operation.http["method"], path))
        if route is not None:
            found.append(_examined(ServedOperation(operation.name, operation.input_shape, route)))
    return found


def page() -> str:
    """Return the text of docs/api.md."""
    counts = {service: len(_operations(service)) for service in SERVICES}
    served = {service: served_operations(service) for service in SERVICES}
    unserved = " and ".join(f"{counts[name] - len(served[name])} of {counts[name]} in `{name}`" for name in SERVICES)
    parts = [_HEAD.format(version=_session().user_agent_version, unserved=unserved)]
    for service in SERVICES:
        parts.append(f"## {service}\n")
        parts.append("| operation | honoured | in part | without effect | refused |\n|---|---|---|---|---|")
        parts += [_row(operation) for operation in served[service]]
        parts.append("")
    return "\n".join(parts)


def _session() -> Any:
    return Session()


def _operations(service: str) -> list[Any]:
    model: Any = _session().get_service_model(service)
    return [model.operation_model(name) for name in model.operation_names]


def _routes() -> Iterator[APIRoute]:
    for module in MODULES:
        yield from (route for route in module.router.routes if isinstance(route, APIRoute))


def _without_names(path: str) -> str:
    return re.sub(r"\{[^}]+\}", "{}", path)


def _examined(operation: ServedOperation) -> ServedOperation:
    """Sort the members of an operation into its lists."""
    in_body: dict[str, Any] = {}
    for name, shape in operation.shape.members.items():
        match shape.serialization.get("location"):
            case "uri" | "querystring":
                parameter = operation.parameters.get(shape.serialization["name"])
                (operation.honoured if parameter else operation.silent).append(name)
            case "header":  # the token of a participant, by which each of their operations knows the caller
                operation.honoured.append(name)
            case _:
                in_body[name] = shape
    if in_body:
        _examine(operation, in_body, operation.body, "", ())
    return operation


def _examine(
    operation: ServedOperation,
    members: Mapping[str, Any],
    model: type[BaseModel] | None,
    within: str,
    outer: tuple[str, ...],
) -> None:
    fields = {each.alias or name: each for name, each in model.model_fields.items()} if model else {}
    for name, shape in members.items():
        path = f"{within}{name}"
        if name not in fields:
            refuses = model is not None and model.model_config.get("extra") in ("allow", "forbid")
            (operation.refused if refuses else operation.silent).append(path)
            continue
        remark = next((each for each in fields[name].metadata if isinstance(each, Remark)), None)
        if remark is REFUSED:
            operation.refused.append(path)
            continue
        if remark is NO_EFFECT:
            operation.without_effect.append(path)
            continue
        if remark is not None:
            operation.partly.append((path, remark.text))
        if not within:
            operation.honoured.append(name)
        inner = _structure_in(shape)
        inner_model = next(models_in(fields[name].annotation), None)
        if inner is not None and inner.name not in outer and inner_model is not None:
            _examine(operation, inner.members, inner_model, f"{path}.", (*outer, inner.name))


def _structure_in(shape: Any) -> Any:
    """Return the structure that a shape is, or that its entries are; None without one."""
    while shape.type_name in ("list", "map"):
        shape = shape.member if shape.type_name == "list" else shape.value
    return shape if shape.type_name == "structure" else None


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models in the type of a field: itself, or those within lists, maps and alternatives."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models_in(part)


def _row(operation: ServedOperation) -> str:
    partly = "; ".join(f"{path}: {text}" for path, text in operation.partly)
    cells = (operation.honoured, [partly], operation.without_effect, operation.refused)
    return f"| {operation.name} | " + " | ".join(", ".join(cell) for cell in cells) + " |"


if __name__ == "__main__":
    sys.stdout.write(page())
