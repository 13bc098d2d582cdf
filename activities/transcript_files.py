"""Writing the transcript of an ended contact to a file, as Amazon Connect does in S3."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from weakref import WeakValueDictionary

from obstore.exceptions import BaseError
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.outages import store_may_be_away
from runtime.archive import Archive
from runtime.logs import CONTACT, INSTANCE
from runtime.metrics import WorkerMetrics
from runtime.plain_reasons import plain_reason
from store import conversations
from store.database import Database
from store.feed_derivation import event_of_archive
from store.feed_writes import write_event_once
from store.transcript import last_of_contact, pages_of_contact
from wire.transcript_files import Entry, TranscriptSubject, transcript_json
from wire.transcript_paths import transcript_path
from workflows.contract import ArchiveJob, ConversationActivities

logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 2
"""The SDK sends far fewer of them (see `workflows.activity_calls.ARCHIVE_HEARTBEAT`)."""


class TranscriptArchiver(ConversationActivities):
    """Implements the `archive` activity on a store and an archive. Without an archive it does nothing."""

    def __init__(self, db: Database, archive: Archive | None, metrics: WorkerMetrics | None = None) -> None:
        self._db = db
        self._metrics = metrics or WorkerMetrics()
        self._archive = archive
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @activity.defn
    async def archive(self, job: ArchiveJob) -> str:
        """Writes the file of a contact, at its `transcript_path`. Idempotent.

        In this process one call at a time writes the file of a contact. Another process can overtake: so each call looks into the
        store after its upload, and writes again while an item is missing. The file that stands at the end has all items.

        Returns:
            The file's URL, or an empty text when nothing is archived.

        Raises:
            ApplicationError: the store does not have the contact (yet).
                Or store or archive cannot be used now. The caller retries after any of them.
        """
        INSTANCE.set(job.instance)
        CONTACT.set(job.contact_id)
        if self._archive is None:
            return ""
        try:
            with (
                store_may_be_away(),
                self._metrics.failed_files.count_exceptions(),
                self._metrics.archive_seconds.time(),
            ):
                async with _signs_of_life():
                    return await self._write(self._archive, job)
        except (BaseError, OSError) as error:
            reason = f"the archive cannot be used now: {plain_reason(error)}"
            logger.warning("the transcript file is not written, and is tried again: %s", reason)
            raise ApplicationError(
                reason, type=type(error).__name__, category=ApplicationErrorCategory.BENIGN
            ) from error

    async def _write(self, archive: Archive, job: ArchiveJob) -> str:
        found = await conversations.find_contact(self._db, job.instance, job.contact_id)
        if found is None or found[1].id != job.conversation_id:
            text = f"conversation {job.conversation_id} has no contact {job.contact_id} in the store"
            logger.warning("the transcript file is not written, and is tried again: %s", text)
            raise ApplicationError(text, category=ApplicationErrorCategory.BENIGN)
        contact, conversation = found
        subject = TranscriptSubject(
            contact, conversation, await conversations.participants_of_contact(self._db, contact)
        )
        async with self._locks.setdefault(contact.id, asyncio.Lock()):
            while True:
                pages = _Pages(pages_of_contact(self._db, contact))
                content = transcript_json(subject, pages)
                address = await archive.put(transcript_path(job.instance, contact), content, "application/json")
                if await last_of_contact(self._db, contact) <= pages.last:
                    break
        written = event_of_archive(conversation.id, contact.id, address, datetime.now(UTC))
        await write_event_once(self._db, conversation.id, written)
        return address


@asynccontextmanager
async def _signs_of_life() -> AsyncGenerator[None]:
    """Tell Temporal during the block that this worker lives. Else the file of a killed worker waits for the time limit."""

    async def tell() -> None:
        while True:
            activity.heartbeat()
            await asyncio.sleep(HEARTBEAT_SECONDS)

    telling = asyncio.create_task(tell())
    try:
        yield
    finally:
        telling.cancel()


class _Pages:
    """The pages of a contact. `last` is the number of the last item that was taken from them; 0 before the first."""

    def __init__(self, pages: AsyncIterator[Sequence[Entry]]) -> None:
        self._pages = pages
        self.last = 0

    async def __aiter__(self) -> AsyncIterator[Sequence[Entry]]:
        async for page in self._pages:
            self.last = page[-1][0].seq if page else self.last
            yield page
