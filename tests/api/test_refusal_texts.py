"""What is wrong with a request is said in sentences for people, not in those of a library."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from api.bodies import parse_json
from domain.errors import Fault
from tests.api.test_null_members import body_models, with_inner

WORDS_OF_A_LIBRARY = re.compile(
    r"\bInput\b|\bField\b|Value error|validation|\bvalid (string|integer|list|dict)|instance of|should"
)
WRONG_VALUES: tuple[Any, ...] = (
    "",
    "x" * 40_000,
    "x",
    -1,
    10**6,
    10**400,
    1.5,
    True,
    [],
    [1],
    {},
    {"a b": 1},
    {"": {}},
)

MODELS = sorted({model for body in body_models() for model in with_inner(body)}, key=str)


def refusals(model: type[Any]) -> Iterator[str]:
    """Yield what is said of a model with nothing, and with each wrong value in each of its members."""
    values = ({field.alias or name: wrong} for name, field in model.model_fields.items() for wrong in WRONG_VALUES)
    for value in ({}, [], {"Unknown": 1}, *values):
        try:
            parse_json(json.dumps(value).encode(), model)
        except Fault as fault:
            yield str(fault)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_refusals_are_in_our_words(model: type[Any]) -> None:
    assert [text for text in refusals(model) if WORDS_OF_A_LIBRARY.search(text)] == []


def test_refusals_are_found() -> None:
    assert len({text for model in MODELS for text in refusals(model)}) > 100
