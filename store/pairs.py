"""Queries for many keys of two columns at once, with one index step for each key."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, ColumnElement, Select, bindparam, column, func, tuple_

PAIRS = "pairs"
"""The parameter of the keys: a list of pairs, which differ from each other."""


def among_pairs(
    query: Select[*tuple[Any, ...]], first: ColumnElement[str], second: ColumnElement[Any], *, postgres: bool
) -> Select[*tuple[Any, ...]]:
    """Builds a query that returns only rows whose two columns equal one of the pairs in the parameter `PAIRS`.

    The second column holds strings or integers. SQLite needs a form of its own: with `(a, b) IN (...)` it reads every row that
    has one of the values in the first column of the index.
    """
    if postgres:
        return query.where(tuple_(first, second).in_(bindparam(PAIRS, expanding=True)))
    pair = func.json_each(bindparam(PAIRS, type_=JSON)).table_valued(column("value", JSON)).c.value
    of_second = pair[1].as_integer() if second.type.python_type is int else pair[1].as_string()
    return query.where(first == pair[0].as_string(), second == of_second)
