"""Changes of a value at one place, and whether a botocore shape allows the result."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

STRANGE = "\u20ac\n"
LONGEST = 100_000
"""Longer texts are not tried: bodies have 1,000,000 bytes at most."""


class Change(NamedTuple):
    """A change of a value at one place, and whether AWS allows it."""

    path: str
    what: str
    value: Any
    is_allowed: bool


def changes(shape: Any, value: Any, path: str = "") -> Iterator[Change]:
    """Yield the changes of a value and of the values within it."""
    match shape.type_name:
        case "structure":
            yield from _changes_of_structure(shape, value, path)
        case "list":
            least, most = shape.metadata.get("min", 0), shape.metadata.get("max")
            if least:
                yield Change(path, "too short", value[:0], is_allowed=least == 0)
            if most and most < 1_000:
                yield Change(path, "too long", (value * (most + 1))[: most + 1], is_allowed=False)
            for change in changes(shape.member, value[0], f"{path}[]"):
                yield change._replace(value=[change.value])
        case "map":
            (key, inner), *_ = value.items()
            for change in changes(shape.key, key, f"{path}{{key}}"):
                yield change._replace(value={change.value: inner})
            for change in changes(shape.value, inner, f"{path}{{}}"):
                yield change._replace(value={key: change.value})
        case "string":
            yield from _changes_of_text(shape, value, path)
        case "integer" | "long":
            for what, at, beyond in (("least", shape.metadata.get("min"), -1), ("most", shape.metadata.get("max"), 1)):
                if at is not None:
                    yield Change(path, what, at, is_allowed=True)
                    yield Change(path, f"beyond {what}", at + beyond, is_allowed=False)
        case _:
            return


def _changes_of_structure(shape: Any, value: Any, path: str) -> Iterator[Change]:
    for name, member in shape.members.items():
        if name not in value:
            continue
        inner = f"{path}.{name}".removeprefix(".")
        without = {key: other for key, other in value.items() if key != name}
        yield Change(inner, "absent", without, is_allowed=name not in shape.required_members)
        for change in changes(member, value[name], inner):
            yield change._replace(value={**value, name: change.value})


def _changes_of_text(shape: Any, value: str, path: str) -> Iterator[Change]:
    if shape.enum:
        for each in shape.enum:
            yield Change(path, each, each, is_allowed=True)
        yield Change(path, "unknown value", "SOMETHING_ELSE", is_allowed=False)
        return
    least, most, pattern = (shape.metadata.get(name) for name in ("min", "max", "pattern"))
    if pattern and "\\p" not in pattern and not re.search(pattern, STRANGE):
        yield Change(path, "strange", STRANGE, is_allowed=False)
    if least:
        yield Change(path, "too short", value[: least - 1], is_allowed=False)
    if most and most < LONGEST:
        longest = (value * most)[:most]
        yield Change(path, "longest", longest, is_allowed=True)
        yield Change(path, "too long", longest + value[0], is_allowed=False)
