"""Bodies that are nearly valid: a few members changed, left out, doubled or added."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from random import Random
from typing import Any, cast

from fuzz.encodings import LARGEST
from fuzz.values import MANY, Json, anything, text

Place = tuple[Any, Any]
"""An object or a list, and the key of one of its entries."""


def mutated(body: Json, random: Random, times: int) -> Json:
    """Return a copy of the body with so many places changed."""
    copy = deepcopy(body)
    for _ in range(times):
        places = list(_places(copy))
        if not places:
            return anything(random)
        _change(*random.choice(places), random)
    return copy


def _places(value: Json) -> Iterator[Place]:
    keys: list[Any] = []
    if isinstance(value, dict):
        keys = list(cast("dict[str, Json]", value))
    elif isinstance(value, list):
        keys = list(range(len(cast("list[Json]", value))))
    for key in keys:
        yield value, key
        yield from _places(value[key])


def _change(parent: Any, key: Any, random: Random) -> None:
    match random.randrange(9):
        case 0:
            del parent[key]
        case 1:
            parent[key] = None
        case 2:
            parent[key] = _repeated(parent[key], random.choice((2, 30, MANY)))
        case 3:
            parent[key] = {text(random): parent[key]}
        case 4:
            parent[key] = _extended(parent[key], random)
        case 5:
            parent[key] = text(random)
        case 6 if isinstance(parent, dict):
            parent[text(random)] = anything(random)
        case _:
            parent[key] = anything(random)


def _repeated(value: Json, times: int) -> list[Json]:
    """Copies, no more than a body can have. They are apart: a change in one that all share would grow as often again."""
    count = min(times, LARGEST // len(json.dumps(value)))
    return [value, *(deepcopy(value) for _ in range(count - 1))]


def _extended(value: Json, random: Random) -> Json:
    """A text with something hostile in it; another value as a text."""
    if not isinstance(value, str):
        return str(value)[:1_000]
    at = random.randrange(len(value) + 1)
    return value[:at] + text(random) + value[at:]
