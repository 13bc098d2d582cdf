"""Conversations, their contacts and participants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import RowMapping, Select, Table, and_, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import schema
from store.appending import Head, append
from store.board.placing import place
from store.board.values import Placement
from store.database import Database
from store.records import Contact, Conversation, ConversationFacts, Item, NewConversation, Participant, Past


async def open_conversation(db: Database, new: NewConversation) -> None:
    """Writes a conversation's first record. What is there already stays as it is."""
    async with db.write() as connection:
        await _open(db, connection, new)


async def record(
    db: Database,
    conversation_id: str,
    *,
    opening: NewConversation | None = None,
    facts: ConversationFacts | None = None,
    items: Sequence[Item] = (),
    placement: Placement | None = None,
) -> Head | None:
    """Writes a conversation's news in one transaction. Repeating it, or an older one after it, changes nothing.

    Where it stands on the board is part of it, and needs `facts`.

    Returns:
        Where the transcript ends, if items have got other numbers; see `store.appending`.
    """
    async with db.write() as connection:
        if opening:
            await _open(db, connection, opening)
        if facts and await _state(db, connection, conversation_id, facts) and placement:
            await place(db, connection, placement, datetime.now(UTC))
        return await append(db, connection, conversation_id, items) if items else None


async def find_conversation(db: Database, conversation_id: str) -> Conversation | None:
    """A conversation by its id, which is its first contact's."""
    query = select(*columns(schema.conversations, Conversation)).where(schema.conversations.c.id == conversation_id)
    async with db.read() as connection:
        row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else _conversation(row)


async def find_contact(db: Database, instance: str, contact_id: str) -> tuple[Contact, Conversation] | None:
    """A contact of an instance with the conversation it is a leg of."""
    query = select_legs().where(schema.contacts.c.id == contact_id, schema.conversations.c.instance == instance)
    async with db.read() as connection:
        row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else leg(row)


async def find_participant(db: Database, participant_id: str) -> tuple[Participant, Conversation, str] | None:
    """A participant with their conversation and the id of its latest contact."""
    participant, conversation, contact = schema.participants, schema.conversations, schema.contacts
    query = (
        select(
            *_labelled(participant, Participant), *_labelled(conversation, Conversation), contact.c.id.label("contact")
        )
        .join(conversation, conversation.c.id == participant.c.conversation_id)
        .join(contact, contact.c.conversation_id == conversation.c.id)
        .where(participant.c.id == participant_id)
        # the one that no other follows; legs may begin in the same millisecond
        .order_by(contact.c.last_seq.is_not(None), contact.c.initiated_at.desc())
        .limit(1)
    )
    async with db.read() as connection:
        row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        return None
    return (
        Participant(**_unlabelled(row, participant, Participant)),
        _conversation(_unlabelled(row, conversation, Conversation)),
        row["contact"],
    )


async def participant_of_user(db: Database, conversation_id: str, user: str) -> Participant | None:
    """The participant that an agent is in a conversation."""
    query = select(*columns(schema.participants, Participant)).where(
        schema.participants.c.conversation_id == conversation_id, schema.participants.c.user == user
    )
    async with db.read() as connection:
        row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else Participant(**row)


async def participants_of_contact(db: Database, contact: Contact) -> list[Participant]:
    """The customer of a contact, its agent, and everybody else who has an item in it; the earliest first."""
    who, item = schema.participants.c, schema.items.c
    left_an_item = exists().where(
        item.conversation_id == contact.conversation_id, item.contact_id == contact.id, item.participant_id == who.id
    )
    is_its_agent = and_(who.user.is_not(None), who.user == contact.agent_user)
    query = (
        select(*columns(schema.participants, Participant))
        .where(who.conversation_id == contact.conversation_id)
        .where(or_(who.role == "CUSTOMER", is_its_agent, left_an_item))
        .order_by(who.joined_at.is_(None), who.joined_at, who.id)
    )
    async with db.read() as connection:
        rows = (await connection.execute(query)).mappings().all()
    return [Participant(**row) for row in rows]


async def contacts_of_agent(db: Database, instance: str, user: str) -> list[tuple[Contact, Conversation]]:
    """The contacts that an agent has and that are not closed, oldest first."""
    contact, conversation = schema.contacts, schema.conversations
    query = (
        select_legs()
        .where(
            contact.c.agent_user == user,
            conversation.c.instance == instance,
            contact.c.wrapped_up_at.is_(None),
        )
        .where(or_(contact.c.ended_at.is_(None), conversation.c.state == "WRAP_UP"))
        .order_by(contact.c.initiated_at)
    )
    async with db.read() as connection:
        rows = (await connection.execute(query)).mappings().all()
    return [leg(row) for row in rows]


