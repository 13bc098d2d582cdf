"""What a conversation says of itself: written in the transaction of its own record, beside what the board has done meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.instants import MILLISECOND, whole_milliseconds
from domain.routing import FOREVER, OfferOutcome, Placement, RoutingStage
from routing.affinity import affinity_of
from routing.agent_notifications import former_agent, write_move_events
from routing.agent_status import end_offer, note_gained_contact, note_lost_contact, set_away
from routing.rows import NO_OFFER, RoutingRow, find_row, lock_agents_and_row
from store import schema
from store.database import Database

_routing = schema.routing.c
_SPELL = ("instance", "queue", "contact_id", "stage", "enqueued_at")
"""What stays the same during one spell of waiting, or of being parked."""
_OFFER = ("holder", "holds_until", *NO_OFFER)
"""The columns of a row that belong to an offer as long as it stands."""


async def write_placement(db: Database, connection: AsyncConnection, placement: Placement, now: datetime) -> None:
    """Brings the board to what a conversation says. Repeating it, or an older one after it, changes nothing.

    An offer that the board has made stands, unless the conversation says that this very offer is over or it has left the spell
    of waiting in which it was offered. A row that was taken off remembers no revision: call it only for a revision of the
    conversation that is new, in the transaction in which that is written.
    """
    row = await find_row(connection, placement.conversation_id)
    if row and row.revision > placement.revision:
        return
    says = await _what_it_says(connection, placement, now)
    if row and not placement.ended_offers and _is_known(row, says):
        change = update(schema.routing).where(_routing.conversation_id == placement.conversation_id)
        await connection.execute(change.values(revision=placement.revision))
        return
    former = await former_agent(connection, row)
    row = await _lock_concerned(db, connection, row, placement, (says["holder"], former, placement.agent))
    await _move(db, connection, row, placement, says, now)
    await write_move_events(connection, row, placement, former, now)


async def remove_from_routing(db: Database, conversation_id: str, now: datetime) -> None:
    """Takes a conversation off the board that cannot say so itself, because the engine does not know it any more."""
    async with db.write() as connection:
        row = await find_row(connection, conversation_id)
        if row:
            gone = Placement(
                conversation_id=conversation_id,
                revision=row.revision,
                instance=row.instance,
                queue=row.queue,
                workstream=row.workstream,
                contact_id=row.contact_id,
                stage=RoutingStage.OFF,
                enqueued_at=row.enqueued_at,
            )
            await write_placement(db, connection, gone, now)


async def _lock_concerned(
    db: Database,
    connection: AsyncConnection,
    row: RoutingRow | None,
    placement: Placement,
    others: Iterable[str | None],
) -> RoutingRow | None:
    """Locks everybody whom a move concerns, and the row. Returns it as it is now.

    Whom it is offered to can have changed before it was locked. Agents come before rows, so then all is let go and locked anew.
    """
    while True:
        users = {name for name in (row and row.holder, *others) if name}
        if not db.is_postgres:
            return await lock_agents_and_row(db, connection, placement.instance, row, users)
        async with connection.begin_nested() as attempt:
            locked = await lock_agents_and_row(db, connection, placement.instance, row, users)
            if locked is None or locked.holder is None or locked.holder in users:
                return locked
            await attempt.rollback()
        row = locked


async def _what_it_says(connection: AsyncConnection, placement: Placement, now: datetime) -> dict[str, Any]:
    """The columns of a row that belong to the conversation."""
    works, wraps_up = placement.stage is RoutingStage.WORKING, placement.stage is RoutingStage.WRAP_UP
    ends = placement.wrap_up_holds_until if wraps_up else None
    holds_until = FOREVER if works else ends and whole_milliseconds(ends)
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
        "priority": placement.priority,
        "enqueued_at": whole_milliseconds(placement.enqueued_at),
        "bound_to": bound_to,
        "bound_until": bound_until,
        "holder": placement.agent if holds_until else None,
        "holds_until": holds_until,
    }


def _is_known(row: RoutingRow, says: dict[str, Any]) -> bool:
    """Whether a row says so already; the holder of an offer is the board's."""
    routing_columns = {"revision", "holder", "holds_until"} if row.offer else {"revision"}
    known = asdict(row)
    return all(known[name] == value for name, value in says.items() if name not in routing_columns)


