"""The first row of every group of rows, by one step of an index for each group, however many rows the groups have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import CTE, ColumnElement, FromClause, func, null, select

from store import schema

Condition = Callable[[FromClause], ColumnElement[bool]]


def first_rows(condition: Condition, group: Sequence[str], order: Sequence[str]) -> CTE:
    """The first row of each group of the board's rows, with the columns of `group` and `order`; and a row of NULLs.

    Args:
        condition: which rows count.
        group: columns whose values make a group, none of them NULL.
        order: columns in whose order the first of a group is the first. An index begins with both.
    """
    first, here, next = (schema.routing.alias(name) for name in ("first_row", "here", "next_row"))

    def lowest(row: FromClause, *among: ColumnElement[bool]) -> ColumnElement[Any]:
        lowest_first = select(row.c.conversation_id).where(condition(row), *among)
        return lowest_first.order_by(*_columns(row, *group, *order)).limit(1).scalar_subquery()

    names = list(dict.fromkeys([*group, *order]))
    # a row knows the id of the one to follow: the join that reads it stays inside the recursion, where a planner expects few
    nothing = [null().cast(schema.routing.c[name].type).label(name) for name in names]
    found = select(lowest(first).label("following"), *nothing).cte("first_rows", recursive=True)
    # column by column: of a comparison of whole groups SQLite uses only the beginning, and walks through all rows of the group
    steps = [lowest(next, *_beyond(next, here, group[:depth])) for depth in range(len(group), 0, -1)]
    following = func.coalesce(*steps) if len(steps) > 1 else steps[0]
    step = select(following, *_columns(here, *names))
    return found.union_all(step.select_from(found.join(here, here.c.conversation_id == found.c.following)))


def _beyond(next: FromClause, here: FromClause, names: Sequence[str]) -> list[ColumnElement[bool]]:
    """Conditions of groups that are the same but for the last of these columns, and greater in that."""
    *same, greater = names
    return [*(next.c[name] == here.c[name] for name in same), next.c[greater] > here.c[greater]]


def _columns(table: FromClause, *names: str) -> list[ColumnElement[Any]]:
    return [table.c[name] for name in names]
