"""What agents say of themselves, and what changes about them as they are offered conversations and finish them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Update, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import schema
from store.board.desk import tell_of_outcome, tell_of_presence
from store.board.load import load_of
from store.board.rows import ANYBODY, lock_agents
from store.board.values import Offer, Outcome, Presence
from store.database import Database
from store.schema import FOREVER

_agents = schema.agents.c
_GAIN = update(schema.agents).where(_agents.instance == bindparam("of_instance"), _agents.user == bindparam("which"))


async def set_presence(
    db: Database, instance: str, user: str, presence: Presence, now: datetime, *, when_free: bool = False
) -> bool:
    """Sets an agent's presence, now or, if they are busy, once nothing takes their capacity. Returns whether they exist.

    Who waits to become something is offered nothing more. Missed offers are forgotten.
    """
    this = _named(instance, user)
    async with db.write() as connection:
        await lock_agents(db, connection, instance, [user])
        load_now = load_of(_agents.instance, _agents.user, now)
        query = select(_agents.presence, _agents.next_presence, load_now).where(*this)
        found = (await connection.execute(query)).one_or_none()
        if found is None:
            return False
        before, next_before, load = found
        later = when_free and load > 0
        stands = (before, presence) if later else (presence, None)
        change = update(schema.agents).where(*this).values(missed=0, next_presence=stands[1])
        if presence != before and not later:
            change = change.values(presence=presence, presence_since=now)
            if before == Presence.OFFLINE:
                change = change.values(idle_since=now)
        await connection.execute(change)
        if stands != (before, next_before):
            await tell_of_presence(connection, instance, user, *stands, now)
    return True


async def follow(db: Database, now: datetime, limit: int = 500) -> list[tuple[str, str]]:
    """Gives agents whom nothing keeps busy any longer the presence that they wanted. Returns instances and users.

    This happens by itself when a conversation leaves them; not when one in wrap-up stops taking capacity after a time.
    """
    load = load_of(_agents.instance, _agents.user, now)
    query = select(_agents.instance, _agents.user).where(_agents.next_presence.is_not(None), load == 0).limit(limit)
    async with db.read() as connection:
        free = [(instance, user) for instance, user in await connection.execute(query)]
    for instance, user in free:
        async with db.write() as connection:
            await lock_agents(db, connection, instance, [user])
            await _become_next(connection, instance, user, now)
    return free


async def lose(connection: AsyncConnection, instance: str, user: str, now: datetime, *, worked: bool) -> None:
    """Notes that a conversation has left a locked agent, on which they had worked or which they were only offered."""
    if worked:
        await connection.execute(update(schema.agents).where(*_named(instance, user)).values(idle_since=now))
    await _become_next(connection, instance, user, now)


async def gain(connection: AsyncConnection, instance: str, user: str, now: datetime) -> None:
    """Notes that a conversation was given to an agent."""
    await connection.execute(
        _GAIN, {"of_instance": instance, "which": user, "last_assigned_at": now, "idle_since": now}
    )


async def settle(
    db: Database,
    connection: AsyncConnection,
    offer: Offer,
    outcome: Outcome,
    now: datetime,
    *,
    counted: bool = True,
    miss_limit: int | None = None,
) -> None:
    """What an offer that is over changes about its agent, who is locked. What they pass on they are not offered soon again.

    Args:
        counted: whether a missed offer counts as one that they have missed.
        miss_limit: after so many of them they are away.
    """
    if outcome in (Outcome.REJECTED, Outcome.MISSED):
        row = {"conversation_id": offer.conversation_id, "user": offer.user, "at": now}
        await connection.execute(db.upsert(schema.board_passes, [row]))
        await connection.execute(_release(offer))
    await tell_of_outcome(connection, offer, outcome, now)
    this = _named(offer.instance, offer.user)
    if outcome is Outcome.ACCEPTED:
        await connection.execute(update(schema.agents).where(*this, _agents.missed > 0).values(missed=0))
    if outcome is Outcome.MISSED and counted:
        await connection.execute(update(schema.agents).where(*this).values(missed=_agents.missed + 1))
        if miss_limit is not None:
            await go_away(connection, offer.instance, offer.user, now, if_missed=miss_limit)


async def go_away(connection: AsyncConnection, instance: str, user: str, now: datetime, *, if_missed: int = 0) -> None:
    """Makes a locked agent away who was there, if they have missed so many offers."""
    is_there = (_agents.missed >= if_missed, _agents.presence.not_in([Presence.AWAY, Presence.OFFLINE]))
    away = {"presence": Presence.AWAY, "presence_since": now, "next_presence": None}
    changed = await connection.execute(update(schema.agents).where(*_named(instance, user), *is_there).values(**away))
    if changed.rowcount:
        await tell_of_presence(connection, instance, user, Presence.AWAY, None, now)


def _release(offer: Offer) -> Update:
    """The end of a preference for an agent who has passed."""
    row = schema.board.c
    preference = (row.bound_to == offer.user, row.bound_until < FOREVER)
    change = update(schema.board).where(row.conversation_id == offer.conversation_id, *preference)
    return change.values(bound_to=ANYBODY, bound_until=None)


async def _become_next(connection: AsyncConnection, instance: str, user: str, now: datetime) -> None:
    nothing_left = load_of(instance, user, now) == 0
    changed = await connection.execute(
        update(schema.agents)
        .where(*_named(instance, user), _agents.next_presence.is_not(None), nothing_left)
        .values(presence=_agents.next_presence, presence_since=now, next_presence=None)
        .returning(_agents.presence)
    )
    presence = changed.scalar_one_or_none()
    if presence is not None:
        await tell_of_presence(connection, instance, user, presence, None, now)


def _named(instance: str, user: str) -> tuple[ColumnElement[bool], ...]:
    return _agents.instance == instance, _agents.user == user
