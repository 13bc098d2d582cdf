"""Reads the feed: events of an instance in the order of their transactions, and their removal after a time.

An event with a smaller number can become visible after one with a larger number: its transaction takes longer. So events are
ordered by transaction and number, and are read only as far as no transaction runs that is older.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from itertools import takewhile
from typing import Any, NamedTuple, Self

from sqlalchemy import RowMapping, Select, bindparam, delete, func, literal_column, select, tuple_, update

from store import schema
from store.database import Database
from store.pairs import PAIRS, among_pairs
from store.records import StoredContact, StoredConversation
from store.rows import contact_of, select_contacts
from store.transaction import Transaction

_event = schema.feed_events.c
_start = schema.feed_starts.c

REMOVED_AT_ONCE = 5_000


class FeedPosition(NamedTuple):
    """A place in the feed of an instance: that of an event, or the beginning."""

    transaction_id: int = 0
    number: int = 0

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read a position as `str` writes it; None when it is none."""
        parts = text.split("-")
        if len(parts) != 2 or not all(part.isascii() and part.isdecimal() and len(part) <= 18 for part in parts):
            return None
        return cls(*map(int, parts))

    def __str__(self) -> str:
        return f"{self.transaction_id}-{self.number}"


class StoredEvent(NamedTuple):
    """An event of the feed.

    Attributes:
        seq: its number in its conversation, from 1.
        type: a `FeedEventType`, or one of a newer version of Perennial that writes to the same store.
    """

    position: FeedPosition
    instance: str
    conversation_id: str
    seq: int
    id: str
    type: str
    contact_id: str
    at: datetime
    item: int | None
    data: Mapping[str, Any]


_POSITION = tuple_(_event.transaction_id, _event.number)
_PAGE = (
    select(
        *(_event.transaction_id, _event.number, _event.instance, _event.conversation_id, _event.seq, _event.id),
        *(_event.type, _event.contact_id, _event.at, _event.item, _event.data),
    )
    .where(_event.instance == bindparam("instance"))
    .where(tuple_(bindparam("transaction_id"), bindparam("number")) < _POSITION)
    .order_by(_event.transaction_id, _event.number)
    .limit(bindparam("limit"))
)
_OLDEST_RUNNING: Any = literal_column("CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint)")
_PAGE_ON_POSTGRES = _PAGE.where(_event.transaction_id < _OLDEST_RUNNING)
_END = (
    select(_event.transaction_id, _event.number)
    .where(_event.instance == bindparam("instance"))
    .order_by(_event.transaction_id.desc(), _event.number.desc())
    .limit(1)
)
_END_ON_POSTGRES = _END.where(_event.transaction_id < _OLDEST_RUNNING)
_LAST_NUMBERS = (
    select(_event.conversation_id, func.max(_event.seq))
    .where(_event.conversation_id.in_(bindparam("chats", expanding=True)))
    .group_by(_event.conversation_id)
)
_REMOVE = delete(schema.feed_events).where(
    _event.conversation_id == bindparam("chat"),
    _event.seq < bindparam("last"),
    tuple_(bindparam("transaction_id"), bindparam("number")) >= _POSITION,
)
_webhook = schema.webhooks.c
_MOVE_WEBHOOKS = (
    update(schema.webhooks)
    .where(
        _webhook.instance == bindparam("of"),
        tuple_(_webhook.transaction_id, _webhook.number) < tuple_(bindparam("transaction_id"), bindparam("number")),
    )
    .values(transaction_id=bindparam("transaction_id"), number=bindparam("number"))
)
_CONTACTS = select_contacts().where(schema.contacts.c.id.in_(bindparam("ids", expanding=True)))
_HIDDEN = select(func.min(_event.at)).where(
    _event.instance == bindparam("instance"), _event.transaction_id >= _OLDEST_RUNNING
)
_START = select(_start.transaction_id, _start.number).where(_start.instance == bindparam("instance"))


