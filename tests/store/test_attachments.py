"""The rows of attachments: reserved places, and which upload counts."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from domain.attachments import Attachment, AttachmentStatus
from store import attachments, transcript
from store.attachments import StoredAttachment
from store.database import Database
from store.transcript import NO_ITEM_LATER, PageStart
from tests.store.sample_records import INSTANCE, START, item, record, record_chat

LIMIT = 3


def new(id: str = "file", **changes: Any) -> StoredAttachment:
    values: dict[str, Any] = {
        "id": id,
        "conversation_id": "c",
        "instance": INSTANCE,
        "contact_id": "c",
        "participant_id": "c-customer",
        "name": "bees.txt",
        "content_type": "text/plain",
        "size": 9,
        "started_at": START,
    }
    return StoredAttachment(**{**values, **changes})


async def reserve(db: Database, id: str, after: timedelta = timedelta(0)) -> StoredAttachment | None:
    at = START + after
    return await attachments.reserve(db, new(id, started_at=at), LIMIT, at - timedelta(hours=1))


async def test_places_are_limited_also_for_those_who_come_at_once(db: Database) -> None:
    await record_chat(db)
    found = await asyncio.gather(*(reserve(db, f"file-{number}") for number in range(10)))
    assert sum(each is not None for each in found) == LIMIT
    assert len(await attachments.attachments_of(db, "c")) == LIMIT


async def test_a_place_is_given_back_unless_its_upload_was_accepted(db: Database) -> None:
    await record_chat(db)
    for number in range(LIMIT):
        assert await reserve(db, f"file-{number}")
    await attachments.note_upload(db, "file-0", "u")
    assert await attachments.accept(db, "file-0", "u", START)
    later = timedelta(hours=2)
    assert await reserve(db, "later-0", later)
    assert await reserve(db, "later-1", later)
    assert await reserve(db, "later-2", later) is None


async def test_a_repeat_gets_the_first_row(db: Database) -> None:
    await record_chat(db)
    await reserve(db, "file")
    again = await attachments.reserve(db, new("file", name="other.txt"), LIMIT, START)
    assert again == new("file")


async def test_one_upload_is_accepted_and_no_later_one_counts(db: Database) -> None:
    await record_chat(db)
    await reserve(db, "file")
    assert await attachments.note_upload(db, "file", "first") == new("file")
    assert await attachments.note_upload(db, "file", "second") == new("file", upload="first")
    assert not await attachments.accept(db, "file", "first", START)
    assert await attachments.accept(db, "file", "second", START)
    assert await attachments.accept(db, "file", "second", START + timedelta(hours=1))
    assert await attachments.note_upload(db, "file", "third") is None
    assert not await attachments.accept(db, "file", "third", START)
    assert await attachments.find_attachment(db, "file") == new("file", upload="second", accepted_at=START)


async def test_what_came_to_nothing_is_found(db: Database) -> None:
    await record_chat(db)
    for id in ("old", "recorded", "young"):
        await reserve(db, id, timedelta(hours=id == "young"))
    await attachments.mark_recorded(db, "recorded", START)
    found = await attachments.unrecorded_before(db, START + timedelta(minutes=1), 10)
    assert [each.id for each in found] == ["old"]
    await attachments.forget(db, "old")
    assert await attachments.note_upload(db, "old", "u") is None


async def test_item_keeps_what_it_shows_of_the_file(db: Database) -> None:
    file = Attachment(
        id="f", name="Grüße \u2013 10 €.pdf", content_type="application/pdf", size=9, status=AttachmentStatus.REJECTED
    )
    sent = item(1, type="ATTACHMENT", content=None, attachment=file, content_type=file.content_type, id="f")
    await record_chat(db)
    await record(db, "c", items=[sent, item(2)])
    assert await transcript.page(db, "c", PageStart(1, forward=True), 10, until=NO_ITEM_LATER) == [sent, item(2)]
    await record(db, "c", items=[sent])
    assert await transcript.find_item(db, "c", "f") == sent
