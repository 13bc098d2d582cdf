"""Mistakes in an input, from pydantic's errors, in the sender's terms: the messages name no types of Python."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

from pydantic import ValidationError

DURATION_EXPECTED = 'must be a duration, such as "PT10M", or a number of seconds'
_INSTANT_EXPECTED = "must be an instant with a time zone, like 2026-01-31T23:59:59Z"
_DATE_EXPECTED = "must be a date, like 2026-01-31"

MAX_NAME = 200
"""Longest name of a member in a message. Names are the sender's: one can have a million characters."""

MAX_MISTAKES = 10_000
"""More mistakes than this are not listed: a list of a hundred thousand takes seconds."""

_MESSAGES = {
    **dict.fromkeys(("tuple_type", "list_type", "set_type", "frozen_set_type"), "must be a list"),
    **dict.fromkeys(("dict_type", "mapping_type", "model_type", "model_attributes_type"), "must be an object"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "must be true or false"),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "must be a whole number"),
    **dict.fromkeys(("float_type", "float_parsing", "finite_number"), "must be a number"),
    **dict.fromkeys(("string_type", "string_sub_type", "string_unicode"), "must be a text"),
    **dict.fromkeys(("time_delta_type", "time_delta_parsing"), DURATION_EXPECTED),
    **dict.fromkeys(
        (
            "datetime_type",
            "datetime_parsing",
            "datetime_from_date_parsing",
            "datetime_object_invalid",
            "timezone_aware",
        ),
        _INSTANT_EXPECTED,
    ),
    **dict.fromkeys(("date_type", "date_parsing", "date_from_datetime_parsing"), _DATE_EXPECTED),
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "string_pattern_mismatch": "must match {pattern}",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "string_too_long": "must have at most {max_length} characters",
    "union_tag_invalid": "{discriminator} must be one of {expected_tags}",
    "union_tag_not_found": "{discriminator} is missing",
}
"""Messages by the type of pydantic's error, with the words of its context. All other errors keep pydantic's message."""

_NOUNS = {"Tuple": "items", "List": "items", "Set": "items", "Frozenset": "items", "Dictionary": "entries"}
"""What each type holds, by pydantic's name of the type. Late length checks call a text `Value`."""

_ENUM_MEMBER = re.compile(r"<[\w.]+: ('[^']*')>")


class Mistake(NamedTuple):
    """One mistake: the path of the wrong member, and what is wrong. The message does not name the member."""

    member: tuple[int | str, ...]
    message: str


def mistakes_in(error: ValidationError) -> list[Mistake]:
    """Return the mistakes, in the order of the members. Very many count as one, because a list of them takes long."""
    if error.error_count() > MAX_MISTAKES:
        return [Mistake((), f"has more than {MAX_MISTAKES} mistakes")]
    found = error.errors(include_url=False, include_input=False)
    members = [each["loc"] for each in found]
    # pydantic counts only the valid items of a list, so a list with a wrong item may also be too short
    return [Mistake(each["loc"], plain_message(each)) for each in found if not _is_for_an_item(each, members)]


def name_of(member: tuple[int | str, ...], otherwise: str) -> str:
    """Return the path of a member for people, at most `MAX_NAME` characters of it. `otherwise`: the name of the whole input."""
    name = ".".join(map(str, member)) or otherwise
    return name if len(name) <= MAX_NAME else name[:MAX_NAME] + "..."


def plain_message(error: Mapping[str, Any]) -> str:
    """Return the message of one of pydantic's errors. It does not name the member."""
    kind, context = error["type"], error.get("ctx", {})
    if kind in ("too_short", "string_too_short"):
        return _too_short(context["min_length"], _noun(context))
    if kind == "too_long":
        return f"must have at most {context['max_length']} {_noun(context)}"
    if kind in ("literal_error", "enum"):
        return "must be " + _ENUM_MEMBER.sub(r"\1", context["expected"])
    if kind in _MESSAGES:
        return _MESSAGES[kind].format_map(context)
    return error["msg"].removeprefix("Value error, ")


def probably_meant(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like an unknown one; None if none is much like it."""
    close = get_close_matches(name.lower(), known, n=1, cutoff=0.7)
    return close[0] if close else None


def _is_for_an_item(error: Mapping[str, Any], members: list[tuple[int | str, ...]]) -> bool:
    path = error["loc"]
    return error["type"] == "too_short" and any(len(it) > len(path) and it[: len(path)] == path for it in members)


def _too_short(least: int, noun: str) -> str:
    return "must not be empty" if least == 1 else f"must have at least {least} {noun}"


def _noun(context: Mapping[str, Any]) -> str:
    return _NOUNS.get(context.get("field_type", ""), "characters")
