"""The agent status: changes by the agent, and changes that follow from offers and contacts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, bindparam, select, update

from domain.routing import ABSENT_STATUSES, AgentStatus, Offer, OfferOutcome
from routing.affinity import preference_removal
from routing.agent_events import write_outcome_event, write_status_event
from routing.load import load_of
from routing.rows import lock_agents
from store import schema
from store.database import Database
from store.transaction import Transaction

_agents = schema.agents.c
_ASSIGNED = update(schema.agents).where(
    _agents.instance == bindparam("where_instance"), _agents.user == bindparam("where_user")
)


async def set_agent_status(
    db: Database, instance: str, user: str, status: AgentStatus, now: datetime, *, when_free: bool = False
) -> bool:
    """Sets an agent's status, and resets the agent's missed-offer count. Locks the agent. Idempotent.

    Args:
        when_free: while the agent's load is not zero, the status becomes the next status instead. It follows once the load is
            zero; until then the agent receives no offers.

    Returns:
        False when there is no such agent.
    """
    this_agent = _agent_key(instance, user)
    async with db.write() as connection:
        await lock_agents(db, connection, instance, [user])
        load_now = load_of(_agents.instance, _agents.user, now)
        query = select(_agents.status, _agents.next_status, load_now).where(*this_agent)
        found = (await connection.execute(query)).one_or_none()
        if found is None:
            return False
        before, next_before, load = found
        deferred = when_free and load > 0
        status_and_next = (before, status) if deferred else (status, None)
        change = update(schema.agents).where(*this_agent).values(missed_offers=0, next_status=status_and_next[1])
        if status != before and not deferred:
            change = change.values(status=status, status_since=now)
            if before == AgentStatus.OFFLINE:
                change = change.values(idle_since=now)
        await connection.execute(change)
        if status_and_next != (before, next_before):
            await write_status_event(connection, instance, user, *status_and_next, now)
    return True


async def apply_next_statuses(db: Database, now: datetime, limit: int = 500) -> list[tuple[str, str]]:
    """Sets the next status of agents whose load is zero, each in its own transaction. Idempotent.

    `note_contact_gone` does the same when a contact or an offer leaves an agent. This function is for wrap-ups whose use of
    capacity expires: nothing is written at that instant.

    Returns:
        (instance, user) of the agents that were found, at most `limit`.
    """
    load = load_of(_agents.instance, _agents.user, now)
    query = select(_agents.instance, _agents.user).where(_agents.next_status.is_not(None), load == 0).limit(limit)
    async with db.read() as connection:
        agents_without_load = [(instance, user) for instance, user in await connection.execute(query)]
    for instance, user in agents_without_load:
        async with db.write() as connection:
            await lock_agents(db, connection, instance, [user])
            await _apply_next_status(connection, instance, user, now)
    return agents_without_load


async def note_contact_gone(connection: Transaction, instance: str, user: str, now: datetime, *, worked: bool) -> None:
    """Notes that a contact or an offer no longer uses an agent's capacity. Applies the next status when the load is now zero.

    The caller has locked the agent.

    Args:
        worked: whether the agent worked on the contact: then their idle time begins now. False after an offer.
    """
    if worked:
        await connection.execute(update(schema.agents).where(*_agent_key(instance, user)).values(idle_since=now))
    await _apply_next_status(connection, instance, user, now)


async def note_assignment(connection: Transaction, instance: str, user: str, now: datetime) -> None:
    """Notes that an agent received a contact or an offer: their last assignment is now, and their idle time begins again.

    The caller has locked the agent.
    """
    await connection.execute(
        _ASSIGNED, {"where_instance": instance, "where_user": user, "last_assigned_at": now, "idle_since": now}
    )


async def apply_offer_outcome(
    db: Database,
    connection: Transaction,
    offer: Offer,
    outcome: OfferOutcome,
    now: datetime,
    *,
    counted: bool = True,
    missed_offer_limit: int | None = None,
) -> None:
    """Applies the effects of an ended offer on its agent, in the caller's transaction. The caller has locked the agent.

    A rejected or missed offer is recorded, so that this agent is not offered the conversation again during `OfferRules.pause`. It
    also ends the conversation's preference for the agent. An accepted offer resets the missed-offer count. Each outcome is an
    agent event.

    Args:
        counted: whether a missed offer increments the agent's missed-offer count.
        missed_offer_limit: at this count the agent's status becomes away; None: never.
    """
    if outcome in (OfferOutcome.REJECTED, OfferOutcome.MISSED):
        row = {"conversation_id": offer.conversation_id, "user": offer.user, "at": now}
        await db.upsert(connection, schema.routing_rejections, [row])
        await connection.execute(preference_removal(offer))
    await write_outcome_event(connection, offer, outcome, now)
    this_agent = _agent_key(offer.instance, offer.user)
    if outcome is OfferOutcome.ACCEPTED:
        await connection.execute(
            update(schema.agents).where(*this_agent, _agents.missed_offers > 0).values(missed_offers=0)
        )
    if outcome is OfferOutcome.MISSED and counted:
        await connection.execute(
            update(schema.agents).where(*this_agent).values(missed_offers=_agents.missed_offers + 1)
        )
        if missed_offer_limit is not None:
            await set_away(connection, offer.instance, offer.user, now, if_missed=missed_offer_limit)


async def set_away(connection: Transaction, instance: str, user: str, now: datetime, *, if_missed: int = 0) -> None:
    """Sets an agent's status to away, unless it is away or offline. The caller has locked the agent.

    Args:
        if_missed: nothing changes while the agent's missed-offer count is lower.
    """
    applies = (_agents.missed_offers >= if_missed, _agents.status.not_in(ABSENT_STATUSES))
    away = {"status": AgentStatus.AWAY, "status_since": now, "next_status": None}
    changed = await connection.execute(
        update(schema.agents).where(*_agent_key(instance, user), *applies).values(**away)
    )
    if changed.rowcount:
        await write_status_event(connection, instance, user, AgentStatus.AWAY, None, now)


async def _apply_next_status(connection: Transaction, instance: str, user: str, now: datetime) -> None:
    has_no_load = load_of(instance, user, now) == 0
    changed = await connection.execute(
        update(schema.agents)
        .where(*_agent_key(instance, user), _agents.next_status.is_not(None), has_no_load)
        .values(status=_agents.next_status, status_since=now, next_status=None)
        .returning(_agents.status)
    )
    status = changed.scalar_one_or_none()
    if status is not None:
        await write_status_event(connection, instance, user, status, None, now)


def _agent_key(instance: str, user: str) -> tuple[ColumnElement[bool], ...]:
    return _agents.instance == instance, _agents.user == user
