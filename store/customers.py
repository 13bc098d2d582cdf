"""Customers of conversations, and the latest conversation of a returning customer."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from sqlalchemy import select

from store import schema
from store.conversations import columns
from store.database import Database
from store.records import TALK_IS_OVER, Participant


async def latest_conversation(db: Database, instance: str, workstream: str, customer_id: str) -> str | None:
    """Return the id of a customer's latest conversation: a running one if there is one, else the latest ended one."""
    table = schema.conversations.c
    query = (
        select(table.id)
        .where(table.instance == instance, table.workstream == workstream, table.customer_id == customer_id)
        .order_by(table.state.in_(TALK_IS_OVER), table.started_at.desc(), table.id)
        .limit(1)
    )
    async with db.read() as connection:
        return (await connection.execute(query)).scalar_one_or_none()


async def customer_of(db: Database, conversation_id: str) -> Participant | None:
    """Return the customer of a conversation, or None if there is no such conversation."""
    table = schema.participants
    query = select(*columns(table, Participant)).where(
        table.c.conversation_id == conversation_id, table.c.role == "CUSTOMER"
    )
    async with db.read() as connection:
        row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else Participant(**row)


class CustomerSummary(NamedTuple):
    """Name of a conversation's customer, and the conversation's attributes."""

    name: str
    attributes: Mapping[str, str]


async def customer_summaries(db: Database, conversation_ids: Collection[str]) -> dict[str, CustomerSummary]:
    """Return the customers of conversations, by conversation id."""
    person, conversation = schema.participants.c, schema.conversations.c
    query = (
        select(conversation.id, person.name, conversation.attributes)
        .join(schema.participants, person.conversation_id == conversation.id)
        .where(conversation.id.in_(conversation_ids), person.role == "CUSTOMER")
    )
    async with db.read() as connection:
        rows = (await connection.execute(query)).all() if conversation_ids else []
    return {id: CustomerSummary(name, attributes) for id, name, attributes in rows}
