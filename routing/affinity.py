"""Agent affinity: the only agent who may be offered a conversation, and when that restriction ends.

An affinity with an end (`bound_until` before `FOREVER`) is a preference. It also ends when its agent rejects or misses the
conversation, or does not receive offers of the workstream: the agent status is not among the workstream's, another status
follows, or the agent's client has no connection.

An affinity without an end is a requirement. It ends only when its agent no longer serves the queue, or has had a status that is
not among the workstream's for longer than `OfferRules.required_agent_timeout`. So no conversation waits for ever.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Update, exists, select, tuple_, update

from domain.instants import MILLISECOND, whole_milliseconds
from domain.routing import ABSENT_STATUSES, FOREVER, Offer, Placement, RoutingStage
from routing.rows import ANY_AGENT, has_affinity, is_queued
from routing.selection import FirstOfKind, QueueView, is_available
from store import schema
from store.transaction import Transaction


async def end_affinities(connection: Transaction, queue: QueueView, kinds: Sequence[FirstOfKind]) -> bool:
    """Removes the affinities in a queue that have ended. Returns whether it removed any.

    Locks rows of `routing`. Commit before you lock agents: agents come first in the lock order.
    """
    pairs_by_end: defaultdict[datetime, list[tuple[str, str]]] = defaultdict(list)
    for kind in kinds:
        if _has_ended(queue, kind):
            pairs_by_end[_latest_ended(queue, kind)].append((kind.first.workstream, kind.first.bound_to))
    table = schema.routing
    for until, pairs in pairs_by_end.items():
        await connection.execute(
            update(table)
            .where(table.c.instance == queue.instance, table.c.queue == queue.name, is_queued(table))
            .where(has_affinity(table))
            .where(tuple_(table.c.workstream, table.c.bound_to).in_(pairs), table.c.bound_until <= until)
            .values(bound_to=ANY_AGENT, bound_until=None)
        )
    return bool(pairs_by_end)


def has_ended(queue: QueueView, kinds: Sequence[FirstOfKind]) -> bool:
    """Whether one of the affinities in a queue has ended."""
    return any(_has_ended(queue, kind) for kind in kinds)


def _has_ended(queue: QueueView, kind: FirstOfKind) -> bool:
    return kind.first_until is not None and kind.first_until <= _latest_ended(queue, kind)


def _latest_ended(queue: QueueView, kind: FirstOfKind) -> datetime:
    """Returns the latest `bound_until` with which an affinity of this kind has ended."""
    rules, agent = queue.rules_of(kind.first.workstream), kind.agent
    if agent is None:
        return FOREVER
    if is_available(agent, rules):
        return queue.now
    is_over = agent.status not in rules.statuses and agent.status_since <= queue.now - rules.required_agent_timeout
    return FOREVER if is_over else FOREVER - MILLISECOND


async def affinity_of(connection: Transaction, placement: Placement, now: datetime) -> tuple[str, datetime | None]:
    """Returns the values of `bound_to` and `bound_until` for a placement.

    They are (`ANY_AGENT`, None) when the conversation is not queued, or its affinity has ended. A requirement has `FOREVER`.
    """
    if placement.stage is not RoutingStage.QUEUED or placement.bound_to is None:
        return ANY_AGENT, None
    until = whole_milliseconds(placement.bound_until) if placement.bound_until else FOREVER
    if until <= now or (placement.bound_until and await _was_rejected(connection, placement)):
        return ANY_AGENT, None
    return placement.bound_to, until


def preference_removal(offer: Offer) -> Update:
    """The statement that removes a conversation's preference for the agent of an offer. A requirement stays."""
    row = schema.routing.c
    preference = (row.bound_to == offer.user, row.bound_until < FOREVER)
    change = update(schema.routing).where(row.conversation_id == offer.conversation_id, *preference)
    return change.values(bound_to=ANY_AGENT, bound_until=None)


async def is_reserved_for(connection: Transaction, placement: Placement, user: str) -> bool:
    """Whether a placement names this agent for its affinity, and the agent is connected and neither away nor offline."""
    if placement.bound_to != user:
        return False
    agent = schema.agents.c
    this_agent = (agent.instance == placement.instance, agent.user == user)
    query = select(agent.status).where(*this_agent, agent.disconnected_at.is_(None))
    return (await connection.execute(query)).scalar_one_or_none() not in (None, *ABSENT_STATUSES)


async def _was_rejected(connection: Transaction, placement: Placement) -> bool:
    rejections = schema.routing_rejections.c
    rejection = exists().where(
        rejections.conversation_id == placement.conversation_id, rejections.user == placement.bound_to
    )
    return (await connection.execute(select(rejection))).scalar_one()
