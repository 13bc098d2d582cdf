"""Writes the items of many conversations together, with their checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from domain.transcript import TranscriptItem
from store import schema
from store.checkpoints import Step, advance_all
from store.conversations import Written, write_conversation
from store.database import Database
from store.feed_derivation import events_of_items
from store.feed_writes import write_events
from store.group_writer import GroupWriter, NotTogether
from store.transcript_writes import item_rows


class _Write(NamedTuple):
    conversation_id: str
    items: Sequence[TranscriptItem]
    step: Step | None


class ItemWriter:
    """Appends items to transcripts. Belongs to one event loop."""

    def __init__(self, db: Database, on_transaction: Callable[[int], None] | None = None) -> None:
        """Prepare the writer. `on_transaction` is called with the number of writes of each shared transaction."""
        self._db = db
        self._on_transaction = on_transaction
        self._writer = GroupWriter(self._write_all, self._write_alone)

    async def append(self, conversation_id: str, items: Sequence[TranscriptItem], step: Step | None = None) -> Written:
        """Write items and a checkpoint in a transaction that other conversations share.

        See `write_conversation` and `GroupWriter.write`.
        """
        return await self._writer.write(_Write(conversation_id, items, step))

    async def finish(self) -> None:
        """Wait until all writes have ended."""
        await self._writer.finish()

    async def _write_all(self, group: Sequence[_Write]) -> list[Written]:
        rows: list[dict[str, Any]] = [row for write in group for row in item_rows(write.conversation_id, write.items)]
        steps = [write.step for write in group if write.step]
        async with self._db.write() as transaction:
            if not await advance_all(self._db, transaction, steps):
                raise NotTogether  # a commit is stored already, or another one stands
            if await self._db.insert_new(transaction, schema.items, rows) < len(rows):
                raise NotTogether  # an item is stored already, or another item has its number
            await write_events(
                self._db, transaction, [(each.conversation_id, events_of_items(each.items)) for each in group]
            )
        if self._on_transaction:
            self._on_transaction(len(group))
        return [Written()] * len(group)

    async def _write_alone(self, write: _Write) -> Written:
        async with self._db.write() as transaction:
            return await write_conversation(
                self._db, transaction, write.conversation_id, items=write.items, step=write.step
            )
