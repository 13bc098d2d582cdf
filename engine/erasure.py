"""Deletion of conversations: out of the archive, the store and Temporal, once they have ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from obstore.exceptions import BaseError

from domain.errors import ConversationEnded, Unavailable
from domain.events import Close, Command, End
from engine.attachment_files import AttachmentFiles
from engine.client import ConversationClient
from runtime.archive import Archive
from runtime.errors import StartupError
from store.attachments import attachments_of
from store.conversations import find_conversation
from store.database import Database
from store.personal_data import contacts_of, erase_conversation, erase_short_lived_rows, ids_within
from wire.transcript_paths import transcript_path
from workflows.attachment_check import check_id

logger = logging.getLogger(__name__)

END_SECONDS = 20.0
"""How long a deletion waits for running conversations to end, with their files written."""

LOOK_SECONDS = 0.1
MAX_CONCURRENT = 10
"""Conversations that are ended at the same time."""

BATCH = 100
"""Conversations whose traces are deleted together."""


class StillEnding(Unavailable):
    """A conversation has not ended yet, for example because its transcript file cannot be written. Nothing of it is deleted."""

    def __init__(self) -> None:
        super().__init__("A chat is still ending. Repeat the request to delete the rest.")


class Deleted(NamedTuple):
    """How much was deleted. `runs` counts those of Temporal; None: it keeps them until the retention of its namespace."""

    conversations: int = 0
    items: int = 0
    notes: int = 0
    files: int = 0
    runs: int | None = 0

    def __add__(self, other: Deleted) -> Deleted:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The sum of both."""
        return Deleted(
            self.conversations + other.conversations,
            self.items + other.items,
            self.notes + other.notes,
            self.files + other.files,
            None if self.runs is None or other.runs is None else self.runs + other.runs,
        )

    def counts(self) -> dict[str, int]:
        """The numbers by their names; without that of the runs when Temporal keeps them."""
        return {name: number for name, number in self._asdict().items() if number is not None}


class Erasure:
    """Deletes conversations."""

    def __init__(self, db: Database, engine: ConversationClient, archive: Callable[[], Archive | None]) -> None:
        """Prepare. `archive` opens the archive when there is something to delete; None: nothing is archived."""
        self._db = db
        self._engine = engine
        self._archive = archive
        self._attachments = AttachmentFiles(archive)

    async def delete(self, instance: str, ids: Sequence[str], by: str) -> Deleted:
        """End conversations, and delete all that there is about them. Idempotent; unknown ids do nothing.

        What was deleted before a failure stays deleted.

        Args:
            instance: their instance.
            ids: their ids.
            by: who has those that run ended.

        Raises:
            StillEnding: one of them does not end in time.
            Unavailable: store, archive or Temporal do not answer.
        """
        slots = asyncio.Semaphore(MAX_CONCURRENT)

        async def end(id: str) -> None:
            async with slots:
                await self._end(id, by)

        try:
            async with asyncio.timeout(END_SECONDS):
                await asyncio.gather(*(end(id) for id in ids))
        except TimeoutError:
            raise StillEnding from None
        return await self._delete_all(instance, ids)

    async def delete_ended(self, instance: str, ids: Sequence[str]) -> Deleted:
        """Delete conversations whose workflows have ended. Those that still run stay. Raises `Unavailable` as `delete`."""
        return await self._delete_all(instance, [id for id in ids if not await self._engine.is_running(id)])

    async def _end(self, conversation_id: str, by: str) -> None:
        """Wait until a conversation is closed and its workflow has ended. Ends it if it runs."""
        while True:
            record = await find_conversation(self._db, conversation_id)
            if record is None or (record.closed_at and not await self._engine.is_running(conversation_id)):
                return
            if not record.closed_at:
                await self._command(conversation_id, End(by=by))
                await self._command(conversation_id, Close(by=by))
            await asyncio.sleep(LOOK_SECONDS)

    async def _command(self, conversation_id: str, command: Command) -> None:
        with suppress(ConversationEnded):  # then its listener has it ended
            await self._engine.execute_command(conversation_id, command)

    async def _delete_all(self, instance: str, ids: Sequence[str]) -> Deleted:
        total = Deleted()
        for start in range(0, len(ids), BATCH):
            batch = ids[start : start + BATCH]
            await erase_short_lived_rows(
                self._db, instance, [each for id in batch for each in await ids_within(self._db, id)]
            )
            for id in batch:
                total += await self._delete_ended(instance, id)
        if ids:
            await self._db.forget_deleted()
        return total

    async def _delete_ended(self, instance: str, conversation_id: str) -> Deleted:
        # the record last: with it a repeated request finds what is left
        files = await self._delete_files(instance, conversation_id)
        deleted = Deleted(files=files, runs=await self._engine.delete_runs(conversation_id))
        for attachment in await attachments_of(self._db, conversation_id):
            deleted += Deleted(runs=await self._engine.delete_runs(check_id(attachment.id)))
        return deleted + Deleted(*await erase_conversation(self._db, conversation_id))

    async def _delete_files(self, instance: str, conversation_id: str) -> int:
        contacts = await contacts_of(self._db, conversation_id)
        try:
            archive = self._archive() if contacts else None
            if archive is None:
                return 0
            files = [await archive.delete(transcript_path(instance, contact)) for contact in contacts]
        except (BaseError, OSError, StartupError) as error:
            logger.warning("%s: its transcript files cannot be deleted: %s", conversation_id, type(error).__name__)
            raise Unavailable("The archive does not answer at the moment. Try again.") from error
        attachments = await attachments_of(self._db, conversation_id)
        return sum(files) + sum([await self._attachments.discard(each) for each in attachments])
