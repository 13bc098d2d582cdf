"""Offers: a conversation that waits is pushed to an agent, or picked by one.

An offer takes the agent's capacity from the first moment. The conversation is told of it afterwards; if the process dies in
between, `untold` finds it. What the conversation answers comes back as its placement.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, not_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import schema
from store.board import bindings
from store.board.load import load_of
from store.board.presence import lose, settle
from store.board.reserving import give, push
from store.board.routing import DEFAULT_RULES, Queue, choose, heads
from store.board.rows import NO_OFFER, ROW, Row, find_row, lock, lock_agents
from store.board.values import OFFER_FOR, Offer, Outcome, Presence, Rules, Stage
from store.database import Database
from workflows.refusals import RefusalCode

_board = schema.board.c


async def offer_next(
    db: Database,
    instance: str,
    queue: str,
    rules: Mapping[str, Rules],
    now: datetime,
    *,
    others: Rules = DEFAULT_RULES,
) -> Offer | None:
    """Offers the first conversation of a queue that somebody can take to the best agent, in one short transaction.

    Args:
        rules: of each workstream.
        others: of workstreams that are missing there: taken out of the configuration, they strand nobody.

    Returns:
        The offer, or None when nothing waits that anybody could be offered now. To be called until it is None.
    """
    here = Queue(instance, queue, rules, now, others)
    while True:
        async with db.write() as connection:
            await db.one_at_a_time(connection, here.turn)
            kinds = await heads(connection, here)
            # agents are locked before rows of the board: what this unbinds is committed before anybody is chosen
            if await bindings.release(connection, here, kinds):
                continue
            choice = await choose(connection, here, kinds)
            if choice is None:
                return None
            offer = await push(db, connection, here, choice)
            # None: another queue, or an agent, was faster, and the next attempt sees what they did
            if offer:
                return offer


async def claim(
    db: Database,
    conversation_id: str,
    user: str,
    now: datetime,
    *,
    offer_for: timedelta = OFFER_FOR,
    over_capacity: bool = False,
) -> Offer | RefusalCode:
    """Gives an agent what they pick from a queue or resume, as an offer.

    The conversation has to confirm it like any other. A binding or an earlier rejection is not in the way, nor is the
    agent's presence. What is offered to them already is that offer.

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
        return refusal or await give(connection, conversation_id, user, now, offer_for)


def _why_not(row: Row, user: str) -> RefusalCode | None:
    """What about a conversation keeps an agent from having it."""
    if row.offer or row.stage == Stage.WORKING:
        return RefusalCode.TAKEN
    if row.stage == Stage.PARKED and row.agent != user:
        return RefusalCode.TAKEN
    return RefusalCode.NOT_WAITING if row.stage == Stage.WRAP_UP else None


async def _why_not_they(
    connection: AsyncConnection, row: Row, user: str, now: datetime, over_capacity: bool
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
    if not (is_serving or row.stage == Stage.PARKED):
        return RefusalCode.QUEUE_NOT_SERVED
    return None if over_capacity or free >= row.units else RefusalCode.NO_CAPACITY


async def told(db: Database, offer: Offer) -> None:
    """Notes that a conversation knows of an offer."""
    async with db.write() as connection:
        known = (_board.conversation_id == offer.conversation_id, _board.offer_id == offer.id)
        await connection.execute(update(schema.board).where(*known).values(told=True))


async def untold(db: Database, before: datetime, limit: int = 500) -> list[Offer]:
    """Offers made before an instant that their conversation does not know of: whoever was to tell it has died."""
    return await _offers(db, (_board.told.is_(False), _board.offered_at < before), limit)


async def overdue(db: Database, before: datetime, limit: int = 500) -> list[Offer]:
    """Offers whose time was over before an instant and that nobody has ended: their conversation should have."""
    return await _offers(db, (_board.offer_until < before,), limit)


async def offers_to(db: Database, instance: str, user: str) -> list[Offer]:
    """What an agent is offered, the oldest first."""
    return await _offers(db, (_board.instance == instance, _board.holder == user), limit=500)


async def offers_to_nobody(db: Database, limit: int = 500) -> list[Offer]:
    """What is offered to agents who are configured no more, or who have gone away or offline since, by whatever cause."""
    agent = schema.agents.c
    gone = and_(agent.presence.in_([Presence.AWAY, Presence.OFFLINE]), agent.presence_since > _board.offered_at)
    there = exists().where(agent.instance == _board.instance, agent.user == _board.holder, not_(gone))
    return await _offers(db, (~there,), limit)


async def revoke(db: Database, offer: Offer, outcome: Outcome, now: datetime) -> bool:
    """Takes an offer back that its conversation does not end itself. Returns whether it still stood.

    The conversation is as before: it goes on waiting, or is parked. Of a missed offer it is not known whose fault it was: it is
    passed on, and not counted.
    """
    async with db.write() as connection:
        row = await find_row(connection, offer.conversation_id)
        row = await lock(db, connection, offer.instance, row, [offer.user])
        if row is None or row.offer_id != offer.id:
            return False
        change = update(schema.board).where(_board.conversation_id == offer.conversation_id)
        await connection.execute(change.values(**NO_OFFER, holder=None, holds_until=None))
        await settle(db, connection, offer, outcome, now, counted=False)
        await lose(connection, offer.instance, offer.user, now, worked=False)
    return True


async def _offers(db: Database, conditions: Iterable[ColumnElement[bool]], limit: int) -> list[Offer]:
    query = select(*ROW).where(_board.offer_id.is_not(None), *conditions).order_by(_board.offered_at).limit(limit)
    async with db.read() as connection:
        rows = [Row(*row) for row in await connection.execute(query)]
    return [row.offer for row in rows if row.offer]
