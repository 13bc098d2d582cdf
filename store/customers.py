"""Customers of conversations, and the conversation that a returning customer continues."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from sqlalchemy import func, select

from domain.conversation import INTERACTION_ENDED
from domain.participants import Role
from store import schema
from store.database import Database
from store.records import StoredParticipant
from store.rows import columns


async def latest_conversation(db: Database, instance: str, workstream: str, customer_id: str) -> str | None:
    """The id of the conversation that a returning customer continues; None when the customer has none.

    It is the latest one in which customer and agent can still talk or, when there is none, the latest of all.
    """
    table = schema.conversations.c
    latest = (
        select(table.id)
        .where(table.instance == instance, table.workstream == workstream, table.customer_id == customer_id)
        .order_by(table.started_at.desc(), table.id)
        .limit(1)
    )
    # the first condition names an index, because the past of a customer can be long
    running = latest.where(table.closed_at.is_(None), table.state.not_in(INTERACTION_ENDED))
    query = select(func.coalesce(running.scalar_subquery(), latest.scalar_subquery()))
    async with db.read() as connection:
        return (await connection.execute(query)).scalar_one()


async def customer_of(db: Database, conversation_id: str) -> StoredParticipant | None:
    """The customer of a conversation; None when there is no such conversation."""
    table = schema.participants
    query = select(*columns(table, StoredParticipant)).where(
        table.c.conversation_id == conversation_id, table.c.role == Role.CUSTOMER
    )
    async with db.read() as connection:
        row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else StoredParticipant(**row)


async def customer_names(db: Database, conversation_ids: Collection[str]) -> dict[str, str]:
    """The names of the customers of some conversations, by conversation id; unknown ids are missing."""
    participant = schema.participants.c
    query = select(participant.conversation_id, participant.name).where(
        participant.conversation_id.in_(conversation_ids), participant.role == Role.CUSTOMER
    )
    rows = await db.rows(query) if conversation_ids else []
    return {row[0]: row[1] for row in rows}


class CustomerSummary(NamedTuple):
    """A customer's name, and the attributes of their conversation."""

    name: str
    attributes: Mapping[str, str]


async def customer_summaries(db: Database, conversation_ids: Collection[str]) -> dict[str, CustomerSummary]:
    """The customers of some conversations, by conversation id; unknown ids are missing."""
    participant, conversation = schema.participants.c, schema.conversations.c
    query = (
        select(conversation.id, participant.name, conversation.attributes)
        .join(schema.participants, participant.conversation_id == conversation.id)
        .where(conversation.id.in_(conversation_ids), participant.role == Role.CUSTOMER)
    )
    async with db.read() as connection:
        rows = (await connection.execute(query)).all() if conversation_ids else []
    return {id: CustomerSummary(name, attributes) for id, name, attributes in rows}
