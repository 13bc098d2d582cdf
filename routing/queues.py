"""Queues: their contents in order, positions in queue, queues with work, and the average wait."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Select, func, select, tuple_

from domain.instants import MILLISECOND
from routing.loose_index_scan import first_rows
from routing.records import QueuedContact
from routing.rows import is_queued, queue_order
from store import schema
from store.cleanup import delete_before
from store.database import Database

_routing = schema.routing
_waits = schema.routing_waits.c

WAIT_WINDOW = timedelta(hours=48)
"""Older waits do not count in the average wait, and are deleted."""

LAST_WAITS = 50
"""How many waits count in the average of a queue."""


async def queued_contacts(db: Database, instance: str, queue: str, limit: int = 100) -> list[QueuedContact]:
    """The first `limit` contacts of a queue in its order, without those that are offered to an agent."""
    row = _routing.c
    query = (
        select(
            *(row.conversation_id, row.contact_id, row.workstream, row.units),
            *(row.in_turn.is_(False), row.priority, row.enqueued_at, row.bound_to),
        )
        .where(row.instance == instance, row.queue == queue, is_queued(_routing))
        .order_by(*queue_order(_routing))
        .limit(limit)
    )
    async with db.read() as connection:
        return [QueuedContact(*found) for found in await connection.execute(query)]


async def contacts_ahead(db: Database, conversation_id: str) -> int | None:
    """The number of contacts ahead of a conversation in its queue; None when it is not queued, or is offered to an agent.

    Reads the index entries of the contacts ahead, and none behind.
    """
    this, other = _routing.alias("this"), _routing.alias("other")
    ahead = (
        select(func.count())
        .where(other.c.instance == this.c.instance, other.c.queue == this.c.queue, is_queued(other))
        # SQLite uses the whole index for a row comparison only with expressions, not with columns;
        # `coalesce` turns each column into one
        .where(tuple_(*queue_order(other)) < tuple_(*(func.coalesce(column, column) for column in queue_order(this))))
        .scalar_subquery()
    )
    query = select(ahead).where(this.c.conversation_id == conversation_id, is_queued(this))
    async with db.read() as connection:
        return (await connection.execute(query)).scalar_one_or_none()


async def queues_with_work(db: Database) -> list[tuple[str, str]]:
    """The queues, as (instance, queue), that hold a contact that is not offered to an agent."""
    return [(instance, queue) for instance, queue in await db.rows(_queues_with_work())]


@cache
def _queues_with_work() -> Select[*tuple[Any, ...]]:
    first = first_rows(is_queued, ("instance", "queue"), ("in_turn", "priority", "queued_since", "conversation_id"))
    return select(first.c.instance, first.c.queue).where(first.c.queue.is_not(None))


async def queues_with_work_for(db: Database, instance: str, user: str) -> list[str]:
    """The queues with work that an agent serves, ordered by their first contacts. The agent is offered them in this order."""
    served, head = schema.agent_queues.c, _routing.alias("head")
    next = (
        select(head.c.conversation_id)
        .where(head.c.instance == served.instance, head.c.queue == served.queue, is_queued(head))
        .order_by(*queue_order(head))
        .limit(1)
        .scalar_subquery()
    )
    query = (
        select(served.queue)
        .join(_routing, _routing.c.conversation_id == next)
        .where(served.instance == instance, served.user == user)
        .order_by(*queue_order(_routing))
    )
    async with db.read() as connection:
        return list((await connection.execute(query)).scalars())


async def average_wait(
    db: Database, instance: str, queue: str, since: datetime, *, last: int = LAST_WAITS, at_least: int = 1
) -> timedelta | None:
    """The average wait of the contacts that were last assigned from a queue.

    Args:
        since: only assignments at or after this instant count.
        last: the maximum number of assignments that count.
        at_least: the minimum number of assignments for an average.

    Returns:
        None when fewer than `at_least` assignments count.
    """
    latest = latest_waits(instance, queue, since, last).subquery()
    async with db.read() as connection:
        count, total = (await connection.execute(select(func.count(), func.sum(latest.c.milliseconds)))).one()
    return int(total) * MILLISECOND / count if count >= max(at_least, 1) else None


def latest_waits(instance: str, queue: str, since: datetime, last: int = LAST_WAITS) -> Select[*tuple[Any, ...]]:
    """Builds the query for the waits of the contacts that were last assigned from a queue, with the queue."""
    return (
        select(_waits.queue, _waits.milliseconds)
        .where(_waits.instance == instance, _waits.queue == queue, _waits.assigned_at >= since)
        .order_by(_waits.assigned_at.desc())
        .limit(last)
    )


async def delete_waits(db: Database, before: datetime) -> None:
    """Deletes the waits of contacts that were assigned before an instant."""
    await delete_before(db, _waits.assigned_at, before)
