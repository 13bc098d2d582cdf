"""Adding to a transcript what a conversation says comes next.

A workflow task may be done twice: its worker dies after the write, or a signal arrives while the run is about to end. Then
the conversation decides again, with more to decide on, and what it numbers now may stand under another number already. What
was written stays as it is, since clients have it; what is new gets the next numbers; nothing that was accepted is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import delete, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store import schema
from store.database import Database
from store.records import Item

_items = schema.items.c
_SAYS = ("type", "content_type", "content", "participant_id", "role", "trigger")


@dataclass(frozen=True, slots=True)
class Head:
    """The last item of a transcript, from which its conversation goes on counting."""

    seq: int
    at: datetime


async def append(db: Database, connection: AsyncConnection, conversation_id: str, items: Sequence[Item]) -> Head | None:
    """Writes items, in their order, as far as they are not there yet.

    Returns:
        The end of the transcript, if some of them have got other numbers.
    """
    insertion = db.insert_new(schema.items, _rows(conversation_id, items)).returning(_items.seq)
    written = set((await connection.execute(insertion)).scalars())
    if len(written) == len(items):
        return None
    # what was new is taken out again, to follow in its order on what could not have its number
    here = _items.conversation_id == conversation_id
    await connection.execute(delete(schema.items).where(here, _items.seq.in_(written)))
    missing = await _missing(connection, conversation_id, items)
    if not missing:
        return None
    end = select(func.max(_items.seq), func.max(_items.at, type_=schema.Instant())).where(here)
    seq, at = (await connection.execute(end)).one()
    placed: list[Item] = []
    for item in missing:
        seq, at = seq + 1, max(item.at, at + timedelta(milliseconds=1))
        placed.append(replace(item, seq=seq, at=at))
    await connection.execute(insert(schema.items), _rows(conversation_id, placed))
    return Head(seq, at)


async def _missing(connection: AsyncConnection, conversation_id: str, items: Sequence[Item]) -> list[Item]:
    """The items that are not there: neither by their id nor, where that came from a number alone, by what they say."""
    ids = [item.id for item in items]
    left_over = or_(_items.seq >= items[0].seq, _items.id.in_([*ids, *map(_again, ids)]))
    query = select(_items.id, *(_items[name] for name in _SAYS)).where(
        _items.conversation_id == conversation_id, left_over
    )
    there = {row.id: tuple(row)[1:] for row in await connection.execute(query)}
    found = {id for item in items for id in (item.id, _again(item.id)) if there.get(id) == _says(item)}
    others = [says for id, says in there.items() if id not in found]
    missing: list[Item] = []
    for item in items:
        if item.id in found or _again(item.id) in found:
            continue
        if (item.role == "SYSTEM" or item.type == "EVENT") and _says(item) in others:
            others.remove(_says(item))
            continue
        missing.append(replace(item, id=_again(item.id)) if item.id in there else item)
    return missing


def _says(item: Item) -> tuple[object, ...]:
    return tuple(getattr(item, name) for name in _SAYS)


def _again(id: str) -> str:
    """Another id, for what has one that has gone to something else."""
    return f"{id}/again"


def _rows(conversation_id: str, items: Iterable[Item]) -> list[dict[str, object]]:
    return [{"conversation_id": conversation_id, **asdict(item)} for item in items]
