"""Offers. Routing pushes a queued conversation to an agent, or an agent claims one.

An offer uses the agent's capacity from the start. The conversation is notified afterwards, at least once: when the process dies
in between, `undelivered_offers` finds the offer. The conversation answers with its next placement.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, not_, select, update

from domain.refusals import RefusalCode
from domain.routing import ABSENT_STATUSES, OFFER_DURATION, Offer, OfferOutcome, RoutingStage
from routing import affinity
from routing.agent_status import apply_offer_outcome, note_contact_gone
from routing.load import load_of
from routing.offer_writes import write_claimed_offer, write_pushed_offer
from routing.records import OfferRules
from routing.rows import NO_OFFER, ROUTING_COLUMNS, RoutingRow, find_row, lock_agents, lock_agents_and_row
from routing.selection import DEFAULT_RULES, QueueView, first_of_each_kind, select_offer
from store import schema
from store.database import Database
from store.transaction import Transaction

_routing = schema.routing.c


async def offer_next(
    db: Database,
    instance: str,
    queue: str,
    rules: Mapping[str, OfferRules],
    now: datetime,
    *,
    rules_of_unconfigured: OfferRules = DEFAULT_RULES,
) -> Offer | None:
    """Offers the first conversation of a queue that an agent can take to the best agent. Call it until it returns None.

    It selects conversation and agent without a lock, because a selection takes longer than the writes, and most find nothing.
    Then it writes in one short transaction, under the advisory lock of the queue's offers, provided that neither has changed.
    Else it selects again under the lock. So several processes may call it.

    Args:
        rules: the offer rules by workstream.
        rules_of_unconfigured: those of the other workstreams, which the configuration no longer has.

    Returns:
        The offer, or None when no queued conversation can be offered to an agent now.
    """
    view = QueueView(instance, queue, rules, now, rules_of_unconfigured)
    async with db.read() as connection:
        kinds = await first_of_each_kind(connection, view)
        affinity_has_ended = affinity.has_ended(view, kinds)
        selection = None if affinity_has_ended else await select_offer(connection, view, kinds)
    if selection is None and not affinity_has_ended:
        return None
    if selection:
        async with db.write() as connection:
            await db.take_advisory_lock(connection, view.offer_lock)
            offer = await write_pushed_offer(db, connection, view, selection)
        if offer:
            return offer
    return await _offer_under_lock(db, view)


async def _offer_under_lock(db: Database, view: QueueView) -> Offer | None:
    """Selects and writes under the lock, so that no other offer comes in between. See `offer_next`."""
    while True:
        async with db.write() as connection:
            await db.take_advisory_lock(connection, view.offer_lock)
            kinds = await first_of_each_kind(connection, view)
            # agents come before rows in the lock order: commit the ended affinities, which lock rows, before an agent is locked
            if await affinity.end_affinities(connection, view, kinds):
                continue
            selection = await select_offer(connection, view, kinds)
            if selection is None:
                return None
            # None: the conversation or the agent changed after the selection, and the next attempt reads the change
            if offer := await write_pushed_offer(db, connection, view, selection):
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
    """Offers an agent the conversation that they pick from a queue, or the parked one that they resume.

    The conversation accepts it as any other offer. Affinity, earlier rejections and the agent status do not prevent a claim.
    Idempotent: returns the present offer when the conversation is already offered to this agent. Locks the agent, then the row.

    Args:
        over_capacity: whether the claim succeeds without enough free capacity.

    Returns:
        The offer, or the reason of the refusal: NOT_WAITING, TAKEN, UNKNOWN_AGENT, QUEUE_NOT_SERVED or NO_CAPACITY.
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
        refusal = _refusal_by_stage(row, user) or await _refusal_by_agent(connection, row, user, now, over_capacity)
        return refusal or await write_claimed_offer(connection, conversation_id, user, now, offer_duration)


