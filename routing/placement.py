"""Writes placements: the place of a conversation in routing, as its workflow decides.

A placement is written in the transaction of the conversation's own record. The offer in the same row belongs to routing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.instants import MILLISECOND, whole_milliseconds
from domain.routing import FOREVER, EndedOffer, OfferOutcome, Placement, RoutingStage
from routing.affinity import affinity_of
from routing.agent_events import AgentId, ended_offer
from routing.agent_status import apply_offer_outcome, note_assignment, note_contact_gone, set_away
from routing.placement_events import previous_agent, write_placement_events
from routing.rows import NO_OFFER, RoutingRow, find_row, lock_agents_and_row, queued_since
from store import schema
from store.database import Database
from store.transaction import Transaction

_routing = schema.routing.c
_WAIT_COLUMNS = ("instance", "queue", "contact_id", "stage", "enqueued_at")
"""The columns that identify one wait in a queue, or one time of being parked."""
_OFFER_COLUMNS = ("holder", "holds_until", *NO_OFFER)
"""The columns of a row that belong to its offer while it has one."""


class OfferOver(Exception):
    """A placement accepts an offer that routing has ended. The transaction must be rolled back.

    Attributes:
        offer: the offer, with the outcome that routing gave it.
    """

    def __init__(self, offer: EndedOffer) -> None:
        super().__init__(offer.id)
        self.offer = offer


async def write_placement(db: Database, connection: Transaction, placement: Placement, now: datetime) -> None:
    """Writes a conversation's placement, with its effects on the offer, the agents, the rejections and the wait times.

    Idempotent; an older revision than the stored one changes nothing. A deleted row has no revision any more. So call it only
    when the revision is new to the conversation's record, in the transaction that writes that record.

    An offer stays unless the placement reports its end, or ends its wait.

    Locks the previous agent, the present one and the holder, then the row.

    Raises:
        OfferOver: the placement accepts an offer that routing has ended. Its capacity can be in use again.
    """
    row = await find_row(connection, placement.conversation_id)
    if row and row.revision > placement.revision:
        return
    columns = await _placement_columns(connection, placement, now) | _rank_columns(row, placement)
    if row and not placement.ended_offers and _is_unchanged(row, columns):
        change = update(schema.routing).where(_routing.conversation_id == placement.conversation_id)
        await connection.execute(change.values(revision=placement.revision))
        return
    previous = await previous_agent(connection, row)
    row = await _lock_agents_and_row(db, connection, row, placement, (columns["holder"], previous, placement.agent))
    await _check_accepted_offer(connection, row, placement)
    columns |= _rank_columns(row, placement)
    await _write_change(db, connection, row, placement, columns, now)
    await write_placement_events(connection, row, placement, previous, now)


async def remove_from_routing(db: Database, conversation_id: str, now: datetime) -> None:
    """Removes a conversation whose workflow is gone, so that it cannot write its last placement. Idempotent.

    It has the effects of a placement with the stage `OFF`.
    """
    async with db.write() as connection:
        row = await find_row(connection, conversation_id)
        if row:
            off = Placement(
                conversation_id=conversation_id,
                revision=row.revision,
                instance=row.instance,
                queue=row.queue,
                workstream=row.workstream,
                contact_id=row.contact_id,
                stage=RoutingStage.OFF,
                enqueued_at=row.enqueued_at,
            )
            await write_placement(db, connection, off, now)


async def _lock_agents_and_row(
    db: Database,
    connection: Transaction,
    row: RoutingRow | None,
    placement: Placement,
    others: Iterable[str | None],
) -> RoutingRow | None:
    """Locks the holder and the other agents, then the row. Returns the row as it is now.

    The holder can change before the row is locked. Agents come before rows in the lock order, so then a savepoint releases all
    locks, and they are taken again with the new holder.
    """
    while True:
        users = {name for name in (row and row.holder, *others) if name}
        if not isinstance(connection, AsyncConnection):  # SQLite has no row locks
            return await lock_agents_and_row(db, connection, placement.instance, row, users)
        async with connection.begin_nested() as attempt:
            locked = await lock_agents_and_row(db, connection, placement.instance, row, users)
            if locked is None or locked.holder is None or locked.holder in users:
                return locked
            await attempt.rollback()
        row = locked


async def _placement_columns(connection: Transaction, placement: Placement, now: datetime) -> dict[str, Any]:
    """Returns the values of the columns that belong to the conversation."""
    is_working, is_wrap_up = placement.stage is RoutingStage.WORKING, placement.stage is RoutingStage.WRAP_UP
    wrap_up_until = placement.wrap_up_holds_until if is_wrap_up else None
    holds_until = FOREVER if is_working else wrap_up_until and whole_milliseconds(wrap_up_until)
    bound_to, bound_until = await affinity_of(connection, placement, now)
    return {
        "conversation_id": placement.conversation_id,
        "revision": placement.revision,
        "instance": placement.instance,
        "queue": placement.queue,
        "workstream": placement.workstream,
        "contact_id": placement.contact_id,
        "stage": placement.stage,
        "agent": placement.agent,
        "units": placement.units,
        "in_turn": not placement.ahead,
        "enqueued_at": whole_milliseconds(placement.enqueued_at),
        "bound_to": bound_to,
        "bound_until": bound_until,
        "holder": placement.agent if holds_until else None,
        "holds_until": holds_until,
    }


def _rank_columns(row: RoutingRow | None, placement: Placement) -> dict[str, Any]:
    """Returns the columns of the place in the queue. What a backend has set counts until another contact follows."""
    kept = row if row and row.contact_id == placement.contact_id else None
    set_priority, adjustment = (kept.set_priority, kept.time_adjustment) if kept else (None, 0)
    return {
        "set_priority": set_priority,
        "priority": placement.priority if set_priority is None else set_priority,
        "time_adjustment": adjustment,
        "queued_since": queued_since(whole_milliseconds(placement.enqueued_at), adjustment),
    }


def _is_unchanged(row: RoutingRow, columns: dict[str, Any]) -> bool:
    """Whether a row has these values already. While it has an offer, the holder belongs to the offer and is not compared."""
    ignored = {"revision", "holder", "holds_until"} if row.offer else {"revision"}
    stored = asdict(row)
    return all(stored[name] == value for name, value in columns.items() if name not in ignored)


async def _write_change(
    db: Database,
    connection: Transaction,
    row: RoutingRow | None,
    placement: Placement,
    columns: dict[str, Any],
    now: datetime,
) -> None:
    """Writes a changed row, and its effects on the offer, the agents, the rejections and the wait times."""
    outcome = _offer_outcome(row, placement)
    same_wait = row is not None and _is_same_wait(row, columns)
    keeps_offer = row is not None and row.offer is not None and outcome is None and same_wait
    offer = {name: getattr(row, name) for name in _OFFER_COLUMNS} if keeps_offer else NO_OFFER
    after: dict[str, Any] = {**columns, **offer}
    if placement.stage is RoutingStage.OFF:
        await connection.execute(delete(schema.routing).where(_routing.conversation_id == placement.conversation_id))
    else:
        await db.upsert(connection, schema.routing, [after])
    if row and row.offer and not keeps_offer:
        ended = outcome or OfferOutcome.WITHDRAWN
        await apply_offer_outcome(
            db, connection, row.offer, ended, now, missed_offer_limit=placement.missed_offer_limit
        )
    if row and row.stage in (RoutingStage.QUEUED, RoutingStage.PARKED) and not same_wait:
        await _end_wait(db, connection, row, placement, now)
    if row and row.holder and row.holder != after["holder"]:
        await note_contact_gone(connection, row.instance, row.holder, now, worked=row.offer is None)
    this_conversation = {"conversation_id": placement.conversation_id}
    absent = _agents_of(placement, OfferOutcome.ABSENT)
    rejected_by = absent | _agents_of(placement, OfferOutcome.REJECTED)
    if rejected_by and placement.stage is RoutingStage.QUEUED:
        rejections = [{**this_conversation, "user": user, "at": now} for user in rejected_by]
        await db.upsert(connection, schema.routing_rejections, rejections)
    for user in absent if placement.missed_offer_limit is not None else ():
        await set_away(connection, placement.instance, user, now)
    if after["holder"] and (row is None or row.holder != after["holder"]):
        await note_assignment(connection, placement.instance, after["holder"], now)


async def _check_accepted_offer(connection: Transaction, row: RoutingRow | None, placement: Placement) -> None:
    """Raises `OfferOver` when the agent works on the conversation because of an offer that routing has ended."""
    accepted = [offer for offer in placement.ended_offers if offer.outcome is OfferOutcome.ACCEPTED]
    if placement.stage is not RoutingStage.WORKING or not accepted:
        return
    offer = accepted[-1]
    if offer.user != placement.agent or (row and row.offer_id == offer.id):
        return
    # an operator's offer has no event, and the offer of a repeated write is accepted
    found = await ended_offer(connection, AgentId(placement.instance, offer.user), offer.id)
    if found and found[1] is not OfferOutcome.ACCEPTED:
        raise OfferOver(EndedOffer(id=offer.id, user=offer.user, outcome=found[1]))


def _offer_outcome(row: RoutingRow | None, placement: Placement) -> OfferOutcome | None:
    """Returns how the row's offer ended; None when there is no offer, or the placement does not report its end.

    An offer also counts as accepted when its agent works on the conversation.
    """
    if row is None or row.offer is None:
        return None
    outcomes = {offer.id: offer.outcome for offer in placement.ended_offers if offer.outcome is not OfferOutcome.ABSENT}
    accepted = placement.stage is RoutingStage.WORKING and placement.agent == row.offer.user
    return outcomes.get(row.offer.id) or (OfferOutcome.ACCEPTED if accepted else None)


def _agents_of(placement: Placement, outcome: OfferOutcome) -> set[str]:
    """Returns the agents whose offers ended with an outcome."""
    return {offer.user for offer in placement.ended_offers if offer.outcome is outcome}


def _is_same_wait(row: RoutingRow, columns: dict[str, Any]) -> bool:
    """Whether the wait, or the time of being parked, continues."""
    return all(getattr(row, name) == columns[name] for name in _WAIT_COLUMNS)


async def _end_wait(
    db: Database, connection: Transaction, row: RoutingRow, placement: Placement, now: datetime
) -> None:
    """Deletes the rejections of the ended wait. Records the wait time when an agent works on the conversation now."""
    rejections = schema.routing_rejections
    await connection.execute(delete(rejections).where(rejections.c.conversation_id == row.conversation_id))
    if row.stage == RoutingStage.QUEUED and placement.stage is RoutingStage.WORKING:
        wait = {
            "instance": row.instance,
            "queue": row.queue,
            "assigned_at": now,
            "conversation_id": row.conversation_id,
            "milliseconds": max(now - row.enqueued_at, timedelta()) // MILLISECOND,
        }
        await db.insert_new(connection, schema.routing_waits, [wait])
