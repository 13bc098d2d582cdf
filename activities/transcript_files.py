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

MAX_NAME_BYTES = 200
"""Longest file or folder name. File systems allow 255 bytes, and a temporary file has a longer name."""


class TranscriptArchiver(ConversationActivities):
    """Implements the `archive` activity on a store and an archive. Without an archive it does nothing."""

    def __init__(self, db: Database, archive: Archive | None) -> None:
        self._db = db
        self._archive = archive

    @activity.defn
    async def archive(self, job: ArchiveJob) -> str:
        """Writes `<instance>/<YYYY>/<MM>/<DD>/<contact_id>.json`, with the UTC date on which the contact began. Idempotent.

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
        return await self._archive.put(_path(job.instance, contact), content, "application/json")


def _path(instance: str, contact: StoredContact) -> str:
    day = contact.initiated_at.astimezone(UTC)
    return f"{_name(instance)}/{day:%Y/%m/%d}/{_name(contact.id)}.json"


def _name(id: str) -> str:
    """Converts any id to the name of one file or folder. Short ids of letters, digits, `-` and `_` stay unchanged."""
    name = quote(id, safe="")
    if name.startswith("."):
        name = "%2E" + name[1:]
    return name if len(name) <= MAX_NAME_BYTES else f"{name[:100]}-{sha256(id.encode()).hexdigest()}"
