"""The same agent: how long only they may be offered a conversation, and when that is over, so that nobody is stuck.

A binding with an end is a preference: it is also over when its agent is not in a status that the workstream offers to, or has
passed on the conversation. One without an end is a requirement: it is over only when its agent no longer serves the queue, or
has been out of these statuses for longer than the workstream's patience.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import exists, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.instants import MILLISECOND, whole_milliseconds
from domain.routing import FOREVER, Placement, RoutingStage
from routing.rows import ANY_AGENT, has_affinity, is_queued
from routing.selection import FirstOfKind, QueueView, is_available
from store import schema


async def end_affinities(connection: AsyncConnection, queue: QueueView, kinds: Sequence[FirstOfKind]) -> bool:
    """Unbinds what waits in a queue and is bound no longer. Returns whether there was any."""
    over: defaultdict[datetime, list[tuple[str, str]]] = defaultdict(list)
    for kind in kinds:
        until = _over_until(queue, kind)
        if kind.first_until is not None and kind.first_until <= until:
            over[until].append((kind.first.workstream, kind.first.bound_to))
    table = schema.routing
    for until, pairs in over.items():
        await connection.execute(
            update(table)
            .where(table.c.instance == queue.instance, table.c.queue == queue.name, is_queued(table))
            .where(has_affinity(table))
            .where(tuple_(table.c.workstream, table.c.bound_to).in_(pairs), table.c.bound_until <= until)
            .values(bound_to=ANY_AGENT, bound_until=None)
        )
    return bool(over)


def _over_until(queue: QueueView, kind: FirstOfKind) -> datetime:
    """Bindings of a kind that end at this instant or before are over."""
    rules, agent = queue.rules_of(kind.first.workstream), kind.agent
    if agent is None:
        return FOREVER
    if is_available(agent, rules):
        return queue.now
    has_been_away = agent.status not in rules.statuses and agent.status_since <= queue.now - rules.patience
    return FOREVER if has_been_away else FOREVER - MILLISECOND


async def affinity_of(connection: AsyncConnection, placement: Placement, now: datetime) -> tuple[str, datetime | None]:
    """The agent whom a conversation is bound to as it is placed, and until when."""
    if placement.stage is not RoutingStage.QUEUED or placement.bound_to is None:
        return ANY_AGENT, None
    until = whole_milliseconds(placement.bound_until) if placement.bound_until else FOREVER
    if until <= now or (placement.bound_until and await _has_passed(connection, placement)):
        return ANY_AGENT, None
    return placement.bound_to, until


async def _has_passed(connection: AsyncConnection, placement: Placement) -> bool:
    passes = schema.routing_rejections.c
    known = exists().where(passes.conversation_id == placement.conversation_id, passes.user == placement.bound_to)
    return (await connection.execute(select(known))).scalar_one()
