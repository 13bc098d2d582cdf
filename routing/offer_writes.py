"""The writes with which a conversation is offered to an agent. Made once, like the queries of `looking`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Update, bindparam, exists, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.routing import FOREVER, Offer
from routing.agent_events import write_offer_event
from routing.agent_status import note_gained_contact
from routing.load import load_of
from routing.rows import ANY_AGENT, ROUTING_COLUMNS, RoutingRow, is_queued
from routing.selection import QueueView, Selection, lock_selected_agent
from store import schema
from store.database import Database
from store.schema import Instant

_routing, _agent = schema.routing.c, schema.agents.c
_CONVERSATION, _USER, _NOW = bindparam("which"), bindparam("to_user"), bindparam("now", type_=Instant)

_GIVE = (
    update(schema.routing)
    .where(_routing.conversation_id == _CONVERSATION)
    .values(
        holder=_USER,
        holds_until=FOREVER,
        offer_id=bindparam("new_id"),
        offered_at=_NOW,
        offer_until=bindparam("until"),
        delivered=False,
    )
    .returning(*ROUTING_COLUMNS)
)

_STILL_FREE = exists().where(
    _agent.instance == bindparam("of_instance"),
    _agent.user == _USER,
    _agent.status.in_(bindparam("statuses", expanding=True)),
    _agent.next_status.is_(None),
    _agent.disconnected_at.is_(None),
    _agent.capacity - load_of(bindparam("of_instance"), _USER, _NOW) >= bindparam("of_units"),
)

_PUSH = _GIVE.where(
    is_queued(schema.routing),
    _routing.instance == bindparam("of_instance"),
    _routing.queue == bindparam("of_queue"),
    _routing.units == bindparam("of_units"),
    _routing.bound_to.in_([ANY_AGENT, _USER]),
    _STILL_FREE,
)


async def write_pushed_offer(
    db: Database, connection: AsyncConnection, queue: QueueView, choice: Selection
) -> Offer | None:
    """Offers a chosen conversation; None if it, or its agent, is not as it was when they were chosen."""
    rules = queue.rules_of(choice.conversation.workstream)
    choice = await lock_selected_agent(db, connection, queue, choice)
    unchanged = {
        "of_instance": queue.instance,
        "of_queue": queue.name,
        "of_units": choice.conversation.units,
        "statuses": sorted(rules.statuses),
    }
    what = _given(choice.conversation.conversation_id, choice.user, queue.now, rules.offer_duration)
    return await _carry_out(connection, _PUSH, {**what, **unchanged}, claimed=False)


async def write_claimed_offer(
    connection: AsyncConnection, conversation_id: str, user: str, now: datetime, offer_duration: timedelta
) -> Offer:
    """Offers a conversation whose row is locked to an agent, whatever speaks against it."""
    offer = await _carry_out(connection, _GIVE, _given(conversation_id, user, now, offer_duration), claimed=True)
    assert offer
    return offer


def _given(conversation_id: str, user: str, now: datetime, offer_duration: timedelta) -> dict[str, Any]:
    return {"which": conversation_id, "to_user": user, "now": now, "until": now + offer_duration, "new_id": uuid4().hex}


async def _carry_out(
    connection: AsyncConnection, change: Update, values: dict[str, Any], *, claimed: bool
) -> Offer | None:
    found = (await connection.execute(change, values)).one_or_none()
    offer = None if found is None else RoutingRow(*found).offer
    if offer:
        await note_gained_contact(connection, offer.instance, offer.user, offer.offered_at)
        await write_offer_event(connection, offer, claimed=claimed)
    return offer