def _refusal_by_stage(row: RoutingRow, user: str) -> RefusalCode | None:
    """Returns why the conversation's stage or offer prevents a claim; None when it does not."""
    if row.offer or row.stage == RoutingStage.WORKING:
        return RefusalCode.TAKEN
    if row.stage == RoutingStage.PARKED and row.agent != user:
        return RefusalCode.TAKEN
    return RefusalCode.NOT_WAITING if row.stage == RoutingStage.WRAP_UP else None


async def _refusal_by_agent(
    connection: Transaction, row: RoutingRow, user: str, now: datetime, over_capacity: bool
) -> RefusalCode | None:
    """Returns why the agent's queues or capacity prevent a claim; None when they do not."""
    agent, served = schema.agents.c, schema.agent_queues.c
    serves = exists().where(served.instance == row.instance, served.queue == row.queue, served.user == user)
    query = select(serves, agent.capacity - load_of(row.instance, user, now)).where(
        agent.instance == row.instance, agent.user == user
    )
    found = (await connection.execute(query)).one_or_none()
    if found is None:
        return RefusalCode.UNKNOWN_AGENT
    is_serving, free_units = found
    # an agent may resume a parked conversation of any queue
    if not (is_serving or row.stage == RoutingStage.PARKED):
        return RefusalCode.QUEUE_NOT_SERVED
    return None if over_capacity or free_units >= row.units else RefusalCode.NO_CAPACITY


async def mark_delivered(db: Database, offer: Offer) -> None:
    """Records that a conversation was notified of an offer. Idempotent; no effect after the offer ended."""
    async with db.write() as connection:
        this_offer = (_routing.conversation_id == offer.conversation_id, _routing.offer_id == offer.id)
        await connection.execute(update(schema.routing).where(*this_offer).values(delivered=True))


async def undelivered_offers(db: Database, before: datetime, limit: int = 500) -> list[Offer]:
    """Offers made before an instant whose conversation was not notified, oldest first: the offering process died."""
    return await _offers(db, (_routing.delivered.is_(False), _routing.offered_at < before), limit)


async def overdue_offers(db: Database, before: datetime, limit: int = 500) -> list[Offer]:
    """Offers that expired before an instant and that their conversation should have ended, oldest first."""
    return await _offers(db, (_routing.offer_until < before,), limit)


async def offers_to_agent(db: Database, instance: str, user: str) -> list[Offer]:
    """The present offers to an agent, oldest first, at most 500."""
    return await _offers(db, (_routing.instance == instance, _routing.holder == user), limit=500)


async def offers_to_absent_agents(db: Database, limit: int = 500) -> list[Offer]:
    """Offers to agents who were removed, or whose status became away or offline after the offer, oldest first."""
    agent = schema.agents.c
    absent = and_(agent.status.in_(ABSENT_STATUSES), agent.status_since > _routing.offered_at)
    present = exists().where(agent.instance == _routing.instance, agent.user == _routing.holder, not_(absent))
    return await _offers(db, (~present,), limit)


async def end_offer(db: Database, offer: Offer, outcome: OfferOutcome, now: datetime) -> bool:
    """Ends an offer that its conversation does not end itself. The conversation stays queued or parked.

    Idempotent. Locks the agent, then the row. The outcome `MISSED` does not increment the agent's missed-offer count, because it
    is unknown whether the agent or the conversation failed; the conversation is still not soon offered to this agent again.

    Returns:
        False when the offer had ended before.
    """
    async with db.write() as connection:
        row = await find_row(connection, offer.conversation_id)
        row = await lock_agents_and_row(db, connection, offer.instance, row, [offer.user])
        if row is None or row.offer_id != offer.id:
            return False
        change = update(schema.routing).where(_routing.conversation_id == offer.conversation_id)
        await connection.execute(change.values(**NO_OFFER, holder=None, holds_until=None))
        await apply_offer_outcome(db, connection, offer, outcome, now, counted=False)
        await note_contact_gone(connection, offer.instance, offer.user, now, worked=False)
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
