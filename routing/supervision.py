"""Open contacts and queue lengths, for supervisors and metrics.

Open contacts have a place in routing: queued, with an agent, parked, or in an agent's wrap-up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select

from domain.routing import RoutingStage
from routing.rows import is_queued
from store import schema
from store.database import Database

_routing, _conversation = schema.routing.c, schema.conversations.c


@dataclass(frozen=True, slots=True)
class SupervisedContact:
    """A contact with a place in routing: queued, with an agent, parked, or in an agent's wrap-up.

    Attributes:
        since: when the present stage began.
        units: the capacity that it uses while an agent works on it.
        agent: the agent who works on it, has parked it or wraps it up; None without such an agent.
        offered_to: the agent of its offer; None without an offer.
        offered_until: when the offer expires; None without an offer.
    """

    contact_id: str
    conversation_id: str
    workstream: str
    queue: str
    mode: str
    state: str
    started_at: datetime
    since: datetime
    units: int
    agent: str | None
    offered_to: str | None
    offered_until: datetime | None


async def open_contacts(
    db: Database,
    instance: str,
    *,
    state: str | None = None,
    queue: str | None = None,
    agent: str | None = None,
    limit: int = 1_000,
) -> list[SupervisedContact]:
    """The contacts of an instance with a place in routing, in the order of their conversations' start, at most `limit`.

    Args:
        state: only conversations in this state; None for all.
        queue: only contacts of this queue; None for all.
        agent: only contacts of this agent, including those offered to them; None for all.
    """
    columns = (
        *(_routing.contact_id, _routing.conversation_id, _routing.workstream, _routing.queue),
        *(_conversation.mode, _conversation.state, _conversation.started_at, _routing.enqueued_at, _routing.units),
        *(_routing.agent, _routing.holder, _routing.offer_id, _routing.offer_until),
    )
    query = (
        select(*columns)
        .join(schema.conversations, _conversation.id == _routing.conversation_id)
        .where(*_are_listed(instance, queue, agent))
        .order_by(_conversation.started_at, _conversation.id)
        .limit(limit)
    )
    if state is not None:
        query = query.where(_conversation.state == state)
    return [_supervised_contact(*row) for row in await db.rows(query)]


def _are_listed(instance: str, queue: str | None, agent: str | None) -> Iterator[ColumnElement[bool]]:
    """Yields the conditions for one instance, queue and agent. They allow one index only, the best one.

    Without queue and agent it is that of the open conversations in the order of their start, so the query stops at its limit.
    Else most of these conversations would not match.
    """
    in_instance = _routing.instance == instance
    if queue is None and agent is None:
        yield _conversation.instance == instance
        yield _conversation.closed_at.is_(None)
    if queue is not None:
        yield _routing.queue == queue
        if agent is None:
            yield in_instance
    if agent is not None:
        conversations = select(_routing.conversation_id).where(in_instance)
        of_agent = conversations.where(_routing.agent == agent).union(conversations.where(_routing.holder == agent))
        yield _routing.conversation_id.in_(of_agent)


def _supervised_contact(*row: Any) -> SupervisedContact:
    *contact, holder, offer_id, until = row
    offered_to, offered_until = (holder, until) if offer_id else (None, None)
    return SupervisedContact(*contact, offered_to=offered_to, offered_until=offered_until)


async def queue_lengths(db: Database, instance: str) -> dict[str, tuple[int, datetime]]:
    """The number of queued contacts without an offer, and when the oldest was enqueued, by queue; empty queues are missing."""
    query = (
        select(_routing.queue, func.count(), func.min(_routing.enqueued_at))
        .where(_routing.instance == instance, is_queued(schema.routing))
        .group_by(_routing.queue)
    )
    async with db.read() as connection:
        return {queue: (count, since) for queue, count, since in await connection.execute(query)}


async def queued_since(db: Database, conversation_id: str) -> tuple[datetime, bool] | None:
    """When a conversation was enqueued, and whether it is offered to an agent; None when it is not queued."""
    query = select(_routing.enqueued_at, _routing.offer_id.is_not(None)).where(
        _routing.conversation_id == conversation_id, _routing.stage == RoutingStage.QUEUED
    )
    async with db.read() as connection:
        found = (await connection.execute(query)).one_or_none()
    return None if found is None else (found[0], bool(found[1]))
