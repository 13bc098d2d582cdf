"""A loose index scan: the first row of each group, in one index step for each group, however many rows the groups have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import CTE, ColumnElement, FromClause, func, null, select

from store import schema

Condition = Callable[[FromClause], ColumnElement[bool]]


def first_rows(condition: Condition, group: Sequence[str], order: Sequence[str]) -> CTE:
    """Builds the query for the first row of each group in the table `routing`.

    The result has the columns of `group` and `order`, and one additional row in which all of them are NULL.

    Args:
        condition: which rows belong to the groups.
        group: columns whose values make a group, none of them NULL.
        order: columns that order the rows of a group. An index must begin with `group` and `order`.
    """
    first, current, following_row = (schema.routing.alias(name) for name in ("first_row", "here", "next_row"))

    def lowest_id(row: FromClause, *conditions: ColumnElement[bool]) -> ColumnElement[Any]:
        query = select(row.c.conversation_id).where(condition(row), *conditions)
        return query.order_by(*_columns(row, *group, *order)).limit(1).scalar_subquery()

    names = list(dict.fromkeys([*group, *order]))
    # each row holds the id of the next one, so that the join is part of the recursion, where the planner expects few rows
    nulls = [null().cast(schema.routing.c[name].type).label(name) for name in names]
    found = select(lowest_id(first).label("following"), *nulls).cte("first_rows", recursive=True)
    # one comparison for each column: for a row-value comparison SQLite uses only the first columns of the index, and then
    # reads all rows of the group
    steps = [
        lowest_id(following_row, *_next_group(following_row, current, group[:depth]))
        for depth in range(len(group), 0, -1)
    ]
    following = func.coalesce(*steps) if len(steps) > 1 else steps[0]
    step = select(following, *_columns(current, *names))
    return found.union_all(step.select_from(found.join(current, current.c.conversation_id == found.c.following)))


def _next_group(following_row: FromClause, current: FromClause, names: Sequence[str]) -> list[ColumnElement[bool]]:
    """Builds the conditions for groups that equal the current one in all columns but the last, and are greater in the last."""
    *same, greater = names
    equal = (following_row.c[name] == current.c[name] for name in same)
    return [*equal, following_row.c[greater] > current.c[greater]]


def _columns(table: FromClause, *names: str) -> list[ColumnElement[Any]]:
    return [table.c[name] for name in names]
