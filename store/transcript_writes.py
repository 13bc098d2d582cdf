"""Writes of transcript items.

A workflow task can run twice: its worker dies after the write, or a signal arrives while the run is about to end. The
workflow then decides again, with more events, and may give an item a number that another stored item already has. Stored
items never change, because clients have received them. New items receive the next free numbers. No accepted item is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from sqlalchemy import and_, bindparam, delete, insert, or_, select

from domain.instants import MILLISECOND
from domain.participants import Role
from domain.transcript import ItemType, TranscriptItem
from domain.value import MAX_NAME
from store import schema
from store.database import Database
from store.transaction import Transaction

_items = schema.items.c
_END = (
    select(_items.seq, _items.at)
    .where(_items.conversation_id == bindparam("conversation"))
    .order_by(_items.seq.desc())
    .limit(1)
)
_AGAIN = "/again"
_CONTENT = ("type", "content_type", "content", "participant_id", "role", "trigger")


class TranscriptEnd(NamedTuple):
    """Number and instant of the last item of a transcript. The workflow continues to count from here."""

    seq: int
    at: datetime


class Appended(NamedTuple):
    """The result of `append_items`.

    Attributes:
        end: the end of the transcript, when some of the items were stored already or received other numbers; else None.
        as_given: whether this call stored all items, with the numbers that they have.
        written: the items that this call stored.
    """

    end: TranscriptEnd | None = None
    as_given: bool = True
    written: Sequence[TranscriptItem] = ()


async def transcript_end(connection: Transaction, conversation_id: str) -> TranscriptEnd | None:
    """The end of a transcript; None when it is empty."""
    rows = await connection.execute(_END, {"conversation": conversation_id})
    found = rows.one_or_none()
    return TranscriptEnd(*found) if found else None


async def append_items(
    db: Database, connection: Transaction, conversation_id: str, items: Sequence[TranscriptItem]
) -> Appended:
    """Writes the items that are not stored yet, in their order. Idempotent."""
    insertion = db.insert_of_new(schema.items, _items.seq)
    written = set((await connection.execute(insertion, item_rows(conversation_id, items))).scalars())
    if len(written) == len(items):
        return Appended(written=items)
    # a number was taken: remove the new items, and write them again in order at the end
    this_conversation = _items.conversation_id == conversation_id
    await connection.execute(delete(schema.items).where(this_conversation, _items.seq.in_(written)))
    missing = await _missing(connection, conversation_id, items)
    end = await transcript_end(connection, conversation_id)
    assert end is not None  # an item was not written because another one has its number or id
    seq, at = end
    placed: list[TranscriptItem] = []
    for item in missing:
        seq, at = seq + 1, max(item.at, at + MILLISECOND)
        placed.append(item.model_copy(update={"seq": seq, "at": at}))
    if placed:
        await connection.execute(insert(schema.items), item_rows(conversation_id, placed))
    return Appended(TranscriptEnd(seq, at), as_given=False, written=placed)


async def _missing(
    connection: Transaction, conversation_id: str, items: Sequence[TranscriptItem]
) -> list[TranscriptItem]:
    """Returns the items that are not stored: compared by id and, when the id derives from the number, by content."""
    ids = [item.id for item in items]
    this_conversation = _items.conversation_id == conversation_id
    # the conversation in both, so that each uses an index
    candidates = or_(
        and_(this_conversation, _items.seq >= items[0].seq),
        and_(this_conversation, _items.id.in_([*ids, *map(_second_id, ids)])),
    )
    query = select(_items.id, *(_items[name] for name in _CONTENT)).where(candidates)
    stored = {row.id: tuple(row)[1:] for row in await connection.execute(query)}
    found = {id for item in items for id in (item.id, _second_id(item.id)) if stored.get(id) == _content(item)}
    others = [content for id, content in stored.items() if id not in found]
    missing: list[TranscriptItem] = []
    for item in items:
        if item.id in found or _second_id(item.id) in found:
            continue
        if (item.role is Role.SYSTEM or item.type is ItemType.EVENT) and _content(item) in others:
            others.remove(_content(item))
            continue
        missing.append(item.model_copy(update={"id": _second_id(item.id)}) if item.id in stored else item)
    return missing


def _content(item: TranscriptItem) -> tuple[object, ...]:
    return tuple(getattr(item, name) for name in _CONTENT)


def _second_id(id: str) -> str:
    """Returns another id for an item whose id belongs to a different stored item. It fits into the column as well."""
    return f"{id if len(id) <= MAX_NAME - len(_AGAIN) else sha256(id.encode()).hexdigest()}{_AGAIN}"


def item_rows(conversation_id: str, items: Iterable[TranscriptItem]) -> list[dict[str, object]]:
    """Returns the rows of items in the table `items`."""
    return [
        {
            **dict(item),
            "conversation_id": conversation_id,
            "attachment": item.attachment and item.attachment.model_dump(),
        }
        for item in items
    ]
