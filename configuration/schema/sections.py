"""Building blocks of configuration tables: names, durations, texts in several languages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapSerializer,
    WrapValidator,
)

from domain.mistakes import DURATION_EXPECTED, mistakes_in, probably_meant
from domain.policy import MAX_MESSAGE_CHARACTERS

MAX_MISTAKES = 10
"""Number of mistakes that a message names."""

NEVER = timedelta.max
"""The value of a limit that is configured as `"never"`."""

ANY_LANGUAGE = "*"
"""The key of a text that is used for every language."""


class SettingsSection(BaseModel):
    """A table of the configuration file. An unknown key is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,100}$")]

MessageText = Annotated[str, Field(max_length=MAX_MESSAGE_CHARACTERS, pattern=r"^[^\x00]*$")]
"""A message to people. U+0000 is refused because PostgreSQL cannot store it."""


def _in_days(value: timedelta, iso: SerializerFunctionWrapHandler) -> str:
    """ISO 8601 with days as the largest unit; years and months vary in length."""
    rest = timedelta(seconds=value.seconds, microseconds=value.microseconds)
    within: str = iso(rest)
    return f"P{value.days}D{within[1:] if rest else ''}" if value.days else within


_SECONDS = re.compile(r"\d+(\.\d+)?")


def _number(value: object) -> object:
    # pydantic takes true for 1
    if isinstance(value, bool):
        raise ValueError("must be a number")
    return value


Number = BeforeValidator(_number)
"""Marks a number, so that `true` and `false` are refused."""


def _seconds(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(DURATION_EXPECTED)
    # a variable of the environment is always a text
    return float(value) if isinstance(value, str) and _SECONDS.fullmatch(value) else value


Seconds = BeforeValidator(_seconds)
"""Marks a duration, so that it may also be a number of seconds as text, and `true` and `false` are refused."""

_DURATION = [{"type": "string", "format": "duration"}, {"type": "number", "exclusiveMinimum": 0}]

# at most 100 years, so that the present plus a duration is a valid date
Positive = Annotated[
    timedelta,
    Field(gt=timedelta(0), le=timedelta(days=36_525)),
    Seconds,
    WrapSerializer(_in_days, when_used="json"),
    WithJsonSchema({"anyOf": _DURATION}),
]
"""A positive duration: ISO 8601, or a number of seconds."""


def _limit(value: object, positive: ValidatorFunctionWrapHandler) -> timedelta:
    return NEVER if value == "never" else positive(value)


def _or_never(value: timedelta, iso: SerializerFunctionWrapHandler) -> str:
    return "never" if value == NEVER else _in_days(value, iso)


Limit = Annotated[
    Positive,
    WrapValidator(_limit),
    WrapSerializer(_or_never, when_used="json"),
    WithJsonSchema({"anyOf": [{"const": "never"}, *_DURATION]}),
]
"""A duration, or `NEVER`."""


def _one_of(value: object, kinds: ValidatorFunctionWrapHandler) -> object:
    try:
        return kinds(value)
    except ValidationError as error:
        # pydantic would report each kind that it tried under a key of its own
        raise ValueError("; or: ".join(message for _, message in mistakes_in(error))) from None


OneOf = WrapValidator(_one_of)
"""Marks a value of several possible kinds, so that a mistake is reported once, under its key."""

Language = Annotated[str, StringConstraints(pattern=r"^([A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*|\*)$", to_lower=True)]
"""A BCP 47 tag in lower case, or `ANY_LANGUAGE`."""


def _by_language(value: object) -> object:
    if isinstance(value, str):
        return {ANY_LANGUAGE: value}
    if isinstance(value, dict) and value:
        return value  # pyright: ignore[reportUnknownVariableType]
    raise ValueError('must be a text, or a table of texts by language: { en = "...", de = "..." }')


def _short_form(text: dict[str, str]) -> str | dict[str, str]:
    return text[ANY_LANGUAGE] if text.keys() == {ANY_LANGUAGE} else text


LocalizedText = Annotated[
    dict[Language, MessageText],
    BeforeValidator(_by_language),
    PlainSerializer(_short_form, when_used="json"),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "object", "additionalProperties": {"type": "string"}}]}),
]
"""A message by language. An empty message is not sent."""


_OTHER_NOTATIONS = re.compile(r"[.@#,;]")
"""What begins the parts of a device's language that are no subtags: encoding, variant, script, further languages."""

_PAIRS = (("he", "iw"), ("id", "in"), ("yi", "ji"), ("jv", "jw"), ("nb", "no"), ("fil", "tl"))
_SAME_LANGUAGE = dict([*_PAIRS, *((old, new) for new, old in _PAIRS)])
"""Languages with two codes. Devices still send the older ones, such as `iw` for Hebrew."""


def text_in_language(text: LocalizedText, *wanted: str | None) -> str:
    """Return the text in the first wanted language that it has, else in any language.

    Args:
        text: the text by language.
        wanted: the languages, as a standard (BCP 47) or a device writes them: `de-AT`, `de_AT`, `de_DE.UTF-8`, `iw_IL`.
            Subtags are dropped until a language is found: `de-at`, then `de`.
    """
    for tag in filter(None, wanted):
        code, *details = _OTHER_NOTATIONS.split(tag.strip().lower(), maxsplit=1)[0].replace("_", "-").split("-")
        for known_code in filter(None, (code, _SAME_LANGUAGE.get(code))):
            subtags = [known_code, *details]
            for detail in range(len(subtags), 0, -1):
                if (found := text.get("-".join(subtags[:detail]))) is not None:
                    return found
    return text.get(ANY_LANGUAGE, next(iter(text.values())))


def mistakes(error: ValidationError, table: type[BaseModel] | None = None) -> str:
    """Return the mistakes with their keys, at most `MAX_MISTAKES`: `texts.greeting: ...; open_age: ...`.

    Args:
        error: what pydantic has found.
        table: what was validated. With it the text of an unknown key names the one that was probably meant.
    """
    found = mistakes_in(error)
    unknown = {each["loc"] for each in error.errors(include_input=False) if each["type"] == "extra_forbidden"}
    named = [
        f"{_key(member)}{message}{_question(table, member) if table and member in unknown else ''}"
        for member, message in found[:MAX_MISTAKES]
    ]
    more = len(found) - len(named)
    return "; ".join([*named, f"and {more} more"] if more else named)


def _question(table: type[BaseModel], member: tuple[int | str, ...]) -> str:
    *path, name = member
    tables = {table}
    for part in path:
        # a part that no table has is a key of a mapping or a position in a list, whose tables stay the same
        fields = [each.model_fields[str(part)] for each in tables if str(part) in each.model_fields]
        tables = {inner for field in fields for inner in _tables_in(field.annotation)} or tables
    meant = probably_meant(str(name), {key for each in tables for key in each.model_fields})
    return f"; did you mean {meant}?" if meant else ""


def _tables_in(annotation: object) -> Iterator[type[BaseModel]]:
    """The tables in the type of a field: itself, or those within mappings, lists, and alternatives."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _tables_in(part)


def _key(location: tuple[int | str, ...]) -> str:
    key = ".".join(str(part) for part in location if part != "[key]")
    return f"{key}: " if key else ""
