"""Writes events of the feed, in the transaction that makes them true.

The events of a conversation are numbered from 1 without gaps. Who writes some has locked the checkpoint of the conversation, so
that nobody else numbers at the same time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic_core import to_json
from sqlalchemy import bindparam, select, text

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
# one statement for all, because each costs the way to the server and back. It sees none of its own rows
_INSERT_ON_POSTGRES = text(
    f"INSERT INTO feed_events ({_COLUMNS})"  # noqa: S608 - constants
    f" SELECT c.id, {_LAST} + v.place, c.instance, CAST(CAST(pg_current_xact_id() AS text) AS bigint),"
    " v.id, v.type, v.contact_id, v.at, v.item, CAST(v.data AS json)"
    " FROM unnest(CAST(:conversation_id AS text[]), CAST(:place AS bigint[]), CAST(:id AS text[]), CAST(:type AS text[]),"
    " CAST(:contact_id AS text[]), CAST(:at AS bigint[]), CAST(:item AS bigint[]), CAST(:data AS text[]))"
    " WITH ORDINALITY AS v (conversation_id, place, id, type, contact_id, at, item, data, position)"
    " JOIN conversations AS c ON c.id = v.conversation_id ORDER BY v.position"
)
_LOCK = (
    select(schema.checkpoints.c.number)
    .where(schema.checkpoints.c.conversation_id == bindparam("conversation_id"))
    .with_for_update()
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
