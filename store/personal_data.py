"""What the store has about a customer: which conversations these are, their records for an export, and their deletion."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Table, and_, delete, func, or_, select, update

from store import schema
from store.database import Database
from store.feed_writes import lock_numbers
from store.records import StoredContact
from store.rows import columns
from store.transaction import Transaction

_conversations = schema.conversations.c

EXPORTED: tuple[tuple[Table, tuple[str, ...]], ...] = (
    (schema.contacts, ("initiated_at", "id")),
    (schema.participants, ("joined_at", "id")),
    (schema.items, ("seq",)),
    (schema.receipts, ("seq", "participant_id")),
    (schema.contact_notes, ("at", "id")),
    (schema.attachments, ("started_at", "id")),
)
"""The tables of an export beside that of the conversations, each with the order of its rows."""

_INTERNAL = frozenset({"revision", "past_seq", "past_items"})
"""Columns that say nothing about a person."""

_DELETED = (
    *(schema.feed_events, schema.webhook_deliveries, schema.streams, schema.absences),
    *(schema.receipts, schema.items, schema.attachments, schema.contact_notes, schema.checkpoints),
    *(schema.monitors, schema.participants, schema.contacts),
    *(schema.routing_rejections, schema.routing),
)
"""The tables whose rows name their conversation, those that refer to another table first."""


class Erased(NamedTuple):
    """How much was deleted of a conversation."""

    conversations: int = 0
    items: int = 0
    notes: int = 0


async def conversations_of_customer(db: Database, instance: str, customer_id: str) -> list[str]:
    """The ids of all conversations of a customer, oldest first, after the anonymous ones that they continue."""
    own = select(_conversations.id, _conversations.past_id).where(
        _conversations.customer_id == customer_id, _conversations.instance == instance
    )
    rows = await db.rows(own.order_by(_conversations.started_at, _conversations.id))
    found, pasts = [row.id for row in rows], {row.past_id for row in rows}
    while missing := pasts - {None, *found}:
        anonymous = select(_conversations.id, _conversations.past_id).where(
            _conversations.id.in_(missing), _conversations.instance == instance, _conversations.customer_id.is_(None)
        )
        rows = await db.rows(anonymous)
        found = [*(row.id for row in rows), *found]
        pasts = {row.past_id for row in rows}
    return found


async def ended_conversations(db: Database, instance: str, workstream: str, before: datetime, limit: int) -> list[str]:
    """The ids of at most `limit` conversations of a workstream that were closed before an instant, oldest first."""
    is_old = (_conversations.closed_at.is_not(None), _conversations.closed_at < before)
    query = (
        select(_conversations.id)
        .where(_conversations.instance == instance, _conversations.workstream == workstream, *is_old)
        .order_by(_conversations.closed_at)
        .limit(limit)
    )
    return [row.id for row in await db.rows(query)]


async def contacts_of(db: Database, conversation_id: str) -> list[StoredContact]:
    """The contacts of a conversation."""
    query = select(*columns(schema.contacts, StoredContact)).where(schema.contacts.c.conversation_id == conversation_id)
    return [StoredContact(**row) for row in await db.mappings(query)]


async def exported_conversation(db: Database, conversation_id: str) -> dict[str, Any] | None:
    """All records of a conversation by the names of tables and columns; None when there is no such conversation."""
    async with db.read() as connection:
        own = select(schema.conversations).where(_conversations.id == conversation_id)
        record = (await connection.execute(own)).mappings().one_or_none()
        if record is None:
            return None
        return {
            **{name: value for name, value in record.items() if name not in _INTERNAL},
            **{table.name: await _rows_of(connection, table, conversation_id, order) for table, order in EXPORTED},
        }


async def _rows_of(
    connection: Transaction, table: Table, conversation_id: str, order: Sequence[str]
) -> list[dict[str, Any]]:
    query = select(table).where(table.c.conversation_id == conversation_id).order_by(*(table.c[name] for name in order))
    return [dict(row) for row in (await connection.execute(query)).mappings()]


async def erase_conversation(db: Database, conversation_id: str) -> Erased:
    """Delete all that the store has about a conversation, in one transaction. Idempotent.

    A conversation that continues it continues what comes before it instead. Its workflow must have ended, else it would write
    its record again. What `erase_short_lived_rows` deletes stays.
    """
    async with db.write(limited=False) as connection:
        await lock_numbers(connection, conversation_id)
        lock = select(_conversations.past_id, _conversations.past_seq, _conversations.past_items)
        record = (
            (await connection.execute(lock.where(_conversations.id == conversation_id).with_for_update()))
            .mappings()
            .one_or_none()
        )
        if record is None:
            return Erased()
        items = await _count(connection, schema.items, conversation_id)
        notes = await _count(connection, schema.contact_notes, conversation_id)
        await connection.execute(
            update(schema.conversations).where(_conversations.past_id == conversation_id).values(dict(record))
        )
        await _delete_by_owner(connection, schema.sent_positions.c.contact_id, schema.contacts, conversation_id)
        await _delete_by_owner(connection, schema.connections.c.participant_id, schema.participants, conversation_id)
        for table in _DELETED:
            await connection.execute(delete(table).where(table.c.conversation_id == conversation_id))
        await connection.execute(delete(schema.conversations).where(_conversations.id == conversation_id))
    return Erased(1, items, notes)


async def erase_short_lived_rows(db: Database, instance: str, ids: Collection[str]) -> None:
    """Delete the rows that name conversations only for some days: events for agents, waits, and uses of client tokens.

    Reads these tables as a whole.

    Args:
        ids: the ids of conversations, their contacts and their participants; some thousand at most.
    """
    event, wait, token = schema.agent_events.c, schema.routing_waits.c, schema.client_tokens.c
    about = or_(*(event.body[name].as_string().in_(ids) for name in ("initial_contact_id", "contact_id")))
    async with db.write(limited=False) as connection:
        await connection.execute(delete(schema.agent_events).where(and_(event.instance == instance, about)))
        await connection.execute(
            delete(schema.routing_waits).where(wait.instance == instance, wait.conversation_id.in_(ids))
        )
        await connection.execute(delete(schema.client_tokens).where(token.resource_id.in_(ids)))


async def ids_within(db: Database, conversation_id: str) -> list[str]:
    """The ids of a conversation, of its contacts and of its participants."""
    contact, participant = schema.contacts.c, schema.participants.c
    contacts = select(contact.id).where(contact.conversation_id == conversation_id)
    participants = select(participant.id).where(participant.conversation_id == conversation_id)
    return [conversation_id, *(row.id for row in await db.rows(contacts.union(participants)))]


async def _count(connection: Transaction, table: Table, conversation_id: str) -> int:
    query = select(func.count()).select_from(table).where(table.c.conversation_id == conversation_id)
    return (await connection.execute(query)).scalar_one()


async def _delete_by_owner(connection: Transaction, column: Any, owners: Table, conversation_id: str) -> None:
    """Deletes the rows whose column names a contact or a participant of a conversation."""
    of_conversation = select(owners.c.id).where(owners.c.conversation_id == conversation_id)
    await connection.execute(delete(column.table).where(column.in_(of_conversation)))
