"""What the tables of the configuration are made of: names, durations, texts in several languages."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidatorFunctionWrapHandler
from pydantic.functional_validators import WrapValidator

MAX_TEXT = 2_000
"""Longest automated message, in characters."""

NEVER = timedelta.max
"""The limit that the configuration calls "never"."""

ANY_LANGUAGE = "*"
"""Under this a text stands that is for every language."""


class Section(BaseModel):
    """A table of the configuration file; a key it does not know is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,100}$")]

# a century: what is added to the present must still be a date
Positive = Annotated[timedelta, Field(gt=timedelta(0), le=timedelta(days=36_525))]


def _limit(value: object, positive: ValidatorFunctionWrapHandler) -> timedelta:
    return NEVER if value == "never" else positive(value)


Limit = Annotated[Positive, WrapValidator(_limit)]
"""A duration, or `NEVER`."""

Language = Annotated[str, StringConstraints(pattern=r"^([A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*|\*)$", to_lower=True)]
"""A BCP 47 tag in lower case, or `ANY_LANGUAGE`."""


def _by_language(value: object) -> object:
    if isinstance(value, str):
        return {ANY_LANGUAGE: value}
    if isinstance(value, dict) and value:
        return value  # pyright: ignore[reportUnknownVariableType]
    raise ValueError('must be a text, or a table of texts by language: { en = "...", de = "..." }')


Text = Annotated[
    dict[Language, Annotated[str, Field(max_length=MAX_TEXT, pattern=r"^[^\x00]*$")]], BeforeValidator(_by_language)
]
"""A text for people by language; the empty one says nothing."""


def in_language(text: Text, *wanted: str | None) -> str:
    """The text in the first of the wanted languages (BCP 47 tags) that it has, else the one it has.

    A language that it lacks is sought with less and less detail: `de-AT`, then `de`.
    """
    for tag in filter(None, wanted):
        subtags = tag.lower().split("-")
        for detail in range(len(subtags), 0, -1):
            if (found := text.get("-".join(subtags[:detail]))) is not None:
                return found
    return text.get(ANY_LANGUAGE, next(iter(text.values())))
