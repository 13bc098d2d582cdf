"""Reads transcripts: pages, single items, and the numbers at which pages start."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from domain.transcript import TranscriptItem
from store import schema
from store.database import Database
from store.receipts import receipts_between
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
    conversation_id = contact.conversation_id
    end = (await heads(db, [conversation_id])).get(conversation_id, 0)
    seq = 0
    while seq < end:
        found = await page(db, conversation_id, PageStart(seq + 1, forward=True), size, contact.id)
        items = [item for item in found if item.seq <= end]
        if not items:
            return
        seq = items[-1].seq
        receipts = await receipts_between(db, conversation_id, items[0].seq, seq)
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
