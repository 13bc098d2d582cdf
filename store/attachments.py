"""The files of conversations: from the start of an upload until the item of the attachment stands in a transcript.

The row of a file names the upload that counts, and when that was accepted. The item has what people see of the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, delete, func, insert, or_, select, update

from domain.value import Value
from store import schema
from store.database import Database
from store.rows import columns
from store.transaction import Transaction

_attachments = schema.attachments.c


class StoredAttachment(Value):
    """A row of `attachments`.

    Attributes:
        contact_id: the contact during which the upload began.
        participant_id: who sends the file.
        upload: the latest upload that is complete; None before the first.
        accepted_at: when that upload was accepted. Then no other one counts any more.
    """

    id: str
    conversation_id: str
    instance: str
    contact_id: str
    participant_id: str
    name: str
    content_type: str
    size: int
    started_at: datetime
    upload: str | None = None
    accepted_at: datetime | None = None

    def kept_as(self, upload: str) -> StoredAttachment:
        """The attachment with another upload, the one that was accepted."""
        return self._with_fields({"upload": upload})


_ATTACHMENT = select(*columns(schema.attachments, StoredAttachment))


async def reserve(db: Database, new: StoredAttachment, limit: int, since: datetime) -> StoredAttachment | None:
    """Writes a new row, or returns that with its id. Locks the conversation.

    Args:
        db: the store.
        new: the row.
        limit: how many the conversation may have.
        since: those that were not accepted, and were begun before this instant, do not count.

    Returns:
        None when the conversation has as many as it may have.
    """
    async with db.write() as connection:
        await connection.execute(
            select(schema.conversations.c.id).where(schema.conversations.c.id == new.conversation_id).with_for_update()
        )
        if found := await _find(connection, new.id):
            return found
        counts = or_(_attachments.accepted_at.is_not(None), _attachments.started_at > since)
        count = (
            select(func.count())
            .select_from(schema.attachments)
            .where(_attachments.conversation_id == new.conversation_id, counts)
        )
        if (await connection.execute(count)).scalar_one() >= limit:
            return None
        await connection.execute(insert(schema.attachments).values(dict(new)))
    return new


async def find_attachment(db: Database, id: str) -> StoredAttachment | None:
    """A row by its id; None when there is none."""
    rows = await db.mappings(_ATTACHMENT.where(_attachments.id == id))
    return StoredAttachment(**rows[0]) if rows else None


async def note_upload(db: Database, id: str, upload: str) -> StoredAttachment | None:
    """Notes a complete upload, which replaces an earlier one.

    Returns:
        The row as it was before; None when another upload was accepted, or when there is no row any more.
    """
    async with db.write() as connection:
        found = await _find(connection, id)
        if found is None or found.accepted_at is not None:
            return None
        await connection.execute(update(schema.attachments).where(_attachments.id == id).values(upload=upload))
    return found


async def accept(db: Database, id: str, upload: str, at: datetime, *, kept_as: str | None = None) -> bool:
    """Accepts an upload. Returns False when another one is noted or accepted. Repeated calls return the same.

    Args:
        db: the store.
        id: the row.
        upload: the one that must be noted.
        at: the instant of the acceptance.
        kept_as: the copy of it that was looked at, and counts from now on; None: itself.
    """
    async with db.write() as connection:
        found = await _find(connection, id)
        if found is None or found.upload != upload:
            return False
        if found.accepted_at is None:
            change = update(schema.attachments).where(_attachments.id == id)
            await connection.execute(change.values(accepted_at=at, upload=kept_as or upload))
    return True


async def mark_recorded(db: Database, id: str, at: datetime) -> None:
    """Notes that the item of an attachment stands, or is sure to."""
    async with db.write() as connection:
        await connection.execute(update(schema.attachments).where(_attachments.id == id).values(recorded_at=at))


async def attachments_of(db: Database, conversation_id: str) -> list[StoredAttachment]:
    """The rows of a conversation, oldest first."""
    query = _ATTACHMENT.where(_attachments.conversation_id == conversation_id).order_by(_attachments.started_at)
    return [StoredAttachment(**row) for row in await db.mappings(query)]


async def unrecorded_before(db: Database, before: datetime, limit: int) -> Sequence[StoredAttachment]:
    """At most `limit` rows that were begun before an instant and whose item is not noted, oldest first."""
    is_old = and_(_attachments.recorded_at.is_(None), _attachments.started_at < before)
    rows = await db.mappings(_ATTACHMENT.where(is_old).order_by(_attachments.started_at).limit(limit))
    return [StoredAttachment(**row) for row in rows]


async def forget(db: Database, id: str) -> None:
    """Deletes a row. Repeated calls do nothing."""
    async with db.write() as connection:
        await connection.execute(delete(schema.attachments).where(_attachments.id == id))


async def _find(connection: Transaction, id: str) -> StoredAttachment | None:
    rows = await connection.execute(_ATTACHMENT.where(_attachments.id == id).with_for_update())
    found = rows.mappings().one_or_none()
    return StoredAttachment(**found) if found else None
