"""What the store does for the attachments of a chat."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from store import attachments, past
from store.attachments import StoredAttachment
from store.database import Database
from store.past import PastPosition
from tests.plans.conversation_work import CHAT_CUSTOMER, PAGE
from tests.plans.filled_store import CHAT
from tests.store.sample_records import INSTANCE


async def attachments_of_a_chat(db: Database) -> None:
    """An upload from its start to its item, one that comes to nothing, and a file of the past."""
    now = datetime.now(UTC).replace(microsecond=0)
    new = StoredAttachment(
        id="new-file",
        conversation_id=CHAT,
        instance=INSTANCE,
        contact_id=CHAT,
        participant_id=CHAT_CUSTOMER,
        name="bees.txt",
        content_type="text/plain",
        size=9,
        started_at=now - timedelta(days=30),
    )
    for _ in range(2):
        assert await attachments.reserve(db, new, 1, now - timedelta(days=31)) == new
    another = new.model_copy(update={"id": "another-file"})
    assert await attachments.reserve(db, another, 1, now - timedelta(days=31)) is None
    assert await attachments.note_upload(db, new.id, "first")
    assert await attachments.accept(db, new.id, "first", now)
    assert not await attachments.accept(db, new.id, "second", now)
    assert await attachments.find_attachment(db, new.id)
    assert len(await attachments.attachments_of(db, CHAT)) == 1
    assert len(await attachments.unrecorded_before(db, now - timedelta(days=20), PAGE)) == 1
    await attachments.mark_recorded(db, new.id, now)
    await attachments.forget(db, new.id)
    assert await past.last_visible(db, PastPosition("closed-0", 1), "closed-2") == 1