async def merge_attributes(
    db: Database, instance: str, conversation_id: str, attributes: Mapping[str, str], *, limit: int
) -> bool | None:
    """Adds or replaces a conversation's attributes, unless they would then exceed `limit` UTF-8 bytes in all.

    Returns:
        True when written, False when they would be too large, None when there is no such conversation.
    """
    table = schema.conversations
    query = select(table.c.attributes).where(table.c.id == conversation_id, table.c.instance == instance)
    async with db.write() as connection:
        current = (await connection.execute(query.with_for_update())).scalar_one_or_none()
        if current is None:
            return None
        merged = {**current, **attributes}
        if attribute_bytes(merged) > limit:
            return False
        change = update(table).where(table.c.id == conversation_id)
        await connection.execute(change.values(attributes=merged, updated_at=datetime.now(UTC)))
    return True


def attribute_bytes(attributes: Mapping[str, str]) -> int:
    """The size of attributes as Amazon Connect counts it: UTF-8 bytes over all keys and values."""
    return sum(len(key.encode()) + len(value.encode()) for key, value in attributes.items())


async def _open(db: Database, connection: AsyncConnection, new: NewConversation) -> None:
    conversation = {
        "id": new.id,
        "instance": new.instance,
        "workstream": new.workstream,
        "queue": new.queue,
        "mode": new.mode,
        "state": "OPEN",
        "customer_id": new.customer_id,
        "attributes": dict(new.attributes),
        "segment_attributes": dict(new.segment_attributes),
        "content_types": list(new.content_types),
        "started_at": new.started_at,
        "revision": 0,
        "updated_at": new.started_at,
        **pointer(new.past),
    }
    contact = {
        "id": new.id,
        "conversation_id": new.id,
        "initiation_method": "API",
        "related_contact_id": new.related_contact_id,
        "queue": new.queue,
        "initiated_at": new.started_at,
        "enqueued_at": new.started_at,
    }
    customer = {
        "id": new.customer_participant_id,
        "conversation_id": new.id,
        "role": "CUSTOMER",
        "name": new.customer_name,
        "presence": "awaited",
    }
    opened = await connection.execute(db.insert_new(schema.conversations, [conversation]))
    if not opened.rowcount:
        return  # a repeat may bring another participant id, and a conversation has one customer
    await connection.execute(db.insert_new(schema.contacts, [contact]))
    await connection.execute(db.insert_new(schema.participants, [customer]))


async def _state(db: Database, connection: AsyncConnection, conversation_id: str, facts: ConversationFacts) -> bool:
    """Returns whether that is news."""
    table = schema.conversations
    changed = await connection.execute(
        update(table)
        # a task of the workflow that is done again has the same revision, and more to say
        .where(and_(table.c.id == conversation_id, table.c.revision <= facts.revision))
        .values(
            revision=facts.revision,
            state=facts.state,
            ended_at=facts.ended_at,
            end_reason=facts.end_reason,
            closed_at=facts.closed_at,
            updated_at=datetime.now(UTC),
        )
    )
    if not changed.rowcount:
        return False
    if facts.answers:
        attributes = (
            await connection.execute(select(table.c.attributes).where(table.c.id == conversation_id))
        ).scalar_one()
        merged = {**attributes, **facts.answers}
        await connection.execute(update(table).where(table.c.id == conversation_id).values(attributes=merged))
    for contact in facts.contacts:
        row = {"conversation_id": conversation_id, **asdict(contact)}
        await connection.execute(db.upsert(schema.contacts, [row]))
    rows = [{"conversation_id": conversation_id, **asdict(participant)} for participant in facts.participants]
    if rows:
        await connection.execute(db.upsert(schema.participants, rows))
    return True


def pointer(past: Past | None) -> dict[str, str | int]:
    """The columns of a conversation that say what it continues."""
    if past is None:
        return {}
    return {
        "association_id": past.association_id,
        "continued_from": past.contact_id,
        "past_id": past.conversation_id,
        "past_seq": past.seq,
        "past_items": past.items,
    }


def columns(table: Table, record: type[Any]) -> list[Any]:
    """The columns of a table that a record holds, in its order."""
    return [table.c[field.name] for field in fields(record)]


def select_legs() -> Select[*tuple[Any, ...]]:
    """Contacts, each with the conversation it is a leg of; `leg` reads the rows."""
    contact, conversation = schema.contacts, schema.conversations
    return select(*_labelled(contact, Contact), *_labelled(conversation, Conversation)).join(
        conversation, conversation.c.id == contact.c.conversation_id
    )


def leg(row: RowMapping) -> tuple[Contact, Conversation]:
    """A row of `select_legs`."""
    contact, conversation = schema.contacts, schema.conversations
    return Contact(**_unlabelled(row, contact, Contact)), _conversation(_unlabelled(row, conversation, Conversation))


def _labelled(table: Table, record: type[Any]) -> list[Any]:
    return [column.label(f"{table.name}_{column.name}") for column in columns(table, record)]


def _unlabelled(row: RowMapping, table: Table, record: type[Any]) -> dict[str, Any]:
    return {field.name: row[f"{table.name}_{field.name}"] for field in fields(record)}


def _conversation(row: RowMapping | Mapping[str, Any]) -> Conversation:
    values: dict[str, Any] = dict(row)
    values["content_types"] = tuple(values["content_types"])
    return Conversation(**values)
