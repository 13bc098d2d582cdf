"""The attachments of conversations: an upload is received, accepted and sent, and what comes to nothing is deleted.

Each step can be repeated after a crash: the row says how far it is, and the item has the id of the attachment.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

from configuration.current import Configuration
from domain.attachments import KINDS, Attachment, extension_of
from domain.errors import AccessDenied, ConversationEnded, InvalidValue, UploadChanged
from domain.events import Message
from domain.instants import epoch_milliseconds
from engine.attachment_checks import VERDICT_SECONDS
from engine.attachment_files import AttachmentFiles, archive_may_be_away
from engine.client import ConversationClient
from runtime.archive import Archive
from runtime.periodic import PeriodicTask, PeriodicTasks
from runtime.signed_uploads import SignedUploads
from store import attachments, conversations, transcript
from store.attachments import StoredAttachment
from store.database import Database
from store.records import StoredParticipant
from wire.attachment_files import DIRECT, attachment_path, staged_path, staging_folder, upload_headers
from workflows.attachment_check import CheckAttachment

logger = logging.getLogger(__name__)

RESERVED = timedelta(hours=1)
"""How long an upload may take until it is completed. Then its place is given back."""

LEFTOVER_AGE = timedelta(days=1)
"""After this time an upload that came to nothing is deleted."""

LEFTOVER_VERDICT_SECONDS = 0.5
"""How long the deletion of leftovers waits for a verdict. That of a check that has ended comes at once."""

PAGE_SIZE = 500


class Attachments(PeriodicTasks):
    """The attachments of all conversations. Leftovers are deleted in the background."""

    def __init__(
        self,
        db: Database,
        engine: ConversationClient,
        configuration: Configuration,
        archive: Callable[[], Archive | None],
        *,
        are_checked: bool,
        every: timedelta,
        signed_uploads: SignedUploads | None = None,
    ) -> None:
        """Prepare.

        Args:
            db: the store.
            engine: the client of the conversations.
            configuration: that of the instances.
            archive: returns the archive; None: there are no attachments.
            are_checked: whether a scanner looks at each file.
            every: how often leftovers are deleted.
            signed_uploads: makes the URLs with which clients write to the archive; None: uploads pass through the API.
        """
        self.files = AttachmentFiles(archive)
        self.are_checked = are_checked
        self._signed_uploads = signed_uploads
        self._db = db
        self._engine = engine
        self._configuration = configuration
        self._archive = archive
        super().__init__(PeriodicTask("delete leftovers of uploads", self.delete_leftovers, every))

    async def signed_url(self, attachment: StoredAttachment, life: timedelta) -> str | None:
        """Return a URL with which the client writes the upload to the archive; None when uploads pass through the API.

        A later PUT replaces an earlier one until the completion, which takes a copy. What comes then is deleted after a day.

        Raises:
            Unavailable: there are no credentials of the archive.
        """
        if self._signed_uploads is None:
            return None
        if attachment.upload is None:
            await attachments.note_upload(self._db, attachment.id, DIRECT)
        with archive_may_be_away():
            return await self._signed_uploads.url(staged_path(attachment, DIRECT), upload_headers(attachment), life)

    async def receive(self, attachment: StoredAttachment, body: AsyncIterator[bytes]) -> None:
        """Write an upload, which replaces an earlier one that is not accepted.

        Raises:
            InvalidValue: it does not have the announced size.
            AccessDenied: an earlier one was accepted meanwhile, or the conversation is deleted.
            TooFast: too many uploads of the participant arrive.
            Unavailable: the archive does not answer, or too many uploads arrive.
        """
        upload = await self.files.stage(attachment, body)
        before = await attachments.note_upload(self._db, attachment.id, upload)
        replaced = upload if before is None else before.upload
        if replaced is not None:
            await self.files.discard_upload(attachment, replaced)
        if before is None:
            raise AccessDenied("The upload is complete already.")

    async def accept(self, attachment: StoredAttachment) -> None:
        """Accept the present upload, and put its file in its place. Idempotent.

        Raises:
            InvalidValue: nothing was uploaded, too late, something else than announced, or another kind of file.
            UploadChanged: another upload has just arrived.
            Unavailable: the archive does not answer.
        """
        is_direct = attachment.upload == DIRECT
        if attachment.accepted_at is None:
            attachment = await self._accepted(attachment)
        if not await self.files.keep(attachment):
            raise InvalidValue(f"AttachmentIds: nothing was uploaded for {attachment.name!r}.")
        if is_direct:
            await self.files.discard_upload(attachment, DIRECT)

    async def is_in_transcript(self, attachment: StoredAttachment) -> bool:
        """Whether the transcript has the item of an attachment."""
        if await transcript.find_item(self._db, attachment.conversation_id, attachment.id) is None:
            return False
        await attachments.mark_recorded(self._db, attachment.id, datetime.now(UTC))
        return True

    async def send(
        self, attachment: StoredAttachment, sender: StoredParticipant, verdict_within: float = VERDICT_SECONDS
    ) -> None:
        """Send an accepted attachment, or have it checked first. Idempotent. Once it returns, the item will be in the transcript.

        Raises:
            ConversationEnded: the conversation's workflow has ended. The file is deleted.
            EngineUnavailable: Temporal does not answer.
        """
        message = _message(attachment, sender)
        if self.are_checked:
            job = CheckAttachment(
                conversation_id=attachment.conversation_id,
                instance=attachment.instance,
                path=attachment_path(attachment),
                began_at=epoch_milliseconds(attachment.started_at),
                message=message,
            )
            if not await self._engine.check_attachment(job, verdict_within):
                return
        else:
            try:
                await self._engine.send_message(attachment.conversation_id, message)
            except ConversationEnded:
                await self._discard(attachment)
                raise
        await attachments.mark_recorded(self._db, attachment.id, datetime.now(UTC))

    async def delete_leftovers(self) -> None:
        """Delete what was uploaded a day ago and came to nothing, and send what was accepted and not sent."""
        archive, before = self._archive(), datetime.now(UTC) - LEFTOVER_AGE
        if archive is None:
            return
        for attachment in await attachments.unrecorded_before(self._db, before, PAGE_SIZE):
            await self._settle(attachment)
        for instance in self._configuration.instances:
            async for path in archive.files_before(staging_folder(instance), before):
                await archive.delete(path)

    async def _settle(self, attachment: StoredAttachment) -> None:
        if await self.is_in_transcript(attachment):
            return
        sender = await conversations.find_participant(self._db, attachment.participant_id)
        if attachment.accepted_at is None or sender is None or not await self.files.keep(attachment):
            await self._discard(attachment)
            return
        try:
            await self.send(attachment, sender[0], LEFTOVER_VERDICT_SECONDS)
        except ConversationEnded:
            logger.info("%s: an upload was accepted and never sent; its file is deleted", attachment.conversation_id)

    async def _accepted(self, attachment: StoredAttachment) -> StoredAttachment:
        """Accept the present upload. Of one that its client can still replace, a copy is looked at and accepted."""
        noted = attachment.upload
        if attachment.started_at < datetime.now(UTC) - RESERVED:
            raise InvalidValue(f"AttachmentIds: the upload of {attachment.name!r} began too long ago. Begin it again.")
        upload = await self.files.copy_upload(attachment, DIRECT) if noted == DIRECT else noted
        if noted is None or upload is None:
            raise InvalidValue(f"AttachmentIds: nothing was uploaded for {attachment.name!r}.")
        try:
            await self._check(attachment, upload)
            if not await attachments.accept(self._db, attachment.id, noted, datetime.now(UTC), kept_as=upload):
                raise UploadChanged
        except (InvalidValue, UploadChanged):
            if upload != noted:
                await self.files.discard_upload(attachment, upload)
            raise
        return attachment.kept_as(upload)

    async def _check(self, attachment: StoredAttachment, upload: str) -> None:
        name, head = attachment.name, await self.files.head(attachment, upload)
        if head is None:
            raise InvalidValue(f"AttachmentIds: nothing was uploaded for {name!r}.")
        if not KINDS[extension_of(name)].fits(head):
            raise InvalidValue(f"AttachmentIds: {name!r} is not a {extension_of(name)} file inside.")

    async def _discard(self, attachment: StoredAttachment) -> None:
        await self.files.discard(attachment)
        await attachments.forget(self._db, attachment.id)


def _message(attachment: StoredAttachment, sender: StoredParticipant) -> Message:
    return Message(
        id=attachment.id,
        at=datetime.now(UTC),
        by=sender.id,
        role=sender.role,
        name=sender.name,
        content=attachment.name,
        content_type=attachment.content_type,
        attachment=Attachment(
            id=attachment.id, name=attachment.name, content_type=attachment.content_type, size=attachment.size
        ),
    )
