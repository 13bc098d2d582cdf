"""Reads transcripts: pages, single items, and the numbers at which pages start."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Integer, Select, bindparam, func, select

from domain.transcript import TranscriptItem
from store import schema
from store.database import Database
from store.pairs import PAIRS, among_pairs
from store.receipts import receipts_between
from store.records import Receipt, StoredContact
from store.rows import columns

_items = schema.items.c

_OF_CONVERSATION = select(*columns(schema.items, TranscriptItem)).where(
    _items.conversation_id == bindparam("conversation")
)
_ITEM = _OF_CONVERSATION.where(_items.id == bindparam("item"))


def _page_query(*, forward: bool, one_contact: bool) -> Select[*tuple[Any, ...]]:
    query = _OF_CONVERSATION.where(_items.contact_id == bindparam("contact")) if one_contact else _OF_CONVERSATION
    start = bindparam("start", type_=BigInteger)
    if forward:
        query = query.where(_items.seq.between(start, bindparam("until", type_=BigInteger))).order_by(_items.seq)
    else:
        query = query.where(_items.seq <= start).order_by(_items.seq.desc())
    return query.limit(bindparam("limit", type_=Integer))


_HEADS = select(
    schema.conversations.c.id,
    # correlated, so that it takes one step in the index for each conversation, and not one for each item
    select(func.max(_items.seq)).where(_items.conversation_id == schema.conversations.c.id).scalar_subquery(),
).where(schema.conversations.c.id.in_(bindparam("conversations", expanding=True)))

_PAGES = {
    (forward, one_contact): _page_query(forward=forward, one_contact=one_contact)
    for forward in (True, False)
    for one_contact in (True, False)
}
"""The query of a page, by its direction and whether it is limited to one contact."""


NO_ITEM_LATER = 2**62
"""A number above those of all items."""

ItemName = tuple[str, str]
"""The id of a conversation, and the id of one of its items."""


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
    db: Database,
    conversation_id: str,
    start: PageStart,
    limit: int,
    contact_id: str | None = None,
    *,
    until: int = NO_ITEM_LATER,
) -> list[TranscriptItem]:
    """One page: at most `limit` items of a conversation, beginning with `start.seq`, in the direction of `start`.

    Args:
        db: the store.
        conversation_id: the conversation.
        start: the start of the page.
        limit: the size of the page.
        contact_id: only items of this contact; None for all.
        until: only items up to this number.
    """
    values = {"conversation": conversation_id, "limit": limit, "contact": contact_id}
    ends = {"start": start.seq, "until": until} if start.forward else {"start": min(start.seq, until)}
    rows = await db.mappings(_PAGES[start.forward, contact_id is not None], {**values, **ends})
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


async def last_of_contact(db: Database, contact: StoredContact) -> int:
    """The number of the last item of a contact; 0 without one."""
    found = await page(
        db, contact.conversation_id, PageStart(contact.last_seq or NO_ITEM_LATER, forward=False), 1, contact.id
    )
    return found[0].seq if found else 0


async def find_item(db: Database, conversation_id: str, item_id: str) -> TranscriptItem | None:
    """An item of a conversation by its id; None when there is no such item."""
    rows = await db.mappings(_ITEM, {"conversation": conversation_id, "item": item_id})
    return TranscriptItem(**rows[0]) if rows else None


async def find_items(db: Database, items: Collection[ItemName]) -> dict[ItemName, TranscriptItem]:
    """Those of the items that are stored, by their names."""
    found: dict[ItemName, TranscriptItem] = {}
    for row in await db.mappings(_named(postgres=db.is_postgres), {PAIRS: list(items)}):
        values: dict[str, Any] = dict(row)
        found[values.pop("conversation_id"), row["id"]] = TranscriptItem(**values)
    return found


async def stored_items(db: Database, items: Collection[ItemName]) -> Sequence[ItemName]:
    """The names of those of the items that are stored."""
    rows = await db.rows(_stored(postgres=db.is_postgres), {PAIRS: list(items)})
    return [(conversation, item) for conversation, item in rows]


@cache
def _stored(*, postgres: bool) -> Select[*tuple[Any, ...]]:
    query = select(_items.conversation_id, _items.id)
    return among_pairs(query, _items.conversation_id, _items.id, postgres=postgres)


@cache
def _named(*, postgres: bool) -> Select[*tuple[Any, ...]]:
    query = select(_items.conversation_id, *columns(schema.items, TranscriptItem))
    return among_pairs(query, _items.conversation_id, _items.id, postgres=postgres)


async def heads(db: Database, conversation_ids: Collection[str]) -> dict[str, int]:
    """The number of the last item of each conversation; conversations without items are missing."""
    rows = await db.rows(_HEADS, {"conversations": list(conversation_ids)})
    return {conversation: head for conversation, head in rows if head is not None}


async def first_since(db: Database, conversation_id: str, at: datetime) -> int | None:
    """The number of the first item at or after an instant; None when there is none."""
    since = select(_items.seq).where(_items.conversation_id == conversation_id, _items.at >= at)
    return await _first(db, since.order_by(_items.at))


async def last_until(db: Database, conversation_id: str, at: datetime) -> int | None:
    """The number of the last item at or before an instant; None when there is none."""
    until = select(_items.seq).where(_items.conversation_id == conversation_id, _items.at <= at)
    return await _first(db, until.order_by(_items.at.desc()))


async def nth_latest(db: Database, conversation_id: str, n: int, *, until: int = NO_ITEM_LATER) -> int | None:
    """The number of the n-th latest item (1 is the latest), or of the earliest when there are fewer; None without items.

    Items after number `until` do not count.
    """
    latest = (
        select(_items.seq)
        .where(_items.conversation_id == conversation_id, _items.seq <= until)
        .order_by(_items.seq.desc())
        .limit(n)
        .subquery()
    )
    return (await db.rows(select(func.min(latest.c.seq))))[0][0]


async def _first(db: Database, query: Select[int]) -> int | None:
    rows = await db.rows(query.limit(1))
    return rows[0][0] if rows else None
