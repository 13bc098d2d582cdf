"""Common parts of the wire models: base class, types of members, and how a response leaves members out."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple, Self, TypeVar

from annotated_types import MaxLen, MinLen
from pydantic import AfterValidator, BaseModel, ConfigDict, GetCoreSchemaHandler, model_validator
from pydantic.alias_generators import to_pascal
from pydantic_core import PydanticCustomError, PydanticUseDefault, core_schema

from domain.mistakes import MAX_NAME

T = TypeVar("T")


class Remark(NamedTuple):
    """What docs/api.md says of a member that is not simply honoured. It marks the member's type, and checks nothing."""

    text: str


NO_EFFECT = Remark("no effect")
"""Marks a member that is accepted, and of which nothing follows."""

REFUSED = Remark("refused")
"""Marks a member that is known and refused."""

AWS_ACCOUNT = "000000000000"
"""A placeholder in ARNs and `AWSAccountId`, because there is no AWS account."""


class WireModel(BaseModel):
    """Base of the request bodies of Amazon Connect: UpperCamel members and strict types (JSON `"1"` is not a number).

    Unknown members are ignored, as AWS does.
    """

    model_config = ConfigDict(alias_generator=to_pascal, frozen=True, extra="ignore", strict=True)


class OnlyServedMembers(WireModel):
    """Base of bodies, and of structures within them, whose other members are refused, and not ignored.

    Without a filter a search would find too much, and without a value a change would be incomplete. `null` counts as absent.
    """

    model_config = ConfigDict(extra="allow")

    @model_validator(mode="after")
    def _has_no_others(self) -> Self:
        others = ", ".join(name for name, value in (self.model_extra or {}).items() if value is not None)
        if others:
            raise PydanticCustomError("not_served", "{others} is not served here", {"others": others[:MAX_NAME]})
        return self


def _without_null_character(text: str) -> str:
    # PostgreSQL cannot store it
    if "\x00" in text:
        raise ValueError("must not contain U+0000")
    return text


def _default_for_null(value: Any) -> Any:
    if value is None:
        raise PydanticUseDefault
    return value


class _NullIsAbsent:
    """Marks a member whose `null` counts as absent. It looks at the parsed value, because the parser of JSON is strict."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        nullable = core_schema.nullable_schema(handler(source))
        return core_schema.no_info_after_validator_function(_default_for_null, nullable)


OrDefault = Annotated[T, _NullIsAbsent]
"""Type of a member with a default that is not None: `null` is the default too, as for every other optional member."""

Text = Annotated[str, AfterValidator(_without_null_character)]
InstanceId = Annotated[Text, MinLen(1), MaxLen(100)]
ContactId = Annotated[Text, MinLen(1), MaxLen(256)]
QueueId = Annotated[Text, MinLen(1), MaxLen(256)]
FlowId = Annotated[Text, MinLen(1), MaxLen(500)]
UserId = Annotated[Text, MinLen(1), MaxLen(256)]
ClientToken = Annotated[Text, MaxLen(500)]


def without_none(**members: Any) -> dict[str, Any]:
    """Build a response body. Members that are None are left out, as AWS does."""
    return {name: value for name, value in members.items() if value is not None}
