"""Writing the transcript of an ended contact to a file, as Amazon Connect does in S3."""

from __future__ import annotations

from datetime import UTC
from hashlib import sha256
from urllib.parse import quote

from temporalio import activity
from temporalio.exceptions import ApplicationError

from runtime.archive import Archive
from store import conversations
from store.database import Database
from store.records import StoredContact
from store.transcript import pages_of_contact
from wire.transcript_files import TranscriptSubject, transcript_json
from workflows.contract import ArchiveJob, ConversationActivities

LONGEST_NAME = 200
"""In bytes; file systems take 255, and a file in the making has a longer name."""


class TranscriptArchiver(ConversationActivities):
    """Implements archiving on a store and an archive; without an archive it does nothing."""

    def __init__(self, db: Database, archive: Archive | None) -> None:
        self._db = db
        self._archive = archive

    @activity.defn
    async def archive(self, job: ArchiveJob) -> str:
        """Writes `<instance>/<YYYY>/<MM>/<DD>/<contact_id>.json`, by the UTC date on which the contact began.

        Returns:
            The file's URL, or an empty text when nothing is archived.

        Raises:
            ApplicationError: the store does not have the contact (yet).
            Exception: reading or writing failed. All of them are worth a retry.
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
        return await self._archive.put(_path(job.instance, contact), content, "application/json")


def _path(instance: str, contact: StoredContact) -> str:
    day = contact.initiated_at.astimezone(UTC)
    return f"{_name(instance)}/{day:%Y/%m/%d}/{_name(contact.id)}.json"


def _name(id: str) -> str:
    """An id as the name of one file or folder, whoever chose the id; UUIDs and the like stay as they are."""
    name = quote(id, safe="")
    if name.startswith("."):
        name = "%2E" + name[1:]
    return name if len(name) <= LONGEST_NAME else f"{name[:100]}-{sha256(id.encode()).hexdigest()}"
