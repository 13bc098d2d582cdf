"""Load: the units that an agent's conversations use of the agent's capacity. It is summed up by every query, never stored."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, ScalarSelect, func, select

from store import schema

_held = schema.routing.alias("held").c
_UNITS = func.coalesce(func.sum(_held.units), 0)


def load_of(
    instance: str | ColumnElement[str], user: str | ColumnElement[str], now: datetime | ColumnElement[datetime]
) -> ScalarSelect[int]:
    """Builds the SQL expression of an agent's load at an instant. Columns as arguments belong to the enclosing query."""
    uses_capacity = (_held.instance == instance, _held.holder == user, _held.holds_until > now)
    return select(_UNITS).where(*uses_capacity).scalar_subquery()
