"""Request bodies: one dependency reads JSON into a model. Failures become errors that name the member.

The content type of the request is ignored, as AWS does, and an empty body is `{}`. FastAPI resolves dependencies in the order of
the parameters. So declare the body after the credentials: requests without permission fail before their body is read.
"""

# no `from __future__ import annotations`: FastAPI cannot resolve the text annotations of a callable object

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json
from starlette.requests import ClientDisconnect

from domain.errors import InvalidValue, MalformedRequest, RequestTooLarge
from domain.mistakes import name_of, plain_message

MAX_BODY_BYTES = 1_000_000
"""Maximum size of a body. No operation needs more: attributes and a first message, escaped, need less than half of it."""

MAX_BODY_VALUES = 10_000
"""Maximum number of values in a body. Each can be a mistake, and the time to find all mistakes grows with their number."""

_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)

_SHAPE_ERRORS = frozenset({"missing", "extra_forbidden", "not_served", "incomplete"})

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class BodyReader(Generic[Model]):
    """Dependency that reads the request body as `model`. `DescribedRoute` reads `model` for the OpenAPI document."""

    model: type[Model]

    async def __call__(self, request: Request) -> Model:
        """Return the body.

        Raises:
            RequestTooLarge: it is longer than `MAX_BODY_BYTES`, or has more than `MAX_BODY_VALUES` values.
            MalformedRequest: it is not a JSON object, or a member is missing or of the wrong type.
            InvalidValue: a member has a value that is not allowed.
        """
        return parse_json(await read_raw_body(request) or b"{}", self.model)


async def _read_object(request: Request) -> dict[str, Any]:
    raw = await read_raw_body(request) or b"{}"
    _require_few_values(raw)
    try:
        body = from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        raise MalformedRequest(f"The request body is not valid JSON: {error}") from None
    if not isinstance(body, dict):
        raise MalformedRequest("The request body: must be an object.")
    return body  # pyright: ignore[reportUnknownVariableType]


if TYPE_CHECKING:
    JsonBody = Annotated[Model, "the request body"]
else:

    class JsonBody:
        """`body: JsonBody[SendMessage]` declares the request body of an operation."""

        def __class_getitem__(cls, model: type[Model]) -> Any:
            """Return the model, annotated with the dependency that reads it."""
            return Annotated[model, Depends(BodyReader(model))]


JsonObject = Annotated[dict[str, Any], Depends(_read_object)]
"""A body that may be any JSON object."""


async def read_raw_body(request: Request) -> bytes:
    """Return the body, read once: the signature check and the operation both need it.

    Raises:
        RequestTooLarge: it is longer than `MAX_BODY_BYTES`; the rest of it is not read.
        MalformedRequest: the client disconnected before the end of the body.
    """
    kept: bytes | None = getattr(request.state, "body", None)
    if kept is not None:
        return kept
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise RequestTooLarge(f"The request is longer than {MAX_BODY_BYTES} bytes.")
    except ClientDisconnect:
        raise MalformedRequest("The request ended before the end of its body.") from None
    request.state.body = bytes(body)
    return request.state.body


def parse_json(raw: bytes, model: type[Model], *, name: str = "The request body") -> Model:
    """Parse JSON text as `model`. `name`: what messages call the whole text.

    Raises:
        RequestTooLarge: it has more than `MAX_BODY_VALUES` values.
        MalformedRequest: it is not a JSON object, or a member is missing or of the wrong type.
        InvalidValue: a member has a value that is not allowed.
    """
    _require_few_values(raw)
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        kind = first["type"]
        if kind == "json_invalid":
            raise MalformedRequest(f"{name} is not valid JSON: {first['msg'].removeprefix('Invalid JSON: ')}") from None
        fault = MalformedRequest if kind in _SHAPE_ERRORS or kind.endswith("_type") else InvalidValue
        raise fault(f"{name_of(first['loc'], name)}: {plain_message(first)}") from None


def _require_few_values(raw: bytes) -> None:
    # the commas in texts do not count, but only a body with many commas is worth a closer look
    if raw.count(b",") > MAX_BODY_VALUES and _TEXT.sub(b"", raw).count(b",") > MAX_BODY_VALUES:
        raise RequestTooLarge(f"The request has more than {MAX_BODY_VALUES} values.")
