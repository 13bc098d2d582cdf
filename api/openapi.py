"""The OpenAPI document: routes with descriptions, models with examples, security schemes, error responses."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ConfigDict

from api.bodies import BodyReader

AGENT_TOKEN = HTTPBearer(
    scheme_name="agent token", description="Of `/v1/agents/sign-in`, or of `/v1/agents/token`.", auto_error=False
)
ACCESS_KEY = HTTPBearer(
    scheme_name="access key",
    description="The secret of an access key. A request may be signed with it instead (AWS Signature v4).",
    auto_error=False,
)

Schema = dict[str, Any]


class DescribedRoute(APIRoute):
    """Route of all routers. Its summary is the first clause of its description; its body is that of its `JsonBody`."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        if self.description:
            self.summary = re.split(r"[.;:]\s|\.$", self.description, maxsplit=1)[0]
        for dependency in self.dependant.dependencies:
            if isinstance(dependency.call, BodyReader):
                body = json_content(inline_schema(dependency.call.model))
                self.openapi_extra = {"requestBody": {"required": True, **body}, **(self.openapi_extra or {})}


class ResponseBody(BaseModel):
    """Base of the response bodies of our own operations."""

    model_config = ConfigDict(frozen=True)


def example(value: dict[str, Any]) -> ConfigDict:
    """Return a model configuration that gives the model this example in the OpenAPI document."""
    return ConfigDict(json_schema_extra={"example": value})


class EmptyResponse(ResponseBody):
    """The operation is done."""

    model_config = example({})


def json_content(schema: Schema, **extra: Any) -> dict[str, Any]:
    """Return the `content` of a JSON body or response."""
    return {"content": {"application/json": {"schema": schema, **extra}}}


def error_responses(*, message: str, name: str = "InvalidRequestException") -> dict[int | str, dict[str, Any]]:
    """Return the description of a router's error responses, with an example."""
    schema: Schema = {
        "type": "object",
        "properties": {"__type": {"type": "string"}, "Message": {"type": "string"}},
        "required": ["__type", "Message"],
        "example": {"__type": name, "Message": message},
    }
    description = (
        "400: the request is malformed, or not possible now; 403: the token or key does not allow it; "
        "404: the resource does not exist, or is not the caller's. `__type` is the error's name in boto3."
    )
    return {"4XX": {"description": description, **json_content(schema)}}


def inline_schema(model: type[BaseModel]) -> Schema:
    """Return a model's JSON schema without references, because pydantic's references do not resolve inside the document.

    Where a model contains itself, the nested model is described only as `object`.
    """
    schema = model.model_json_schema()
    inlined: Schema = _inline(schema, schema.get("$defs", {}), frozenset())
    return inlined


def _inline(schema: Any, definitions: Schema, within: frozenset[str]) -> Any:
    if isinstance(schema, list):
        return [_inline(part, definitions, within) for part in schema]  # pyright: ignore[reportUnknownVariableType]
    if not isinstance(schema, dict):
        return schema
    parts: Schema = schema  # pyright: ignore[reportUnknownVariableType]
    if "$ref" in parts:
        name = parts["$ref"].rpartition("/")[2]
        return {"type": "object"} if name in within else _inline(definitions[name], definitions, within | {name})
    return {key: _inline(part, definitions, within) for key, part in parts.items() if key != "$defs"}
