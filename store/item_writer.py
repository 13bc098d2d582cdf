"""Writes the items of many conversations together: those that arrive while one transaction runs share the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.exc import DataError, IntegrityError

from domain.transcript import TranscriptItem
from store import schema
from store.database import Database
from store.transcript_writes import Appended, append_items, item_rows

MAX_WRITES = 200
"""How many writes share a transaction."""


class _NumbersTaken(Exception):
    """An item was not inserted: it is stored already, or another item has its number."""


@dataclass(slots=True, eq=False)
class _Write:
    conversation_id: str
    items: Sequence[TranscriptItem]
    done: asyncio.Future[Appended] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class ItemWriter:
    """Appends items to transcripts. Belongs to one event loop."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._waiting: list[_Write] = []
        self._task: asyncio.Task[None] | None = None

    async def append(self, conversation_id: str, items: Sequence[TranscriptItem]) -> Appended:
        """Append items in a transaction that other conversations share. See `append_items`.

        A write that fails, such as one of an unknown conversation, does not affect the others. A caller that is cancelled does
        not stop its write.
        """
        write = _Write(conversation_id, items)
        self._waiting.append(write)
        if self._task is None:
            self._task = asyncio.create_task(self._write_all())
        return await write.done

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:MAX_WRITES], self._waiting[MAX_WRITES:]
                await self._write_group(group)
        finally:
            self._task = None

    async def _write_group(self, group: list[_Write]) -> None:
        try:
            await self._insert_all(group)
        except (_NumbersTaken, IntegrityError, DataError):
            for write in group:
                await self._write_alone(write)
        except Exception as error:
            for write in group:
                _fail(write, error)
        else:
            for write in group:
                _succeed(write, Appended())

    async def _insert_all(self, group: Sequence[_Write]) -> None:
        rows: list[dict[str, Any]] = [row for write in group for row in item_rows(write.conversation_id, write.items)]
        async with self._db.write() as transaction:
            if await self._db.insert_new(transaction, schema.items, rows) < len(rows):
                raise _NumbersTaken

    async def _write_alone(self, write: _Write) -> None:
        try:
            async with self._db.write() as transaction:
                appended = await append_items(self._db, transaction, write.conversation_id, write.items)
        except Exception as error:
            _fail(write, error)
        else:
            _succeed(write, appended)


def _succeed(write: _Write, result: Appended) -> None:
    if not write.done.done():  # else its caller was cancelled
        write.done.set_result(result)


def _fail(write: _Write, error: Exception) -> None:
    if not write.done.done():
        write.done.set_exception(error)
