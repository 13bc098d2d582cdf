"""Load: what takes an agent's capacity, summed up at every look from the rows that stand on the board."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, ScalarSelect, func, select

from store import schema

_held = schema.routing.alias("held").c
_UNITS = func.coalesce(func.sum(_held.units), 0)


def load_of(
    instance: str | ColumnElement[str], user: str | ColumnElement[str], now: datetime | ColumnElement[datetime]
) -> ScalarSelect[int]:
    """The units that an agent's conversations take, as an expression; columns belong to the query around it."""
    counts = (_held.instance == instance, _held.holder == user, _held.holds_until > now)
    return select(_UNITS).where(*counts).scalar_subquery()
