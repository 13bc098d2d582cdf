"""What the API says of itself in `/openapi.json`: bodies that handlers read by hand, examples, and how it refuses."""

from __future__ import annotations

import re
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ConfigDict

DESK_TOKEN = HTTPBearer(scheme_name="desk token", description="Of POST /v1/agents/sign-in.", auto_error=False)
ACCESS_KEY = HTTPBearer(
    scheme_name="access key",
    description="The secret of an access key; requests signed with it (AWS Signature v4) do as well.",
    auto_error=False,
)


class Answer(BaseModel):
    """The body of an answer."""

    model_config = ConfigDict(frozen=True)


def example(value: dict[str, Any]) -> ConfigDict:
    """The configuration of a model that is shown with this example."""
    return ConfigDict(json_schema_extra={"example": value})


class Nothing(Answer):
    """It is done."""

    model_config = example({})


def described(model: type[BaseModel]) -> dict[str, Any]:
    """A body, for the description of its route."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": whole_schema(model)}}}}


def whole_schema(model: type[BaseModel]) -> dict[str, Any]:
    """A model's schema without references: in a larger document those of pydantic would lead nowhere."""
    schema = model.model_json_schema()
    return _inlined(schema, schema.get("$defs", {}))


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_inlined(part, definitions) for part in schema]  # pyright: ignore[reportUnknownVariableType]
    if not isinstance(schema, dict):
        return schema
    parts: dict[str, Any] = schema  # pyright: ignore[reportUnknownVariableType]
    if "$ref" in parts:
        return _inlined(definitions[parts["$ref"].rpartition("/")[2]], definitions)
    return {key: _inlined(part, definitions) for key, part in parts.items() if key != "$defs"}


def summarised(router: APIRouter) -> APIRouter:
    """A router whose routes have the first clause of their description as a title, instead of the name of a function."""
    for route in router.routes:
        if isinstance(route, APIRoute) and route.description:
            route.summary = re.split(r"[.;:]\s|\.$", route.description, maxsplit=1)[0]
    return router


def refused(*, because: str, what: str = "InvalidRequestException") -> dict[int | str, dict[str, Any]]:
    """What the routes of a router answer when they do not do what they are asked."""
    schema = {
        "type": "object",
        "properties": {"__type": {"type": "string"}, "Message": {"type": "string"}},
        "required": ["__type", "Message"],
        "example": {"__type": what, "Message": because},
    }
    said = (
        "400: what is asked is malformed or not possible now; 403: the token or key does not allow it; "
        "404: there is no such thing, or it is not the caller's. `__type` names the error as boto3 knows it."
    )
    return {"4XX": {"description": said, "content": {"application/json": {"schema": schema}}}}
