"""docs/api.md says what is served, and no member of an operation is ignored without a word."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from api import reference
from api.reference import SERVICES, ServedOperation, models_in, served_operations
from tests.api.calls import OWN_OPERATIONS, ROUTES
from tests.stack import ROOT
from wire.models import NO_EFFECT, REFUSED, OnlyServedMembers

OPERATIONS = [operation for service in SERVICES for operation in served_operations(service)]
ONLY_TO_BE_REFUSED = {"search_filter"}
"""Members of which it only counts that they are there, or are empty."""
SHOWN_AS_THEY_ARE = {"value_string", "value_integer", "value_arn"}
"""Members of values that are stored as a whole."""
SAME_FOR_ALL = {"queue_type_condition"}


def test_page_is_that_of_the_code() -> None:
    assert (ROOT / "docs" / "api.md").read_text() == reference.page(), "run `make api-page`"


def test_all_served_operations_are_found() -> None:
    assert {operation.name for operation in OPERATIONS} == {*ROUTES} - {*OWN_OPERATIONS}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_no_member_is_ignored_silently(operation: ServedOperation) -> None:
    assert operation.silent == []


def test_member_that_a_model_lacks_is_found() -> None:
    class Less(BaseModel):
        """A request model without members."""

    class Refusing(OnlyServedMembers):
        """The same, but it refuses what it lacks."""

    (search,) = (operation for operation in OPERATIONS if operation.name == "SearchUsers")
    found = ServedOperation(search.name, search.shape, search.route)
    reference._examine(found, search.shape.members, Less, "", ())  # pyright: ignore[reportPrivateUsage]
    assert "SearchCriteria" in found.silent
    found = ServedOperation(search.name, search.shape, search.route)
    reference._examine(found, search.shape.members, Refusing, "", ())  # pyright: ignore[reportPrivateUsage]
    assert found.silent == []
    assert "SearchCriteria" in found.refused


def test_member_that_no_code_reads_is_marked() -> None:
    read = {
        node.attr
        for path in (ROOT / "api").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
    }
    unread = {name for operation in OPERATIONS if operation.body for name in unmarked_members(operation.body)} - read
    assert unread - ONLY_TO_BE_REFUSED - SHOWN_AS_THEY_ARE - SAME_FOR_ALL == set()


def unmarked_members(model: type[BaseModel], outer: tuple[Any, ...] = ()) -> Iterator[str]:
    """The members of a model and those within them, without those that have no effect."""
    for name, field in model.model_fields.items():
        if NO_EFFECT in field.metadata or REFUSED in field.metadata:
            continue
        yield name
        for inner in models_in(field.annotation):
            if inner not in (*outer, model):
                yield from unmarked_members(inner, (*outer, model))
