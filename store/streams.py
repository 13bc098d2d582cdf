"""Streams in the store: the chats whose transcript items are sent to topics, and how far each is.

A message of a chat writes nothing here. What is still to be sent follows from a comparison: the items of the chat after the last
one that was delivered. The items of a chat become visible in the order of their numbers, so none is passed over.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Boolean,
    Integer,
    and_,
    bindparam,
    case,
    func,
    insert,
    null,
    or_,
    select,
    true,
    update,
)

from domain.transcript import TranscriptItem
from store import schema
from store.database import Database
from store.rows import columns
from store.webhooks import Delivery, WebhookKey, write_deliveries

MAX_STREAMS = 2
"""How many topics a chat can be streamed to at the same time (StartContactStreaming)."""

ITEMS_OF_A_STREAM = 50
"""How many items of a chat a page has at most, so that one chat does not fill it alone. Numbers of items have no gaps."""

_stream = schema.streams.c
_item = schema.items.c
_NOW = bindparam("now", type_=schema.Instant)
_SEQ = bindparam("seq", type_=BigInteger)


class NewStream(NamedTuple):
    """A stream that begins. `whole`: it has all items of the chat; else those that are written from now on."""

    id: str
    conversation_id: str
    instance: str
    topic: str
    whole: bool = False


class StreamedItem(NamedTuple):
    """An item that a stream is to deliver. `is_active`: whether the stream goes on."""

    stream_id: str
    conversation_id: str
    is_active: bool
    item: TranscriptItem


class Progress(NamedTuple):
    """A stream has delivered all up to an item. `is_over`: the chat has ended with it."""

    stream_id: str
    seq: int
    is_over: bool


_IS_ACTIVE = and_(_stream.last_seq.is_(None), _stream.finished_at.is_(None))
_OF_CHAT = select(_stream.id, _stream.topic, _IS_ACTIVE.label("is_active")).where(
    _stream.conversation_id == bindparam("chat")
)
_LAST_ITEM = (
    select(func.coalesce(func.max(_item.seq), 0)).where(_item.conversation_id == bindparam("chat")).scalar_subquery()
)
_STOP = (
    update(schema.streams)
    .where(_stream.id == bindparam("stream"), _IS_ACTIVE)
    .values(last_seq=_LAST_ITEM, finished_at=case((_stream.delivered_seq >= _LAST_ITEM, _NOW), else_=null()))
)
_IS_FINISHED = or_(bindparam("is_over", type_=Boolean), _stream.last_seq <= _SEQ)
_ADVANCE = (
    update(schema.streams)
    .where(_stream.id == bindparam("stream_id"), _stream.delivered_seq < _SEQ)
    .values(delivered_seq=_SEQ, finished_at=case((_IS_FINISHED, _NOW), else_=null()))
)
_IS_NEXT = and_(
    _item.conversation_id == _stream.conversation_id,
    _item.seq > _stream.delivered_seq,
    _item.seq <= _stream.delivered_seq + ITEMS_OF_A_STREAM,
    or_(_stream.last_seq.is_(None), _item.seq <= _stream.last_seq),
)
_STREAM_COLUMNS = (
    _stream.id.label("stream_id"),
    _stream.conversation_id,
    _stream.last_seq.is_(None).label("is_active"),
)
_OF_TOPIC = (
    _stream.instance == bindparam("instance"),
    _stream.topic == bindparam("topic"),
    _stream.finished_at.is_(None),
)
_LIMIT = bindparam("limit", type_=Integer)
_PAGE = (
    select(*_STREAM_COLUMNS, *columns(schema.items, TranscriptItem))
    .join(schema.items, _IS_NEXT)
    .where(*_OF_TOPIC)
    .order_by(_stream.started_at, _stream.id, _item.seq)
    .limit(_LIMIT)
)
_NEXT = (
    select(*columns(schema.items, TranscriptItem))
    .where(_IS_NEXT)
    .order_by(_item.seq)
    .limit(ITEMS_OF_A_STREAM)
    .correlate(schema.streams)
    .lateral("next")
)
_POSTGRES_PAGE = (
    select(*_STREAM_COLUMNS, *_NEXT.c)
    .join(_NEXT, true())
    .where(*_OF_TOPIC)
    .order_by(_stream.started_at, _stream.id, _NEXT.c.seq)
    .limit(_LIMIT)
)
"""The same page. For a join PostgreSQL may read all items; a lateral query looks into their index for each stream."""
_IS_OF_SOME = _stream.conversation_id.in_(bindparam("chats", expanding=True))
_PAGE_OF_SOME, _POSTGRES_PAGE_OF_SOME = _PAGE.where(_IS_OF_SOME), _POSTGRES_PAGE.where(_IS_OF_SOME)


async def start_stream(db: Database, new: NewStream, now: datetime) -> str | None:
    """Begin to stream a chat to a topic. Idempotent by the id, also after the stream was stopped.

    Returns:
        The id of the stream: that of the present one, when the chat is streamed to the topic already. None when the chat is
        streamed to as many others as possible.
    """
    chat = {"chat": new.conversation_id}
    row = {
        "id": new.id,
        "conversation_id": new.conversation_id,
        "instance": new.instance,
        "topic": new.topic,
        "started_at": now,
    }
    async with db.write() as connection:
        await db.take_advisory_lock(connection, f"streams of {new.conversation_id}")
        found = (await connection.execute(_OF_CHAT, chat)).all()
        active = [row for row in found if row.is_active]
        known = [row.id for row in found if row.id == new.id] or [row.id for row in active if row.topic == new.topic]
        if known:
            return known[0]
        if len(active) >= MAX_STREAMS:
            return None
        seq = 0 if new.whole else (await connection.execute(select(_LAST_ITEM), chat)).scalar_one()
        await connection.execute(insert(schema.streams), {**row, "delivered_seq": seq})
    return new.id


async def stop_stream(db: Database, conversation_id: str, stream_id: str, now: datetime) -> str | None:
    """End a stream with the last item that the chat has. Idempotent.

    Returns:
        Its topic; None when the chat has no such stream.
    """
    chat = {"chat": conversation_id}
    async with db.write() as connection:
        topics = {row.id: row.topic for row in await connection.execute(_OF_CHAT, chat)}
        if stream_id in topics:
            await connection.execute(_STOP, {**chat, "stream": stream_id, "now": now})
    return topics.get(stream_id)


async def is_streamed(db: Database, conversation_id: str) -> bool:
    """Whether a chat has a stream that goes on."""
    return any(row.is_active for row in await db.rows(_OF_CHAT, {"chat": conversation_id}))


async def next_items(
    db: Database, key: WebhookKey, limit: int, chats: Collection[str] | None = None
) -> list[StreamedItem]:
    """The next items for a topic, at most `limit`: those of the oldest stream first, and those of each chat in order.

    Args:
        db: the store.
        key: the topic.
        limit: how many.
        chats: only items of these conversations; None: all.
    """
    values: dict[str, Any] = {"instance": key.instance, "topic": key.name, "limit": limit}
    if chats is None:
        page = _POSTGRES_PAGE if db.is_postgres else _PAGE
        found = await db.mappings(page, values)
    else:
        page = _POSTGRES_PAGE_OF_SOME if db.is_postgres else _PAGE_OF_SOME
        found = await db.mappings(page, {**values, "chats": list(chats)})
    return [
        StreamedItem(row["stream_id"], row["conversation_id"], row["is_active"], TranscriptItem(**row)) for row in found
    ]


async def advance_streams(
    db: Database, key: WebhookKey, progress: Collection[Progress], deliveries: Sequence[Delivery], now: datetime
) -> None:
    """Note how far streams of a topic have come, and what the deliveries were. No stream goes back."""
    rows = [{**each._asdict(), "now": now} for each in progress]
    async with db.write() as connection:
        # first: it locks the conversations, and an erasure locks a conversation before its streams
        await write_deliveries(connection, key, deliveries)
        if rows:
            await connection.execute(_ADVANCE, rows)
