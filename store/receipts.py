"""Receipts: which messages a participant's client has received and displayed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, literal, select, tuple_, update

from domain.transcript import ItemType
from store import schema
from store.database import Database
from store.records import Receipt
from store.rows import columns

_items = schema.items.c


async def acknowledge(
    db: Database, conversation_id: str, participant_id: str, seq: int, *, read: bool, at: datetime
) -> bool:
    """Records that a participant's client received or displayed the message `seq` and all before it. Idempotent.

    Writes a receipt for each message of other participants. Locks the participant.

    Args:
        read: whether the client displayed the messages, which implies that it received them; else it only received them.
        at: the instant of the receipts.

    Returns:
        False, and nothing is written, when this was recorded before.
    """
    participants, receipts = schema.participants.c, schema.receipts.c
    async with db.write() as connection:
        query = (
            select(participants.delivered_seq, participants.read_seq)
            .where(participants.id == participant_id)
            .with_for_update()
        )
        delivered_before, read_before = (await connection.execute(query)).one()
        acknowledged = read_before if read else delivered_before
        if seq <= acknowledged:
            return False
        # a read message without a receipt counts as received at the same instant
        new_receipts = select(
            literal(conversation_id), _items.seq, literal(participant_id), literal(at, schema.Instant())
        ).where(
            _items.conversation_id == conversation_id,
            _items.type == ItemType.MESSAGE,
            and_(_items.seq > acknowledged, _items.seq <= seq),
            _items.participant_id.is_distinct_from(participant_id),
        )
        names = ("conversation_id", "seq", "participant_id", "delivered_at")
        await connection.execute(db.insert_new_from(schema.receipts, names, new_receipts))
        if read:
            await connection.execute(
                update(schema.receipts)
                .where(receipts.conversation_id == conversation_id, receipts.participant_id == participant_id)
                .where(receipts.seq > acknowledged, receipts.seq <= seq)
                .values(read_at=at)
            )
        counters = {"delivered_seq": max(delivered_before, seq)} | ({"read_seq": seq} if read else {})
        await connection.execute(update(schema.participants).where(participants.id == participant_id).values(counters))
    return True


async def receipts_of(db: Database, messages: Sequence[tuple[str, int]]) -> dict[tuple[str, int], list[Receipt]]:
    """The receipts of some messages, each named by (conversation id, number); messages without receipts are missing."""
    table = schema.receipts
    query = (
        select(table.c.conversation_id, *columns(table, Receipt))
        .where(tuple_(table.c.conversation_id, table.c.seq).in_(messages))
        .order_by(table.c.seq, table.c.participant_id)
    )
    found: dict[tuple[str, int], list[Receipt]] = {}
    async with db.read() as connection:
        for row in (await connection.execute(query)).mappings():
            values: dict[str, Any] = dict(row)
            found.setdefault((values.pop("conversation_id"), row["seq"]), []).append(Receipt(**values))
    return found


async def receipts_between(db: Database, conversation_id: str, first: int, last: int) -> dict[int, list[Receipt]]:
    """The receipts of the messages from number `first` to number `last`, by number."""
    table = schema.receipts
    query = (
        select(*columns(table, Receipt))
        .where(table.c.conversation_id == conversation_id, table.c.seq.between(first, last))
        .order_by(table.c.seq, table.c.participant_id)
    )
    found: dict[int, list[Receipt]] = {}
    async with db.read() as connection:
        for row in (await connection.execute(query)).mappings():
            found.setdefault(row["seq"], []).append(Receipt(**row))
    return found
