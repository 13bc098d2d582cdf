"""Reads transcripts, and reads and writes receipts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, literal, select, tuple_, update

from domain.transcript import ItemType, TranscriptItem
from store import schema
from store.database import Database
from store.records import Receipt, StoredContact
from store.rows import columns

_items = schema.items.c


@dataclass(frozen=True, slots=True)
class PageStart:
    """The start of a transcript page, and its direction.

    Attributes:
        seq: the number of the item with which the page starts; that item belongs to the page.
        forward: whether the page goes to later items; else to earlier ones.
        present_only: whether the transcript ends with the present conversation, without its past.
    """

    seq: int
    forward: bool
    present_only: bool = False


async def page(
    db: Database, conversation_id: str, start: PageStart, limit: int, contact_id: str | None = None
) -> list[TranscriptItem]:
    """One page: at most `limit` items of a conversation, beginning with `start.seq`, in the direction of `start`.

    Args:
        contact_id: only items of this contact; None for all.
    """
    query = select(*columns(schema.items, TranscriptItem)).where(_items.conversation_id == conversation_id)
    if contact_id is not None:
        query = query.where(_items.contact_id == contact_id)
    if start.forward:
        query = query.where(_items.seq >= start.seq).order_by(_items.seq)
    else:
        query = query.where(_items.seq <= start.seq).order_by(_items.seq.desc())
    async with db.read() as connection:
        rows = (await connection.execute(query.limit(limit))).mappings().all()
    return [TranscriptItem(**row) for row in rows]


async def pages_of_contact(
    db: Database, contact: StoredContact, size: int = 500
) -> AsyncIterator[list[tuple[TranscriptItem, list[Receipt]]]]:
    """Yields the present items of a contact, in order and with their receipts, in pages of at most `size`.

    Items that are recorded after the first page is requested are left out. Reads each page in a transaction of its own, so a
    slow consumer keeps no transaction open.
    """
    chat = contact.conversation_id
    end = (await heads(db, [chat])).get(chat, 0)
    seq = 0
    while seq < end:
        found = await page(db, chat, PageStart(seq + 1, forward=True), size, contact.id)
        items = [item for item in found if item.seq <= end]
        if not items:
            return
        seq = items[-1].seq
        receipts = await _receipts_between(db, chat, items[0].seq, seq)
        yield [(item, receipts.get(item.seq, [])) for item in items]


async def find_item(db: Database, conversation_id: str, item_id: str) -> TranscriptItem | None:
    """An item of a conversation by its id; None when there is no such item."""
    query = select(*columns(schema.items, TranscriptItem)).where(
        _items.conversation_id == conversation_id, _items.id == item_id
    )
    async with db.read() as connection:
        row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else TranscriptItem(**row)


async def heads(db: Database, conversation_ids: Collection[str]) -> dict[str, int]:
    """The number of the last item of each conversation; conversations without items are missing."""
    query = (
        select(_items.conversation_id, func.max(_items.seq))
        .where(_items.conversation_id.in_(conversation_ids))
        .group_by(_items.conversation_id)
    )
    async with db.read() as connection:
        return {row[0]: row[1] for row in await connection.execute(query)}


async def first_since(db: Database, conversation_id: str, at: datetime) -> int | None:
    """The number of the first item at or after an instant; None when there is none."""
    query = select(func.min(_items.seq)).where(_items.conversation_id == conversation_id, _items.at >= at)
    async with db.read() as connection:
        return (await connection.execute(query)).scalar_one()


async def last_until(db: Database, conversation_id: str, at: datetime) -> int | None:
    """The number of the last item at or before an instant; None when there is none."""
    query = select(func.max(_items.seq)).where(_items.conversation_id == conversation_id, _items.at <= at)
    async with db.read() as connection:
        return (await connection.execute(query)).scalar_one()


async def nth_latest(db: Database, conversation_id: str, n: int) -> int | None:
    """The number of the n-th latest item (1 is the latest), or of the earliest when there are fewer; None without items."""
    latest = (
        select(_items.seq)
        .where(_items.conversation_id == conversation_id)
        .order_by(_items.seq.desc())
        .limit(n)
        .subquery()
    )
    async with db.read() as connection:
        return (await connection.execute(select(func.min(latest.c.seq)))).scalar_one()


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


async def _receipts_between(db: Database, conversation_id: str, first: int, last: int) -> dict[int, list[Receipt]]:
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
