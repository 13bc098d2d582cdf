"""The same agent: how long only they may be offered a conversation, and when that is over, so that nobody is stuck.

A binding with an end is a preference: it is also over when its agent is not in a presence that the workstream offers to, or has
passed on the conversation. One without an end is a requirement: it is over only when its agent no longer serves the queue, or
has been out of these presences for longer than the workstream's patience.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import exists, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import schema
from store.board.routing import Head, Queue, is_present
from store.board.rows import ANYBODY, is_bound, is_waiting
from store.board.values import Placement, Stage
from store.schema import FOREVER, MILLISECOND, whole


async def release(connection: AsyncConnection, queue: Queue, kinds: Sequence[Head]) -> bool:
    """Unbinds what waits in a queue and is bound no longer. Returns whether there was any."""
    over: defaultdict[datetime, list[tuple[str, str]]] = defaultdict(list)
    for kind in kinds:
        until = _over_until(queue, kind)
        if kind.first_until is not None and kind.first_until <= until:
            over[until].append((kind.first.workstream, kind.first.bound_to))
    board = schema.board
    for until, pairs in over.items():
        await connection.execute(
            update(board)
            .where(board.c.instance == queue.instance, board.c.queue == queue.name, is_waiting(board))
            .where(is_bound(board))
            .where(tuple_(board.c.workstream, board.c.bound_to).in_(pairs), board.c.bound_until <= until)
            .values(bound_to=ANYBODY, bound_until=None)
        )
    return bool(over)


def _over_until(queue: Queue, kind: Head) -> datetime:
    """Bindings of a kind that end at this instant or before are over."""
    rules, agent = queue.rules_of(kind.first.workstream), kind.agent
    if agent is None:
        return FOREVER
    if is_present(agent, rules):
        return queue.now
    has_been_away = agent.presence not in rules.presences and agent.presence_since <= queue.now - rules.patience
    return FOREVER if has_been_away else FOREVER - MILLISECOND


async def binding(connection: AsyncConnection, placement: Placement, now: datetime) -> tuple[str, datetime | None]:
    """The agent whom a conversation is bound to as it is placed, and until when."""
    if placement.stage is not Stage.QUEUED or placement.bound_to is None:
        return ANYBODY, None
    until = whole(placement.bound_until) if placement.bound_until else FOREVER
    if until <= now or (placement.bound_until and await _has_passed(connection, placement)):
        return ANYBODY, None
    return placement.bound_to, until


async def _has_passed(connection: AsyncConnection, placement: Placement) -> bool:
    passes = schema.board_passes.c
    known = exists().where(passes.conversation_id == placement.conversation_id, passes.user == placement.bound_to)
    return (await connection.execute(select(known))).scalar_one()
