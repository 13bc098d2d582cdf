"""Customers who come back: which conversation they would go on with, and as whom."""

from __future__ import annotations

from sqlalchemy import select

from store import schema
from store.conversations import columns
from store.database import Database
from store.records import TALK_IS_OVER, Participant


async def latest_conversation(db: Database, instance: str, workstream: str, customer_id: str) -> str | None:
    """The id of a customer's newest conversation in which the talk is not over; where it is over in all, of the newest."""
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
    """The customer of a conversation."""
    table = schema.participants
    query = select(*columns(table, Participant)).where(
        table.c.conversation_id == conversation_id, table.c.role == "CUSTOMER"
    )
    async with db.read() as connection:
        row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else Participant(**row)
