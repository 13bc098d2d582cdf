"""The writes that make an offer. The statements are built once, because building takes longer than running them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Update, bindparam, exists, update

from domain.routing import FOREVER, Offer
from routing.agent_events import write_offer_event
from routing.agent_status import note_assignment
from routing.load import load_of
from routing.rows import ANY_AGENT, ROUTING_COLUMNS, RoutingRow, is_queued
from routing.selection import QueueView, Selection, lock_selected_agent
from store import schema
from store.database import Database
from store.feed_derivation import event_of_offer
from store.feed_writes import lock_numbers, write_events
from store.schema import Instant
from store.transaction import Transaction

_routing, _agent = schema.routing.c, schema.agents.c
_CONVERSATION, _USER, _NOW = bindparam("where_conversation"), bindparam("to_user"), bindparam("now", type_=Instant)

_OFFER = (
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

_AGENT_IS_UNCHANGED = exists().where(
    _agent.instance == bindparam("where_instance"),
    _agent.user == _USER,
    _agent.status.in_(bindparam("statuses", expanding=True)),
    _agent.next_status.is_(None),
    _agent.disconnected_at.is_(None),
    _agent.last_assigned_at.is_not_distinct_from(bindparam("last_assigned_at", type_=Instant)),
    _agent.capacity - load_of(bindparam("where_instance"), _USER, _NOW) >= bindparam("where_units"),
)

_OFFER_IF_UNCHANGED = _OFFER.where(
    is_queued(schema.routing),
    _routing.instance == bindparam("where_instance"),
    _routing.queue == bindparam("where_queue"),
    _routing.units == bindparam("where_units"),
    _routing.bound_to.in_([ANY_AGENT, _USER]),
    _AGENT_IS_UNCHANGED,
)


async def write_pushed_offer(
    db: Database, connection: Transaction, queue: QueueView, selection: Selection
) -> Offer | None:
    """Offers the selected conversation to the selected agent, or to the next best agent while another process locks that one.

    The selection may be from an earlier transaction. Locks the checkpoint, the agent, and then the row. Writes the agent
    event and the event of the feed.

    Returns:
        None, and nothing is written, when the conversation or the agent changed after the selection.
    """
    rules = queue.rules_of(selection.conversation.workstream)
    await lock_numbers(connection, selection.conversation.conversation_id)
    selection = await lock_selected_agent(db, connection, queue, selection)
    conversation = selection.conversation
    unchanged = {
        "where_instance": queue.instance,
        "where_queue": queue.name,
        "where_units": conversation.units,
        "statuses": sorted(rules.statuses),
        "last_assigned_at": selection.last_assigned_at,
    }
    offer = _offer_values(conversation.conversation_id, selection.user, queue.now, rules.offer_duration)
    made = await _write_offer(connection, _OFFER_IF_UNCHANGED, {**offer, **unchanged}, claimed=False)
    if made:
        await write_events(db, connection, [(made.conversation_id, [event_of_offer(made)])])
    return made


async def write_claimed_offer(
    connection: Transaction, conversation_id: str, user: str, now: datetime, offer_duration: timedelta
) -> Offer:
    """Offers a conversation to the agent who claims it, without any check. Writes the agent event.

    The caller has locked the agent and the row.
    """
    values = _offer_values(conversation_id, user, now, offer_duration)
    offer = await _write_offer(connection, _OFFER, values, claimed=True)
    assert offer
    return offer


def _offer_values(conversation_id: str, user: str, now: datetime, offer_duration: timedelta) -> dict[str, Any]:
    return {
        "where_conversation": conversation_id,
        "to_user": user,
        "now": now,
        "until": now + offer_duration,
        "new_id": uuid4().hex,
    }


async def _write_offer(
    connection: Transaction, statement: Update, values: dict[str, Any], *, claimed: bool
) -> Offer | None:
    found = (await connection.execute(statement, values)).one_or_none()
    offer = None if found is None else RoutingRow(*found).offer
    if offer:
        await note_assignment(connection, offer.instance, offer.user, offer.offered_at)
        await write_offer_event(connection, offer, claimed=claimed)
    return offer
