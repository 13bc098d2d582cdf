"""The checkpoint of the latest commit of each conversation. It decides which of two attempts to write a commit counts.

A workflow task can run twice: its worker dies after the write, or a signal arrives as the run is about to end. The second attempt
has more events to decide on, and can decide otherwise. The first commit of a number stands, because clients have seen it. The
second attempt gets a `Conflict` and goes on from what stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import bindparam, insert, or_, select, text, update

from domain.checkpoints import Checkpoint, Conflict, ConflictKind
from store import schema
from store.database import Database
from store.transaction import Transaction
from store.transcript_writes import transcript_end

RECENT_IDS = 256
"""How many ids of items a run that is behind receives, to recognise messages that are signalled to it again."""

_table = schema.checkpoints
_ADVANCE = (
    update(_table)
    .where(
        _table.c.conversation_id == bindparam("key"),
        _table.c.number == bindparam("number") - 1,
        or_(_table.c.run_id == bindparam("run_id"), _table.c.run_id == bindparam("before")),
    )
    .values({name: bindparam(name) for name in ("run_id", "number", "consumed", "state")})
)
# one statement for all rows, because asyncpg does not count the rows of several executions
_ADVANCE_MANY_ON_POSTGRES = text(
    "UPDATE checkpoints AS c SET run_id = v.run_id, number = v.number, consumed = v.consumed, state = v.state"
    " FROM unnest(CAST(:key AS text[]), CAST(:number AS bigint[]), CAST(:run_id AS text[]), CAST(:before AS text[]),"
    " CAST(:consumed AS bigint[]), CAST(:state AS text[])) AS v (key, number, run_id, before, consumed, state)"
    " WHERE c.conversation_id = v.key AND c.number = v.number - 1 AND c.run_id IN (v.run_id, v.before)"
)
_CHECKPOINT = select(_table).where(_table.c.conversation_id == bindparam("key"))
_STANDING = _CHECKPOINT.with_for_update()
_REVISION = select(schema.conversations.c.revision).where(schema.conversations.c.id == bindparam("key"))
_RECENT_IDS = (
    select(schema.items.c.id)
    .where(schema.items.c.conversation_id == bindparam("key"))
    .order_by(schema.items.c.seq.desc())
    .limit(RECENT_IDS)
)


class Step(NamedTuple):
    """The step of a conversation from one checkpoint to the next.

    Attributes:
        conversation_id: the conversation.
        checkpoint: the checkpoint after the commit.
        before: the run that made the latest commit of which the run knows; empty for the first commit.
        whole: whether the commit carries the whole record, and may follow any earlier checkpoint.
    """

    conversation_id: str
    checkpoint: Checkpoint
    before: str = ""
    whole: bool = False


async def advance_all(db: Database, connection: Transaction, steps: Sequence[Step]) -> bool:
    """Writes the checkpoints of several conversations. Returns whether each of them directly follows the stored one."""
    rows = [_values(step) for step in steps]
    if not rows:
        return True
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    statement, parameters = (_ADVANCE_MANY_ON_POSTGRES, columns) if db.is_postgres else (_ADVANCE, rows)
    return (await connection.execute(statement, parameters)).rowcount == len(rows)


async def advance(connection: Transaction, step: Step) -> Conflict | None:
    """Writes the checkpoint of a commit, and locks it. Idempotent.

    Returns:
        None when the commit must be written, or written again; else what stands instead.
    """
    if (await connection.execute(_ADVANCE, _values(step))).rowcount == 1:
        return None
    found = (await connection.execute(_STANDING, {"key": step.conversation_id})).mappings().one_or_none()
    standing = Checkpoint(**found) if found else None
    revision = (await connection.execute(_REVISION, {"key": step.conversation_id})).scalar_one_or_none()
    if kind := _conflict(step, standing, is_known=revision is not None):
        end = await transcript_end(connection, step.conversation_id)
        return Conflict(
            kind=kind,
            checkpoint=standing,
            revision=revision or 0,
            seq=end.seq if end else 0,
            at=end.at if end else None,
            recent_ids=await _recent_ids(connection, step.conversation_id) if kind is ConflictKind.BEHIND else (),
        )
    row = {"conversation_id": step.conversation_id, **dict(step.checkpoint)}
    if standing is None:
        await connection.execute(insert(_table), row)
    elif standing != step.checkpoint:
        await connection.execute(update(_table).where(_table.c.conversation_id == step.conversation_id).values(row))
    return None


async def find_checkpoint(db: Database, conversation_id: str) -> tuple[Checkpoint, tuple[str, ...]] | None:
    """The checkpoint of a conversation and the ids of its last items, in order; None without a checkpoint."""
    async with db.read() as connection:
        found = (await connection.execute(_CHECKPOINT, {"key": conversation_id})).mappings().one_or_none()
        return (Checkpoint(**found), await _recent_ids(connection, conversation_id)) if found else None


async def _recent_ids(connection: Transaction, conversation_id: str) -> tuple[str, ...]:
    rows = await connection.execute(_RECENT_IDS, {"key": conversation_id})
    return tuple(reversed(rows.scalars().all()))


def _conflict(step: Step, standing: Checkpoint | None, *, is_known: bool) -> ConflictKind | None:
    mine = step.checkpoint
    if standing == mine:
        return None  # the same commit once more
    if not is_known:
        return ConflictKind.INCOMPLETE
    if standing is None:
        return None if mine.number == 1 or step.whole else ConflictKind.INCOMPLETE
    if standing.number >= mine.number:
        return ConflictKind.TAKEN if standing.run_id in (mine.run_id, step.before) else ConflictKind.BEHIND
    return None if standing.number == mine.number - 1 or step.whole else ConflictKind.INCOMPLETE


def _values(step: Step) -> dict[str, Any]:
    checkpoint = step.checkpoint
    return {
        "key": step.conversation_id,
        "before": step.before,
        "run_id": checkpoint.run_id,
        "number": checkpoint.number,
        "consumed": checkpoint.consumed,
        "state": checkpoint.state,
    }