async def start_of_feed(db: Database, instance: str) -> FeedPosition:
    """The position after which the events of an instance are kept."""
    rows = await db.rows(_START, {"instance": instance})
    return FeedPosition(*rows[0]) if rows else FeedPosition()


async def end_of_feed(db: Database, connection: Transaction, instance: str) -> FeedPosition:
    """A position before all events that are not visible yet, and after the others."""
    query = _END_ON_POSTGRES if db.is_postgres else _END
    found = (await connection.execute(query, {"instance": instance})).one_or_none()
    return FeedPosition(*found) if found else FeedPosition()


async def page_of_feed(db: Database, instance: str, after: FeedPosition, limit: int) -> list[StoredEvent]:
    """The next events after a position, at most `limit`, in order. More can come later, but only after these."""
    query = _PAGE_ON_POSTGRES if db.is_postgres else _PAGE
    keys = {"instance": instance, "transaction_id": after.transaction_id, "number": after.number, "limit": limit}
    return [_event_of(row) for row in await db.mappings(query, keys)]


def _event_of(row: RowMapping) -> StoredEvent:
    facts = {name: row[name] for name in StoredEvent._fields if name != "position"}
    return StoredEvent(FeedPosition(row["transaction_id"], row["number"]), **facts)


async def oldest_hidden_event(db: Database, instance: str) -> datetime | None:
    """When the oldest event happened that is written, and held back by an older transaction; None without one."""
    if not db.is_postgres:
        return None
    return (await db.rows(_HIDDEN, {"instance": instance}))[0][0]


async def contents_of(
    db: Database, events: Sequence[StoredEvent]
) -> dict[tuple[str, int], tuple[str | None, str | None]]:
    """By conversation and item, the content and the sender's name of those items that events are about and that still exist."""
    keys = [(event.conversation_id, event.item) for event in events if event.item is not None]
    if not keys:
        return {}
    rows = await db.rows(_contents(postgres=db.is_postgres), {PAIRS: keys})
    return {(row[0], row[1]): (row[2], row[3]) for row in rows}


@cache
def _contents(*, postgres: bool) -> Select[*tuple[Any, ...]]:
    item = schema.items.c
    query = select(item.conversation_id, item.seq, item.content, item.name)
    return among_pairs(query, item.conversation_id, item.seq, postgres=postgres)


async def contacts_of(
    db: Database, events: Sequence[StoredEvent]
) -> dict[str, tuple[StoredContact, StoredConversation]]:
    """By their ids, the contacts that events are about, as they are at present, with their conversations."""
    ids = {event.contact_id for event in events}
    rows = await db.mappings(_CONTACTS, {"ids": list(ids)}) if ids else []
    return {contact.id: (contact, conversation) for contact, conversation in map(contact_of, rows)}


async def remove_old_events(db: Database, instance: str, before: datetime, at_once: int = REMOVED_AT_ONCE) -> None:
    """Delete the events of an instance that are older than an instant. Idempotent.

    The last event of a conversation stays, because the next one is numbered after it: attributes change also after the end. It is
    before the start of the feed, so nobody reads it. A webhook that is further behind goes on from there.
    """
    while old := await _next_old_events(db, instance, before, at_once):
        last = old[-1].position
        chats = {event.conversation_id for event in old}
        async with db.write(limited=False) as connection:
            await db.upsert(connection, schema.feed_starts, [{"instance": instance, **last._asdict()}])
            await connection.execute(_MOVE_WEBHOOKS, {"of": instance, **last._asdict()})
            numbers = await connection.execute(_LAST_NUMBERS, {"chats": list(chats)})
            removed = [{"chat": chat, "last": number, **last._asdict()} for chat, number in numbers]
            await connection.execute(_REMOVE, removed)


async def _next_old_events(db: Database, instance: str, before: datetime, at_once: int) -> list[StoredEvent]:
    start = await start_of_feed(db, instance)
    first = await page_of_feed(db, instance, start, 1)
    if not first or first[0].at >= before:
        return []
    return list(takewhile(lambda event: event.at < before, await page_of_feed(db, instance, start, at_once)))
