"""Writes events of the feed, in the transaction that makes them true.

The events of a conversation are numbered from 1 without gaps. Who writes some has locked the checkpoint of the conversation, so
that nobody else numbers at the same time. Those about an agent are numbered likewise, under the lock of the agent.

A transaction gets its id before it gets all of its locks. So one with a smaller id can write after one with a larger id, and its
events then have the place of the larger one: behind those that were written before. Readers see no event of either before both
have ended.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence, Set
from typing import Any

from pydantic_core import to_json
from sqlalchemy import BigInteger, ColumnElement, String, bindparam, case, func, insert, select, text
from sqlalchemy.ext.compiler import compiles

from domain.feed import FeedEvent
from domain.instants import epoch_milliseconds
from store import schema
from store.database import Database
from store.transaction import Transaction

_COLUMNS = "conversation_id, seq, instance, transaction_id, id, type, contact_id, at, item, data"
_LAST = "coalesce((SELECT max(e.seq) FROM feed_events AS e WHERE e.conversation_id = c.id), 0)"
_INSERT_ON_SQLITE = text(
    f"INSERT INTO feed_events ({_COLUMNS})"  # noqa: S608 - constants
    f" SELECT c.id, {_LAST} + 1, c.instance, 0, :id, :type, :contact_id, :at, :item, :data"
    " FROM conversations AS c WHERE c.id = :conversation_id"
)
_TRANSACTION = "CAST(CAST(pg_current_xact_id() AS text) AS bigint)"
# one statement for all, because each costs the way to the server and back. It sees none of its own rows
_INSERT_ON_POSTGRES = text(
    f"INSERT INTO feed_events ({_COLUMNS})"  # noqa: S608 - constants
    f" SELECT c.id, coalesce(last.seq, 0) + v.place, c.instance, greatest({_TRANSACTION}, last.transaction_id),"
    " v.id, v.type, v.contact_id, v.at, v.item, CAST(v.data AS json)"
    " FROM unnest(CAST(:conversation_id AS text[]), CAST(:place AS bigint[]), CAST(:id AS text[]), CAST(:type AS text[]),"
    " CAST(:contact_id AS text[]), CAST(:at AS bigint[]), CAST(:item AS bigint[]), CAST(:data AS text[]))"
    " WITH ORDINALITY AS v (conversation_id, place, id, type, contact_id, at, item, data, position)"
    " JOIN conversations AS c ON c.id = v.conversation_id"
    " LEFT JOIN LATERAL (SELECT e.seq, e.transaction_id FROM feed_events AS e WHERE e.conversation_id = c.id"
    " ORDER BY e.seq DESC LIMIT 1) AS last ON true ORDER BY v.position"
)
_LOCK = (
    select(schema.checkpoints.c.number)
    .where(schema.checkpoints.c.conversation_id == bindparam("conversation_id"))
    .with_for_update()
)


_LOCK_FREE = (
    select(schema.checkpoints.c.conversation_id)
    .where(schema.checkpoints.c.conversation_id.in_(bindparam("ids", expanding=True)))
    .with_for_update(skip_locked=True)
)


async def lock_free_numbers(db: Database, connection: Transaction, conversation_ids: Collection[str]) -> Set[str]:
    """Lock the checkpoints of those conversations that no other transaction has locked, and return these.

    It never waits, so it needs no order. On SQLite, where nothing else writes, it returns all.
    """
    if not db.is_postgres or not conversation_ids:
        return set(conversation_ids)
    return set((await connection.execute(_LOCK_FREE, {"ids": list(conversation_ids)})).scalars())


class _TransactionId(ColumnElement[int]):
    """The id of the running transaction; 0 on SQLite."""

    inherit_cache = True
    type = BigInteger()


@compiles(_TransactionId)
def _no_transaction_id(*_: Any, **__: Any) -> str:
    return "0"


@compiles(_TransactionId, "postgresql")
def _transaction_id(*_: Any, **__: Any) -> str:
    return _TRANSACTION


_event = schema.feed_events.c
_STREAM = bindparam("stream", type_=String)
_LAST_OF_STREAM = select(func.coalesce(func.max(_event.seq), 0)).where(_event.conversation_id == _STREAM)
_LAST_TRANSACTION = (
    select(_event.transaction_id)
    .where(_event.conversation_id == _STREAM)
    .order_by(_event.seq.desc())
    .limit(1)
    .scalar_subquery()
)
_PLACE = case((_TransactionId() < _LAST_TRANSACTION, _LAST_TRANSACTION), else_=_TransactionId())
_GIVEN = ("instance", "id", "type", "contact_id", "at", "data")
_INSERT_OF_AGENT = insert(schema.feed_events).from_select(
    ["conversation_id", "seq", "transaction_id", *_GIVEN],
    select(
        _STREAM,
        _LAST_OF_STREAM.scalar_subquery() + 1,
        _PLACE,
        *(bindparam(name, type_=_event[name].type) for name in _GIVEN),
    ),
)
_FIND = select(_event.seq).where(
    _event.conversation_id == bindparam("conversation_id"), _event.id == bindparam("event_id")
)


async def lock_numbers(connection: Transaction, conversation_id: str) -> None:
    """Lock the checkpoint of a conversation until the transaction ends. It comes before all other locks."""
    await connection.execute(_LOCK, {"conversation_id": conversation_id})


async def write_events(
    db: Database, connection: Transaction, events: Sequence[tuple[str, Sequence[FeedEvent]]]
) -> None:
    """Write events of conversations, in their order. Each pair is a conversation, which comes once, and its events.

    Not idempotent. The caller has locked the checkpoints. An unknown conversation has no events.
    """
    rows = [_row(conversation, place, event) for conversation, own in events for place, event in enumerate(own, 1)]
    if not rows:
        return
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    statement, parameters = (_INSERT_ON_POSTGRES, columns) if db.is_postgres else (_INSERT_ON_SQLITE, rows)
    await connection.execute(statement, parameters)


async def write_event_once(db: Database, conversation_id: str, event: FeedEvent) -> None:
    """Write an event in a transaction of its own, unless the conversation has one with its id. Idempotent."""
    async with db.write() as connection:
        await lock_numbers(connection, conversation_id)
        known = {"conversation_id": conversation_id, "event_id": event.id}
        if (await connection.execute(_FIND, known)).first() is None:
            await write_events(db, connection, [(conversation_id, [event])])


async def write_agent_event(connection: Transaction, instance: str, user: str, event: FeedEvent) -> None:
    """Write an event about an agent, whom the caller has locked. Agents have numbers of their own. Not idempotent."""
    facts = {"id": event.id, "type": event.type, "contact_id": user, "at": event.at, "data": dict(event.data)}
    await connection.execute(_INSERT_OF_AGENT, {"stream": f"agent/{instance}/{user}", "instance": instance, **facts})


def _row(conversation_id: str, place: int, event: FeedEvent) -> dict[str, Any]:
    return {
        "conversation_id": conversation_id,
        "place": place,
        "id": event.id,
        "type": event.type,
        "contact_id": event.contact_id,
        "at": epoch_milliseconds(event.at),
        "item": event.item,
        "data": to_json(event.data).decode(),
    }
