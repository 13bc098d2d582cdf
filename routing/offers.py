"""Offers: a conversation that waits is pushed to an agent, or picked by one.

An offer takes the agent's capacity from the first moment. The conversation is told of it afterwards; if the process dies in
between, `untold` finds it. What the conversation answers comes back as its placement.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, not_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.refusals import RefusalCode
from domain.routing import OFFER_DURATION, AgentStatus, Offer, OfferOutcome, RoutingStage
from routing import affinity
from routing.agent_status import end_offer, note_lost_contact
from routing.load import load_of
from routing.offer_writes import write_claimed_offer, write_pushed_offer
from routing.records import OfferRules
from routing.rows import NO_OFFER, ROUTING_COLUMNS, RoutingRow, find_row, lock_agents, lock_agents_and_row
from routing.selection import DEFAULT_RULES, QueueView, first_of_each_kind, select_offer
from store import schema
from store.database import Database

_routing = schema.routing.c


async def offer_next(
    db: Database,
    instance: str,
    queue: str,
    rules: Mapping[str, OfferRules],
    now: datetime,
    *,
    others: OfferRules = DEFAULT_RULES,
) -> Offer | None:
    """Offers the first conversation of a queue that somebody can take to the best agent, in one short transaction.

    Args:
        rules: of each workstream.
        others: of workstreams that are missing there: taken out of the configuration, they strand nobody.

    Returns:
        The offer, or None when nothing waits that anybody could be offered now. To be called until it is None.
    """
    here = QueueView(instance, queue, rules, now, others)
    while True:
        async with db.write() as connection:
            await db.one_at_a_time(connection, here.turn)
            kinds = await first_of_each_kind(connection, here)
            # agents are locked before rows of the board: what this unbinds is committed before anybody is chosen
            if await affinity.end_affinities(connection, here, kinds):
                continue
            choice = await select_offer(connection, here, kinds)
            if choice is None:
                return None
            offer = await write_pushed_offer(db, connection, here, choice)
            # None: another queue, or an agent, was faster, and the next attempt sees what they did
            if offer:
                return offer


async def claim_offer(
    db: Database,
    conversation_id: str,
    user: str,
    now: datetime,
    *,
    offer_duration: timedelta = OFFER_DURATION,
    over_capacity: bool = False,
) -> Offer | RefusalCode:
    """Gives an agent what they pick from a queue or resume, as an offer.

    The conversation has to confirm it like any other. A binding or an earlier rejection is not in the way, nor is the
    agent's status. What is offered to them already is that offer.

    Args:
        over_capacity: also if they have not enough capacity left.
    """
    async with db.write() as connection:
        row = await find_row(connection, conversation_id)
        if row is None:
            return RefusalCode.NOT_WAITING
        await lock_agents(db, connection, row.instance, [user])
        row = await find_row(connection, conversation_id, lock=True)
        if row is None:
            return RefusalCode.NOT_WAITING
        if row.offer and row.offer.user == user:
            return row.offer
        refusal = _why_not(row, user) or await _why_not_they(connection, row, user, now, over_capacity)
        return refusal or await write_claimed_offer(connection, conversation_id, user, now, offer_duration)


def _why_not(row: RoutingRow, user: str) -> RefusalCode | None:
    """What about a conversation keeps an agent from having it."""
    if row.offer or row.stage == RoutingStage.WORKING:
        return RefusalCode.TAKEN
    if row.stage == RoutingStage.PARKED and row.agent != user:
        return RefusalCode.TAKEN
    return RefusalCode.NOT_WAITING if row.stage == RoutingStage.WRAP_UP else None


async def _why_not_they(
    connection: AsyncConnection, row: RoutingRow, user: str, now: datetime, over_capacity: bool
) -> RefusalCode | None:
    """What about an agent keeps them from having a conversation."""
    agent, served = schema.agents.c, schema.agent_queues.c
    serves = exists().where(served.instance == row.instance, served.queue == row.queue, served.user == user)
    query = select(serves, agent.capacity - load_of(row.instance, user, now)).where(
        agent.instance == row.instance, agent.user == user
    )
    found = (await connection.execute(query)).one_or_none()
    if found is None:
        return RefusalCode.UNKNOWN_AGENT
    is_serving, free = found
    # what somebody has parked is theirs, whichever queue it came from
    if not (is_serving or row.stage == RoutingStage.PARKED):
        return RefusalCode.QUEUE_NOT_SERVED
    return None if over_capacity or free >= row.units else RefusalCode.NO_CAPACITY


async def mark_delivered(db: Database, offer: Offer) -> None:
    """Notes that a conversation knows of an offer."""
    async with db.write() as connection:
        known = (_routing.conversation_id == offer.conversation_id, _routing.offer_id == offer.id)
        await connection.execute(update(schema.routing).where(*known).values(delivered=True))


async def undelivered_offers(db: Database, before: datetime, limit: int = 500) -> list[Offer]:
    """Offers made before an instant that their conversation does not know of: whoever was to tell it has died."""
    return await _offers(db, (_routing.delivered.is_(False), _routing.offered_at < before), limit)


async def overdue_offers(db: Database, before: datetime, limit: int = 500) -> list[Offer]:
    """Offers whose time was over before an instant and that nobody has ended: their conversation should have."""
    return await _offers(db, (_routing.offer_until < before,), limit)


async def offers_to_agent(db: Database, instance: str, user: str) -> list[Offer]:
    """What an agent is offered, the oldest first."""
    return await _offers(db, (_routing.instance == instance, _routing.holder == user), limit=500)


async def offers_to_absent_agents(db: Database, limit: int = 500) -> list[Offer]:
    """What is offered to agents who are configured no more, or who have gone away or offline since, by whatever cause."""
    agent = schema.agents.c
    gone = and_(agent.status.in_([AgentStatus.AWAY, AgentStatus.OFFLINE]), agent.status_since > _routing.offered_at)
    there = exists().where(agent.instance == _routing.instance, agent.user == _routing.holder, not_(gone))
    return await _offers(db, (~there,), limit)


async def withdraw_offer(db: Database, offer: Offer, outcome: OfferOutcome, now: datetime) -> bool:
    """Takes an offer back that its conversation does not end itself. Returns whether it still stood.

    The conversation is as before: it goes on waiting, or is parked. Of a missed offer it is not known whose fault it was: it is
    passed on, and not counted.
    """
    async with db.write() as connection:
        row = await find_row(connection, offer.conversation_id)
        row = await lock_agents_and_row(db, connection, offer.instance, row, [offer.user])
        if row is None or row.offer_id != offer.id:
            return False
        change = update(schema.routing).where(_routing.conversation_id == offer.conversation_id)
        await connection.execute(change.values(**NO_OFFER, holder=None, holds_until=None))
        await end_offer(db, connection, offer, outcome, now, counted=False)
        await note_lost_contact(connection, offer.instance, offer.user, now, worked=False)
    return True


async def _offers(db: Database, conditions: Iterable[ColumnElement[bool]], limit: int) -> list[Offer]:
    query = (
        select(*ROUTING_COLUMNS)
        .where(_routing.offer_id.is_not(None), *conditions)
        .order_by(_routing.offered_at)
        .limit(limit)
    )
    async with db.read() as connection:
        rows = [RoutingRow(*row) for row in await connection.execute(query)]
    return [row.offer for row in rows if row.offer]
