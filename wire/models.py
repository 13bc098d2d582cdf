"""Common parts of the wire models: base class, types of members, and how a response leaves members out."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import MaxLen, MinLen
from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic.alias_generators import to_pascal

AWS_ACCOUNT = "000000000000"
"""A placeholder in ARNs and `AWSAccountId`, because there is no AWS account."""


class WireModel(BaseModel):
    """Base of the request bodies of Amazon Connect: UpperCamel members and strict types (JSON `"1"` is not a number).

    Unknown members are ignored, as AWS does.
    """

    model_config = ConfigDict(alias_generator=to_pascal, frozen=True, extra="ignore", strict=True)


def _without_null_character(text: str) -> str:
    # PostgreSQL cannot store it
    if "\x00" in text:
        raise ValueError("must not contain U+0000")
    return text


Text = Annotated[str, AfterValidator(_without_null_character)]
InstanceId = Annotated[Text, MinLen(1), MaxLen(100)]
ContactId = Annotated[Text, MinLen(1), MaxLen(256)]
UserId = Annotated[Text, MinLen(1), MaxLen(256)]
ClientToken = Annotated[Text, MaxLen(500)]


def without_none(**members: Any) -> dict[str, Any]:
    """Build a response body. Members that are None are left out, as AWS does."""
    return {name: value for name, value in members.items() if value is not None}
