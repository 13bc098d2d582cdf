"""Queues: what waits in them and in which order, where there is work, and how long one waits."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, tuple_

from store import schema
from store.board.rows import is_waiting, rank
from store.board.skipping import first_rows
from store.board.values import Waiting
from store.database import Database
from store.schema import MILLISECOND

_board = schema.board
_waits = schema.board_waits.c

LATELY = timedelta(hours=48)
"""Waits that are older say nothing of the present one, and are forgotten."""


async def waiting(db: Database, instance: str, queue: str, limit: int = 100) -> list[Waiting]:
    """What waits in a queue and is not offered, the next first: the n-th has n - 1 ahead of it."""
    row = _board.c
    query = (
        select(
            *(row.conversation_id, row.contact_id, row.workstream, row.units),
            *(row.in_turn.is_(False), row.priority, row.enqueued_at, row.bound_to),
        )
        .where(row.instance == instance, row.queue == queue, is_waiting(_board))
        .order_by(*rank(_board))
        .limit(limit)
    )
    async with db.read() as connection:
        return [Waiting(*found) for found in await connection.execute(query)]


async def position(db: Database, conversation_id: str) -> int | None:
    """How many conversations of its queue are ahead of one that waits there; None if it does not wait or is offered.

    They are counted, by an index that holds the order; nobody behind it is looked at.
    """
    this, other = _board.alias("this"), _board.alias("other")
    ahead = (
        select(func.count())
        .where(other.c.instance == this.c.instance, other.c.queue == this.c.queue, is_waiting(other))
        # values, not columns: of a comparison with columns SQLite uses no more than the first for its index
        .where(tuple_(*rank(other)) < tuple_(*(func.coalesce(column, column) for column in rank(this))))
        .scalar_subquery()
    )
    query = select(ahead).where(this.c.conversation_id == conversation_id, is_waiting(this))
    async with db.read() as connection:
        return (await connection.execute(query)).scalar_one_or_none()


async def queues_with_work(db: Database) -> list[tuple[str, str]]:
    """Instances and queues in which something waits."""
    first = first_rows(is_waiting, ("instance", "queue"), ("in_turn", "priority", "enqueued_at", "conversation_id"))
    query = select(first.c.instance, first.c.queue).where(first.c.queue.is_not(None))
    async with db.read() as connection:
        return [(instance, queue) for instance, queue in await connection.execute(query)]


async def queues_for(db: Database, instance: str, user: str) -> list[str]:
    """The queues of an agent in which something waits, in the order of what is next in each: where to look for work for them."""
    served, head = schema.agent_queues.c, _board.alias("head")
    next = (
        select(head.c.conversation_id)
        .where(head.c.instance == served.instance, head.c.queue == served.queue, is_waiting(head))
        .order_by(*rank(head))
        .limit(1)
        .scalar_subquery()
    )
    query = (
        select(served.queue)
        .join(_board, _board.c.conversation_id == next)
        .where(served.instance == instance, served.user == user)
        .order_by(*rank(_board))
    )
    async with db.read() as connection:
        return list((await connection.execute(query)).scalars())


async def average_wait(
    db: Database, instance: str, queue: str, since: datetime, *, last: int = 50, at_least: int = 1
) -> timedelta | None:
    """How long those waited on average who were taken from a queue lately.

    Args:
        since: nothing before this instant counts.
        last: so many are looked at.
        at_least: so many there have to be; with fewer there is no average.
    """
    lately = (
        select(_waits.milliseconds)
        .where(_waits.instance == instance, _waits.queue == queue, _waits.taken_at >= since)
        .order_by(_waits.taken_at.desc())
        .limit(last)
        .subquery()
    )
    async with db.read() as connection:
        count, total = (await connection.execute(select(func.count(), func.sum(lately.c.milliseconds)))).one()
    return int(total) * MILLISECOND / count if count >= max(at_least, 1) else None


async def forget_waits(db: Database, before: datetime) -> None:
    """Drops the waits of those who were taken from a queue before an instant."""
    async with db.write() as connection:
        await connection.execute(delete(schema.board_waits).where(_waits.taken_at < before))
