"""Load: what takes an agent's capacity, summed up at every look from the rows that stand on the board."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import ColumnElement, ScalarSelect, func, select

from store import schema
from store.database import Database

_held = schema.board.alias("held").c
_UNITS = func.coalesce(func.sum(_held.units), 0)


def load_of(
    instance: str | ColumnElement[str], user: str | ColumnElement[str], now: datetime | ColumnElement[datetime]
) -> ScalarSelect[int]:
    """The units that an agent's conversations take, as an expression; columns belong to the query around it."""
    counts = (_held.instance == instance, _held.holder == user, _held.holds_until > now)
    return select(_UNITS).where(*counts).scalar_subquery()


async def load(db: Database, instance: str, users: Iterable[str], now: datetime) -> dict[str, int]:
    """The load of agents in units."""
    names = set(users)
    query = (
        select(_held.holder, func.sum(_held.units))
        .where(_held.instance == instance, _held.holder.in_(names), _held.holds_until > now)
        .group_by(_held.holder)
    )
    async with db.read() as connection:
        found = {holder: int(units) for holder, units in await connection.execute(query)}
    return {user: found.get(user, 0) for user in names}
