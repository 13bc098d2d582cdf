"""Writes the items of many conversations together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from domain.transcript import TranscriptItem
from store import schema
from store.database import Database
from store.group_writer import GroupWriter, NotTogether
from store.transcript_writes import Appended, append_items, item_rows


class _Write(NamedTuple):
    conversation_id: str
    items: Sequence[TranscriptItem]


class ItemWriter:
    """Appends items to transcripts. Belongs to one event loop."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._writer = GroupWriter(self._insert_all, self._append)

    async def append(self, conversation_id: str, items: Sequence[TranscriptItem]) -> Appended:
        """Append items in a transaction that other conversations share. See `append_items` and `GroupWriter.write`."""
        return await self._writer.write(_Write(conversation_id, items))

    async def _insert_all(self, group: Sequence[_Write]) -> list[Appended]:
        rows: list[dict[str, Any]] = [row for write in group for row in item_rows(*write)]
        async with self._db.write() as transaction:
            if await self._db.insert_new(transaction, schema.items, rows) < len(rows):
                raise NotTogether  # an item is stored already, or another item has its number
        return [Appended()] * len(group)

    async def _append(self, write: _Write) -> Appended:
        async with self._db.write() as transaction:
            return await append_items(self._db, transaction, *write)
