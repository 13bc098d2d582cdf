"""Reading request bodies: JSON into a wire model, and failures into errors that name the member."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from annotated_types import MaxLen, MinLen
from fastapi import Request
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_pascal
from starlette.requests import ClientDisconnect

from api.errors import validation_message
from domain.errors import InvalidValue, MalformedRequest, RequestTooLarge

MAX_BODY_BYTES = 1_000_000
"""No operation needs more: the largest legal one (attributes and a first message, escaped) stays under half of it."""

_SHAPE_ERRORS = frozenset({"missing", "extra_forbidden", "json_invalid"})


class Wire(BaseModel):
    """A request body: UpperCamel members, strict types (JSON `"1"` is no number); unknown members are ignored, as AWS does."""

    model_config = ConfigDict(alias_generator=to_pascal, frozen=True, extra="ignore", strict=True)


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not contain U+0000")
    return text


Text = Annotated[str, AfterValidator(_storable)]
InstanceId = Annotated[Text, MinLen(1), MaxLen(100)]
ContactId = Annotated[Text, MinLen(1), MaxLen(256)]
UserId = Annotated[Text, MinLen(1), MaxLen(256)]
ClientToken = Annotated[Text, MaxLen(500)]

Body = TypeVar("Body", bound=BaseModel)


async def read_body(request: Request, model: type[Body]) -> Body:
    """The request's body as `model`.

    Raises:
        RequestTooLarge: it is longer than `MAX_BODY_BYTES`.
        MalformedRequest: it is no JSON object, or a member is missing or of the wrong type.
        InvalidValue: a member has a value that is not allowed.
    """
    return parse(await raw_body(request) or b"{}", model)


async def raw_body(request: Request) -> bytes:
    """The request's body, refused as soon as it grows too long. Signature and operation both read it: it is kept."""
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
        raise MalformedRequest("The request ended before its body did.") from None
    request.state.body = bytes(body)
    return request.state.body


def parse(raw: bytes, model: type[Body]) -> Body:
    """JSON text as `model`; see `read_body`."""
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        member = ".".join(str(part) for part in first["loc"]) or "The request body"
        kind = first["type"]
        fault = MalformedRequest if kind in _SHAPE_ERRORS or kind.endswith("_type") else InvalidValue
        raise fault(f"{member}: {validation_message(first['msg'])}") from None


def dump(**members: Any) -> dict[str, Any]:
    """A response body: members that are None are left out, as AWS does."""
    return {name: value for name, value in members.items() if value is not None}
