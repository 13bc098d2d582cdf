"""The writes with which a conversation is offered to an agent. Made once, like the queries of `looking`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Update, bindparam, exists, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import schema
from store.board.desk import tell_of_offer
from store.board.load import load_of
from store.board.presence import gain
from store.board.routing import Choice, Queue, lock_best
from store.board.rows import ANYBODY, ROW, Row, is_waiting
from store.board.values import Offer
from store.database import Database
from store.schema import FOREVER, Instant

_board, _agent = schema.board.c, schema.agents.c
_CONVERSATION, _USER, _NOW = bindparam("which"), bindparam("to_user"), bindparam("now", type_=Instant)

_GIVE = (
    update(schema.board)
    .where(_board.conversation_id == _CONVERSATION)
    .values(
        holder=_USER,
        holds_until=FOREVER,
        offer_id=bindparam("new_id"),
        offered_at=_NOW,
        offer_until=bindparam("until"),
        told=False,
    )
    .returning(*ROW)
)

_STILL_FREE = exists().where(
    _agent.instance == bindparam("of_instance"),
    _agent.user == _USER,
    _agent.presence.in_(bindparam("presences", expanding=True)),
    _agent.next_presence.is_(None),
    _agent.lost_at.is_(None),
    _agent.capacity - load_of(bindparam("of_instance"), _USER, _NOW) >= bindparam("of_units"),
)

_PUSH = _GIVE.where(
    is_waiting(schema.board),
    _board.instance == bindparam("of_instance"),
    _board.queue == bindparam("of_queue"),
    _board.units == bindparam("of_units"),
    _board.bound_to.in_([ANYBODY, _USER]),
    _STILL_FREE,
)


async def push(db: Database, connection: AsyncConnection, queue: Queue, choice: Choice) -> Offer | None:
    """Offers a chosen conversation; None if it, or its agent, is not as it was when they were chosen."""
    rules = queue.rules_of(choice.conversation.workstream)
    choice = await lock_best(db, connection, queue, choice)
    unchanged = {
        "of_instance": queue.instance,
        "of_queue": queue.name,
        "of_units": choice.conversation.units,
        "presences": sorted(rules.presences),
    }
    what = _given(choice.conversation.conversation_id, choice.user, queue.now, rules.offer_for)
    return await _carry_out(connection, _PUSH, {**what, **unchanged}, claimed=False)


async def give(
    connection: AsyncConnection, conversation_id: str, user: str, now: datetime, offer_for: timedelta
) -> Offer:
    """Offers a conversation whose row is locked to an agent, whatever speaks against it."""
    offer = await _carry_out(connection, _GIVE, _given(conversation_id, user, now, offer_for), claimed=True)
    assert offer
    return offer


def _given(conversation_id: str, user: str, now: datetime, offer_for: timedelta) -> dict[str, Any]:
    return {"which": conversation_id, "to_user": user, "now": now, "until": now + offer_for, "new_id": uuid4().hex}


async def _carry_out(
    connection: AsyncConnection, change: Update, values: dict[str, Any], *, claimed: bool
) -> Offer | None:
    found = (await connection.execute(change, values)).one_or_none()
    offer = None if found is None else Row(*found).offer
    if offer:
        await gain(connection, offer.instance, offer.user, offer.offered_at)
        await tell_of_offer(connection, offer, claimed=claimed)
    return offer