async def _move(
    db: Database,
    connection: AsyncConnection,
    row: RoutingRow | None,
    placement: Placement,
    says: dict[str, Any],
    now: datetime,
) -> None:
    """Writes a row that has changed, and what follows from it for agents, passes and waits."""
    outcome = _outcome(row, placement)
    same_spell = row is not None and _is_same_spell(row, says)
    stands = row is not None and row.offer is not None and outcome is None and same_spell
    offer = {name: getattr(row, name) for name in _OFFER} if stands else NO_OFFER
    after: dict[str, Any] = {**says, **offer}
    if placement.stage is RoutingStage.OFF:
        await connection.execute(delete(schema.routing).where(_routing.conversation_id == placement.conversation_id))
    else:
        await connection.execute(db.upsert(schema.routing, [after]))
    if row and row.offer and not stands:
        ended = outcome or OfferOutcome.WITHDRAWN
        await end_offer(db, connection, row.offer, ended, now, missed_offer_limit=placement.missed_offer_limit)
    if row and row.stage in (RoutingStage.QUEUED, RoutingStage.PARKED) and not same_spell:
        await _end_spell(db, connection, row, placement, now)
    if row and row.holder and row.holder != after["holder"]:
        await note_lost_contact(connection, row.instance, row.holder, now, worked=row.offer is None)
    this = {"conversation_id": placement.conversation_id}
    absent = _agents_of(placement, OfferOutcome.ABSENT)
    passed = absent | _agents_of(placement, OfferOutcome.REJECTED)
    if passed and placement.stage is RoutingStage.QUEUED:
        await connection.execute(
            db.upsert(schema.routing_rejections, [{**this, "user": user, "at": now} for user in passed])
        )
    for user in absent if placement.missed_offer_limit is not None else ():
        await set_away(connection, placement.instance, user, now)
    if after["holder"] and (row is None or row.holder != after["holder"]):
        await note_gained_contact(connection, placement.instance, after["holder"], now)


def _outcome(row: RoutingRow | None, placement: Placement) -> OfferOutcome | None:
    """How the offer that stands has ended, if the conversation says so of this very offer, or has gone to whom it was made."""
    if row is None or row.offer is None:
        return None
    ended = {offer.id: offer.outcome for offer in placement.ended_offers if offer.outcome is not OfferOutcome.ABSENT}
    taken = placement.stage is RoutingStage.WORKING and placement.agent == row.offer.user
    return ended.get(row.offer.id) or (OfferOutcome.ACCEPTED if taken else None)


def _agents_of(placement: Placement, outcome: OfferOutcome) -> set[str]:
    """Returns the agents whose offers ended with an outcome."""
    return {offer.user for offer in placement.ended_offers if offer.outcome is outcome}


def _is_same_spell(row: RoutingRow, says: dict[str, Any]) -> bool:
    """Whether a conversation still waits, or is parked, as it was."""
    return all(getattr(row, name) == says[name] for name in _SPELL)


async def _end_spell(
    db: Database, connection: AsyncConnection, row: RoutingRow, placement: Placement, now: datetime
) -> None:
    passes = schema.routing_rejections
    await connection.execute(delete(passes).where(passes.c.conversation_id == row.conversation_id))
    if row.stage == RoutingStage.QUEUED and placement.stage is RoutingStage.WORKING:
        wait = {
            "instance": row.instance,
            "queue": row.queue,
            "assigned_at": now,
            "conversation_id": row.conversation_id,
            "milliseconds": max(now - row.enqueued_at, timedelta()) // MILLISECOND,
        }
        await connection.execute(db.insert_new(schema.routing_waits, [wait]))
