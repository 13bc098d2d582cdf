"""The board as supervisors and queues are shown it: what is not closed, and how much waits where."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from store import schema
from store.board.rows import is_waiting
from store.board.values import Stage
from store.database import Database

_board, _conversation = schema.board.c, schema.conversations.c


@dataclass(frozen=True, slots=True)
class Standing:
    """A conversation that is not closed. `agent` works on it, has parked it or wraps it up; `offered_to` is asked."""

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


async def on_the_board(
    db: Database,
    instance: str,
    *,
    state: str | None = None,
    queue: str | None = None,
    agent: str | None = None,
    limit: int = 1_000,
) -> list[Standing]:
    """What is not closed, the oldest first; whoever it is offered to counts as its agent, too."""
    columns = (
        *(_board.contact_id, _board.conversation_id, _board.workstream, _board.queue),
        *(_conversation.mode, _conversation.state, _conversation.started_at, _board.enqueued_at, _board.units),
        *(_board.agent, _board.holder, _board.offer_id, _board.offer_until),
    )
    query = (
        select(*columns)
        .join(schema.conversations, _conversation.id == _board.conversation_id)
        .where(_board.instance == instance)
        .order_by(_conversation.started_at, _board.conversation_id)
        .limit(limit)
    )
    if state is not None:
        query = query.where(_conversation.state == state)
    if queue is not None:
        query = query.where(_board.queue == queue)
    if agent is not None:
        query = query.where((_board.agent == agent) | (_board.holder == agent))
    async with db.read() as connection:
        rows = (await connection.execute(query)).all()
    return [Standing(*row[:10], *((row[10], row[12]) if row[11] else (None, None))) for row in rows]


async def lengths(db: Database, instance: str) -> dict[str, tuple[int, datetime]]:
    """How many wait in each queue and are not offered to anybody, and since when the first of them."""
    query = (
        select(_board.queue, func.count(), func.min(_board.enqueued_at))
        .where(_board.instance == instance, is_waiting(schema.board))
        .group_by(_board.queue)
    )
    async with db.read() as connection:
        return {queue: (count, since) for queue, count, since in await connection.execute(query)}


async def queued(db: Database, conversation_id: str) -> tuple[datetime, bool] | None:
    """Since when a conversation waits in its queue, and whether it is offered to somebody; None if it does not wait."""
    query = select(_board.enqueued_at, _board.offer_id.is_not(None)).where(
        _board.conversation_id == conversation_id, _board.stage == Stage.QUEUED
    )
    async with db.read() as connection:
        found = (await connection.execute(query)).one_or_none()
    return None if found is None else (found[0], bool(found[1]))
