"""What agents say of themselves, and what changes about them as they are offered conversations and finish them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Update, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.routing import FOREVER, AgentStatus, Offer, OfferOutcome
from routing.agent_events import write_outcome_event, write_status_event
from routing.load import load_of
from routing.rows import ANY_AGENT, lock_agents
from store import schema
from store.database import Database

_agents = schema.agents.c
_GAIN = update(schema.agents).where(_agents.instance == bindparam("of_instance"), _agents.user == bindparam("which"))


async def set_agent_status(
    db: Database, instance: str, user: str, status: AgentStatus, now: datetime, *, when_free: bool = False
) -> bool:
    """Sets an agent's status, now or, if they are busy, once nothing takes their capacity. Returns whether they exist.

    Who waits to become something is offered nothing more. Missed offers are forgotten.
    """
    this = _named(instance, user)
    async with db.write() as connection:
        await lock_agents(db, connection, instance, [user])
        load_now = load_of(_agents.instance, _agents.user, now)
        query = select(_agents.status, _agents.next_status, load_now).where(*this)
        found = (await connection.execute(query)).one_or_none()
        if found is None:
            return False
        before, next_before, load = found
        later = when_free and load > 0
        stands = (before, status) if later else (status, None)
        change = update(schema.agents).where(*this).values(missed_offers=0, next_status=stands[1])
        if status != before and not later:
            change = change.values(status=status, status_since=now)
            if before == AgentStatus.OFFLINE:
                change = change.values(idle_since=now)
        await connection.execute(change)
        if stands != (before, next_before):
            await write_status_event(connection, instance, user, *stands, now)
    return True


async def apply_next_statuses(db: Database, now: datetime, limit: int = 500) -> list[tuple[str, str]]:
    """Gives agents whom nothing keeps busy any longer the status that they wanted. Returns instances and users.

    This happens by itself when a conversation leaves them; not when one in wrap-up stops taking capacity after a time.
    """
    load = load_of(_agents.instance, _agents.user, now)
    query = select(_agents.instance, _agents.user).where(_agents.next_status.is_not(None), load == 0).limit(limit)
    async with db.read() as connection:
        free = [(instance, user) for instance, user in await connection.execute(query)]
    for instance, user in free:
        async with db.write() as connection:
            await lock_agents(db, connection, instance, [user])
            await _become_next(connection, instance, user, now)
    return free


async def note_lost_contact(
    connection: AsyncConnection, instance: str, user: str, now: datetime, *, worked: bool
) -> None:
    """Notes that a conversation has left a locked agent, on which they had worked or which they were only offered."""
    if worked:
        await connection.execute(update(schema.agents).where(*_named(instance, user)).values(idle_since=now))
    await _become_next(connection, instance, user, now)


async def note_gained_contact(connection: AsyncConnection, instance: str, user: str, now: datetime) -> None:
    """Notes that a conversation was given to an agent."""
    await connection.execute(
        _GAIN, {"of_instance": instance, "which": user, "last_assigned_at": now, "idle_since": now}
    )


async def end_offer(
    db: Database,
    connection: AsyncConnection,
    offer: Offer,
    outcome: OfferOutcome,
    now: datetime,
    *,
    counted: bool = True,
    missed_offer_limit: int | None = None,
) -> None:
    """What an offer that is over changes about its agent, who is locked. What they pass on they are not offered soon again.

    Args:
        counted: whether a missed offer increments the agent's missed-offer count.
        missed_offer_limit: after so many of them they are away.
    """
    if outcome in (OfferOutcome.REJECTED, OfferOutcome.MISSED):
        row = {"conversation_id": offer.conversation_id, "user": offer.user, "at": now}
        await connection.execute(db.upsert(schema.routing_rejections, [row]))
        await connection.execute(_release(offer))
    await write_outcome_event(connection, offer, outcome, now)
    this = _named(offer.instance, offer.user)
    if outcome is OfferOutcome.ACCEPTED:
        await connection.execute(update(schema.agents).where(*this, _agents.missed_offers > 0).values(missed_offers=0))
    if outcome is OfferOutcome.MISSED and counted:
        await connection.execute(update(schema.agents).where(*this).values(missed_offers=_agents.missed_offers + 1))
        if missed_offer_limit is not None:
            await set_away(connection, offer.instance, offer.user, now, if_missed=missed_offer_limit)


async def set_away(connection: AsyncConnection, instance: str, user: str, now: datetime, *, if_missed: int = 0) -> None:
    """Makes a locked agent away who was there, if they have missed so many offers."""
    is_there = (_agents.missed_offers >= if_missed, _agents.status.not_in([AgentStatus.AWAY, AgentStatus.OFFLINE]))
    away = {"status": AgentStatus.AWAY, "status_since": now, "next_status": None}
    changed = await connection.execute(update(schema.agents).where(*_named(instance, user), *is_there).values(**away))
    if changed.rowcount:
        await write_status_event(connection, instance, user, AgentStatus.AWAY, None, now)


def _release(offer: Offer) -> Update:
    """The end of a preference for an agent who has passed."""
    row = schema.routing.c
    preference = (row.bound_to == offer.user, row.bound_until < FOREVER)
    change = update(schema.routing).where(row.conversation_id == offer.conversation_id, *preference)
    return change.values(bound_to=ANY_AGENT, bound_until=None)


async def _become_next(connection: AsyncConnection, instance: str, user: str, now: datetime) -> None:
    nothing_left = load_of(instance, user, now) == 0
    changed = await connection.execute(
        update(schema.agents)
        .where(*_named(instance, user), _agents.next_status.is_not(None), nothing_left)
        .values(status=_agents.next_status, status_since=now, next_status=None)
        .returning(_agents.status)
    )
    status = changed.scalar_one_or_none()
    if status is not None:
        await write_status_event(connection, instance, user, status, None, now)


def _named(instance: str, user: str) -> tuple[ColumnElement[bool], ...]:
    return _agents.instance == instance, _agents.user == user
