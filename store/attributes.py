"""The attributes of conversations, and those that a contact keeps when another one follows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import bindparam, select, update

from store import schema
from store.database import Database
from store.feed_derivation import event_of_data
from store.feed_writes import lock_numbers, write_events
from store.rows import latest_contact_first
from store.transaction import Transaction

_KEEP_ATTRIBUTES = (
    update(schema.contacts)
    .where(schema.contacts.c.id.in_(bindparam("former", expanding=True)), schema.contacts.c.attributes.is_(None))
    .values(
        attributes=select(schema.conversations.c.attributes)
        .where(schema.conversations.c.id == schema.contacts.c.conversation_id)
        .scalar_subquery()
    )
)

_LATEST_CONTACT = (
    select(schema.contacts.c.id)
    .where(schema.contacts.c.conversation_id == bindparam("conversation_id"))
    .order_by(*latest_contact_first())
    .limit(1)
)


async def keep_attributes(connection: Transaction, contact_ids: Sequence[str]) -> None:
    """Keeps the attributes as they are now for contacts that have just ended. What comes later belongs to a later contact."""
    if contact_ids:
        await connection.execute(_KEEP_ATTRIBUTES, {"former": contact_ids})


async def add_attributes(connection: Transaction, conversation_id: str, added: Mapping[str, str]) -> None:
    """Adds attributes to a conversation whose row the caller has locked, or replaces those with the same keys."""
    table = schema.conversations
    query = select(table.c.attributes).where(table.c.id == conversation_id)
    merged = {**(await connection.execute(query)).scalar_one(), **added}
    await connection.execute(update(table).where(table.c.id == conversation_id).values(attributes=merged))


async def merge_attributes(
    db: Database, instance: str, conversation_id: str, attributes: Mapping[str, str], *, limit: int
) -> bool | None:
    """Adds attributes to a conversation, or replaces those with the same keys. Locks the checkpoint, then the conversation's row.

    Args:
        limit: the maximum size of all attributes afterwards, in UTF-8 bytes; see `attribute_bytes`.

    Returns:
        True when they are written; False when they would be too large; None when there is no such conversation.
    """
    table = schema.conversations
    query = select(table.c.attributes).where(table.c.id == conversation_id, table.c.instance == instance)
    async with db.write() as connection:
        await lock_numbers(connection, conversation_id)
        current = (await connection.execute(query.with_for_update())).scalar_one_or_none()
        if current is None:
            return None
        merged = {**current, **attributes}
        if attribute_bytes(merged) > limit:
            return False
        now = datetime.now(UTC)
        change = update(table).where(table.c.id == conversation_id)
        await connection.execute(change.values(attributes=merged, updated_at=now))
        latest = (await connection.execute(_LATEST_CONTACT, {"conversation_id": conversation_id})).scalar_one()
        changed = event_of_data(latest, now, {"attributes": list(attributes)})
        await write_events(db, connection, [(conversation_id, [changed])])
    return True


def attribute_bytes(attributes: Mapping[str, str]) -> int:
    """The size of attributes: the UTF-8 bytes of all keys and values (Amazon Connect: UpdateContactAttributes)."""
    return sum(len(key.encode()) + len(value.encode()) for key, value in attributes.items())
