"""What a conversation says of itself: written in the transaction of its own record, beside what the board has done meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import schema
from store.board.bindings import binding
from store.board.presence import gain, go_away, lose, settle
from store.board.rows import NO_OFFER, Row, find_row, lock
from store.board.telling import former_agent, tell_of_move
from store.board.values import Outcome, Placement, Stage
from store.database import Database
from store.schema import FOREVER, MILLISECOND, whole

_board = schema.board.c
_SPELL = ("instance", "queue", "contact_id", "stage", "enqueued_at")
"""What stays the same during one spell of waiting, or of being parked."""
_OFFER = ("holder", "holds_until", *NO_OFFER)
"""The columns of a row that belong to an offer as long as it stands."""


async def place(db: Database, connection: AsyncConnection, placement: Placement, now: datetime) -> None:
    """Brings the board to what a conversation says. Repeating it, or an older one after it, changes nothing.

    An offer that the board has made stands, unless the conversation says that this very offer is over or it has left the spell
    of waiting in which it was offered. A row that was taken off remembers no revision: call it only for a revision of the
    conversation that is new, in the transaction in which that is written.
    """
    row = await find_row(connection, placement.conversation_id)
    if row and row.revision > placement.revision:
        return
    says = await _what_it_says(connection, placement, now)
    if row and not placement.settled and _is_known(row, says):
        change = update(schema.board).where(_board.conversation_id == placement.conversation_id)
        await connection.execute(change.values(revision=placement.revision))
        return
    former = await former_agent(connection, row)
    row = await _lock_concerned(db, connection, row, placement, (says["holder"], former, placement.agent))
    await _move(db, connection, row, placement, says, now)
    await tell_of_move(connection, row, placement, former, now)


async def take_off(db: Database, conversation_id: str, now: datetime) -> None:
    """Takes a conversation off the board that cannot say so itself, because the engine does not know it any more."""
    async with db.write() as connection:
        row = await find_row(connection, conversation_id)
        if row:
            where = (row.instance, row.queue, row.workstream, row.contact_id)
            gone = Placement(conversation_id, row.revision, *where, stage=None, enqueued_at=row.enqueued_at)
            await place(db, connection, gone, now)


async def _lock_concerned(
    db: Database, connection: AsyncConnection, row: Row | None, placement: Placement, others: Iterable[str | None]
) -> Row | None:
    """Locks everybody whom a move concerns, and the row. Returns it as it is now.

    Whom it is offered to can have changed before it was locked. Agents come before rows, so then all is let go and locked anew.
    """
    while True:
        users = {name for name in (row and row.holder, *others) if name}
        if not db.is_postgres:
            return await lock(db, connection, placement.instance, row, users)
        async with connection.begin_nested() as attempt:
            locked = await lock(db, connection, placement.instance, row, users)
            if locked is None or locked.holder is None or locked.holder in users:
                return locked
            await attempt.rollback()
        row = locked


async def _what_it_says(connection: AsyncConnection, placement: Placement, now: datetime) -> dict[str, Any]:
    """The columns of a row that belong to the conversation."""
    works, wraps_up = placement.stage is Stage.WORKING, placement.stage is Stage.WRAP_UP
    ends = placement.wrap_up_holds_until if wraps_up else None
    holds_until = FOREVER if works else ends and whole(ends)
    bound_to, bound_until = await binding(connection, placement, now)
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
        "enqueued_at": whole(placement.enqueued_at),
        "bound_to": bound_to,
        "bound_until": bound_until,
        "holder": placement.agent if holds_until else None,
        "holds_until": holds_until,
    }


def _is_known(row: Row, says: dict[str, Any]) -> bool:
    """Whether a row says so already; the holder of an offer is the board's."""
    board_s = {"revision", "holder", "holds_until"} if row.offer else {"revision"}
    known = asdict(row)
    return all(known[name] == value for name, value in says.items() if name not in board_s)


async def _move(
    db: Database,
    connection: AsyncConnection,
    row: Row | None,
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
    if placement.stage is None:
        await connection.execute(delete(schema.board).where(_board.conversation_id == placement.conversation_id))
    else:
        await connection.execute(db.upsert(schema.board, [after]))
    if row and row.offer and not stands:
        ended = outcome or Outcome.WITHDRAWN
        await settle(db, connection, row.offer, ended, now, miss_limit=placement.miss_limit)
    if row and row.stage in (Stage.QUEUED, Stage.PARKED) and not same_spell:
        await _end_spell(db, connection, row, placement, now)
    if row and row.holder and row.holder != after["holder"]:
        await lose(connection, row.instance, row.holder, now, worked=row.offer is None)
    this, passed = {"conversation_id": placement.conversation_id}, {*placement.passed_by, *placement.absent}
    if passed and placement.stage is Stage.QUEUED:
        await connection.execute(db.upsert(schema.board_passes, [{**this, "user": user, "at": now} for user in passed]))
    for user in placement.absent if placement.miss_limit is not None else ():
        await go_away(connection, placement.instance, user, now)
    if after["holder"] and (row is None or row.holder != after["holder"]):
        await gain(connection, placement.instance, after["holder"], now)


def _outcome(row: Row | None, placement: Placement) -> Outcome | None:
    """How the offer that stands has ended, if the conversation says so of this very offer, or has gone to whom it was made."""
    if row is None or row.offer is None:
        return None
    ended = {settled.offer_id: settled.outcome for settled in placement.settled}
    taken = placement.stage is Stage.WORKING and placement.agent == row.offer.user
    return ended.get(row.offer.id) or (Outcome.ACCEPTED if taken else None)


def _is_same_spell(row: Row, says: dict[str, Any]) -> bool:
    """Whether a conversation still waits, or is parked, as it was."""
    return all(getattr(row, name) == says[name] for name in _SPELL)


async def _end_spell(db: Database, connection: AsyncConnection, row: Row, placement: Placement, now: datetime) -> None:
    passes = schema.board_passes
    await connection.execute(delete(passes).where(passes.c.conversation_id == row.conversation_id))
    if row.stage == Stage.QUEUED and placement.stage is Stage.WORKING:
        wait = {
            "instance": row.instance,
            "queue": row.queue,
            "taken_at": now,
            "conversation_id": row.conversation_id,
            "milliseconds": max(now - row.enqueued_at, timedelta()) // MILLISECOND,
        }
        await connection.execute(db.insert_new(schema.board_waits, [wait]))
