"""Writing the transcript of an ended contact to a file, as Amazon Connect does in S3."""

from __future__ import annotations

from temporalio import activity
from temporalio.exceptions import ApplicationError

from runtime.archive import Archive
from store import conversations
from store.database import Database
from store.transcript import pages_of_contact
from wire.transcript_files import TranscriptSubject, transcript_json
from wire.transcript_paths import transcript_path
from workflows.contract import ArchiveJob, ConversationActivities


class TranscriptArchiver(ConversationActivities):
    """Implements the `archive` activity on a store and an archive. Without an archive it does nothing."""

    def __init__(self, db: Database, archive: Archive | None) -> None:
        self._db = db
        self._archive = archive

    @activity.defn
    async def archive(self, job: ArchiveJob) -> str:
        """Writes the file of a contact, at its `transcript_path`. Idempotent.

        Returns:
            The file's URL, or an empty text when nothing is archived.

        Raises:
            ApplicationError: the store does not have the contact (yet).
            Exception: reading or writing failed. The caller retries after any of them.
        """
        if self._archive is None:
            return ""
        found = await conversations.find_contact(self._db, job.instance, job.contact_id)
        if found is None or found[1].id != job.conversation_id:
            raise ApplicationError(f"conversation {job.conversation_id} has no contact {job.contact_id} in the store")
        contact, conversation = found
        subject = TranscriptSubject(
            contact, conversation, await conversations.participants_of_contact(self._db, contact)
        )
        content = transcript_json(subject, pages_of_contact(self._db, contact))
        return await self._archive.put(transcript_path(job.instance, contact), content, "application/json")
