"""The life of attachments on a real Temporal server, both stores and a folder: steps repeated, leftovers, deletion."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import WorkflowExecutionStatus

from configuration.current import Configuration
from domain.attachments import AttachmentStatus
from domain.conversation import Mode
from domain.errors import AccessDenied, ConversationEnded, InvalidValue, UploadChanged
from domain.transcript import ItemType, TranscriptItem
from engine.attachments import Attachments
from engine.client import ConversationClient
from engine.erasure import Erasure
from runtime.archive import opened_archive
from runtime.bus import LocalBus
from runtime.settings import Settings
from store import attachments as rows
from store.attachments import StoredAttachment
from store.conversations import find_participant
from tests.workflows.both_stores import engine_on_each_store
from tests.workflows.conftest import environment
from tests.workflows.engine import Chat, Engine, eventually

__all__ = ["engine_on_each_store", "environment"]

CONTENT = b"Bees sleep at night."


class Desk:
    """Attachments of one chat, with a client of its own: what another process would have."""

    def __init__(self, engine: Engine, folder: Path, chat: Chat, **settings: Any) -> None:
        self.settings = Settings(archive_url=folder.as_uri(), instances=_INSTANCES, **settings)
        self.engine, self.chat, self.folder = engine, chat, folder
        configuration = Configuration(self.settings.instances, engine.db, LocalBus())
        self.client = ConversationClient(engine.client, self.settings)
        self.attachments = Attachments(
            engine.db,
            self.client,
            configuration,
            partial(opened_archive, self.settings),
            are_checked=self.settings.attachment_scanner is not None,
            every=timedelta(hours=1),
        )

    async def begin(self, began: timedelta = timedelta(0)) -> StoredAttachment:
        """Reserve a row, which was begun before now."""
        row = StoredAttachment(
            id=str(uuid4()),
            conversation_id=self.chat.id,
            instance="demo",
            contact_id=self.chat.id,
            participant_id=f"{self.chat.id}-customer",
            name="bees.txt",
            content_type="text/plain",
            size=len(CONTENT),
            started_at=(datetime.now(UTC) - began).replace(microsecond=0),
        )
        assert await rows.reserve(self.engine.db, row, 35, datetime.now(UTC)) == row
        return row

    async def upload(self, row: StoredAttachment, content: bytes = CONTENT) -> StoredAttachment:
        """Receive an upload. Returns the row after it."""
        await self.attachments.receive(row, in_pieces(content))
        return await self.found(row)

    async def found(self, row: StoredAttachment) -> StoredAttachment:
        found = await rows.find_attachment(self.engine.db, row.id)
        assert found
        return found

    async def send(self, row: StoredAttachment) -> None:
        """Send an accepted attachment as its customer."""
        participant = await find_participant(self.engine.db, row.participant_id)
        assert participant
        await self.attachments.send(row, participant[0])

    async def item(self, row: StoredAttachment) -> TranscriptItem:
        """The only item of an attachment, once it stands."""

        async def find() -> TranscriptItem | None:
            return next((each for each in await self.chat.items() if each.id == row.id), None)

        found = await eventually(find, "the item stands")
        assert [each.type for each in await self.chat.items()].count(ItemType.ATTACHMENT) == 1
        return found

    def files(self) -> list[str]:
        """The paths of the files, those that are staged by their folder alone."""
        found = (path.relative_to(self.folder) for path in self.folder.rglob("*") if path.is_file())
        return sorted("staged" if "staged" in path.parts else path.name for path in found)


_INSTANCES: Any = {"demo": {"workstreams": {"w": {"mode": "persistent", "queue": "q"}}}}


async def in_pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 7):
        yield content[start : start + 7]


async def desk_of(engine: Engine, folder: Path, **settings: Any) -> Desk:
    chat = await engine.start(Mode.PERSISTENT)
    await chat.send("hello")
    return Desk(engine, folder, chat, **settings)


async def test_each_step_can_be_repeated(engine: Engine, tmp_path: Path) -> None:
    """What a process that dies between two steps leaves behind, another one carries on."""
    async with engine.worker():
        desk = await desk_of(engine, tmp_path)
        row = await desk.begin()
        for _ in range(2):
            row = await desk.upload(row)
        assert desk.files() == ["staged"]
        for _ in range(2):
            await desk.attachments.accept(row)
            row = await desk.found(row)
        assert desk.files() == [f"{row.id}.txt"]
        assert not await desk.attachments.is_in_transcript(row)
        for _ in range(2):
            await desk.send(row)
        item = await desk.item(row)
        assert item.attachment
        assert (item.attachment.name, item.attachment.size) == ("bees.txt", len(CONTENT))
        assert await desk.attachments.is_in_transcript(row)


async def test_step_between_acceptance_and_move_is_repeated(engine: Engine, tmp_path: Path) -> None:
    async with engine.worker():
        desk = await desk_of(engine, tmp_path)
        row = await desk.upload(await desk.begin())
        assert row.upload
        await rows.accept(engine.db, row.id, row.upload, datetime.now(UTC))
        row = await desk.found(row)
        assert desk.files() == ["staged"]
        await desk.attachments.accept(row)
        assert desk.files() == [f"{row.id}.txt"]


async def test_an_upload_after_the_acceptance_changes_nothing(engine: Engine, tmp_path: Path) -> None:
    async with engine.worker():
        desk = await desk_of(engine, tmp_path)
        begun = await desk.begin()
        row = await desk.upload(begun)
        await desk.attachments.accept(row)
        with pytest.raises(AccessDenied):
            await desk.attachments.receive(begun, in_pieces(b"X" * len(CONTENT)))
        assert desk.files() == [f"{row.id}.txt"]
        content = await desk.attachments.files.read(row, 0, len(CONTENT))
        assert content is not None
        assert b"".join([piece async for piece in content]) == CONTENT


async def test_an_upload_that_was_checked_and_then_replaced_is_not_accepted(engine: Engine, tmp_path: Path) -> None:
    async with engine.worker():
        desk = await desk_of(engine, tmp_path)
        row = await desk.upload(await desk.begin())
        await rows.note_upload(engine.db, row.id, "another")  # by another process, at this moment
        with pytest.raises(UploadChanged):
            await desk.attachments.accept(row)


async def test_an_upload_of_another_kind_is_not_accepted(engine: Engine, tmp_path: Path) -> None:
    async with engine.worker():
        desk = await desk_of(engine, tmp_path)
        row = await desk.upload(await desk.begin(), bytes(len(CONTENT)))
        with pytest.raises(InvalidValue, match="txt"):
            await desk.attachments.accept(row)
        late = await desk.upload(await desk.begin(timedelta(hours=2)))
        with pytest.raises(InvalidValue, match="too long ago"):
            await desk.attachments.accept(late)


async def test_what_came_to_nothing_is_deleted_after_a_day(engine: Engine, tmp_path: Path) -> None:
    async with engine.worker():
        desk = await desk_of(engine, tmp_path)
        begun = await desk.begin(timedelta(days=2))
        received = await desk.upload(await desk.begin(timedelta(days=2)))
        young = await desk.upload(await desk.begin())
        await desk.attachments.delete_leftovers()
        left = [row.id for row in await rows.attachments_of(engine.db, desk.chat.id)]
        assert left == [young.id]
        assert {begun.id, received.id}.isdisjoint(left)
        assert desk.files() == ["staged"]


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """An upload may take three days, so that an old one can be accepted."""
    monkeypatch.setattr("engine.attachments.RESERVED", timedelta(days=3))


@pytest.mark.usefixtures("patient")
async def test_what_was_accepted_and_never_sent_is_sent(engine: Engine, tmp_path: Path) -> None:
    """A process died after the acceptance, and its client never came back."""
    async with engine.worker():
        desk = await desk_of(engine, tmp_path)
        row = await desk.upload(await desk.begin(timedelta(days=2)))
        await desk.attachments.accept(row)
        await desk.attachments.delete_leftovers()
        assert (await desk.item(row)).attachment
        await desk.attachments.delete_leftovers()
        assert len(desk.files()) == 1


@pytest.mark.usefixtures("patient")
async def test_what_was_accepted_in_a_chat_that_is_over_is_deleted(engine: Engine, tmp_path: Path) -> None:
    async with engine.worker():
        desk = await desk_of(engine, tmp_path)
        row = await desk.upload(await desk.begin(timedelta(days=2)))
        await desk.attachments.accept(row)
        await desk.chat.assign()
        await desk.chat.end()
        await desk.chat.close()
        await desk.chat.handle.result()
        await desk.attachments.delete_leftovers()
        assert desk.files() == []
        assert await rows.find_attachment(engine.db, row.id) is None


async def test_sending_into_a_chat_that_is_over_deletes_the_file(engine: Engine, tmp_path: Path) -> None:
    async with engine.worker():
        desk = await desk_of(engine, tmp_path)
        row = await desk.upload(await desk.begin())
        await desk.attachments.accept(row)
        await desk.chat.assign()
        await desk.chat.end()
        await desk.chat.close()
        await desk.chat.handle.result()
        with pytest.raises(ConversationEnded):
            await desk.send(row)
        assert desk.files() == []


async def test_old_uploads_that_no_row_names_are_deleted(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with engine.worker():
        desk = await desk_of(engine, tmp_path)
        row = await desk.begin()
        await desk.attachments.files.stage(row, in_pieces(CONTENT))  # and the process died
        await desk.attachments.delete_leftovers()
        assert desk.files() == ["staged"]
        monkeypatch.setattr("engine.attachments.LEFTOVER_AGE", timedelta(0))
        await rows.mark_recorded(engine.db, row.id, datetime.now(UTC))
        await desk.attachments.delete_leftovers()
        assert desk.files() == []


async def test_files_go_with_their_conversation(engine: Engine, tmp_path: Path) -> None:
    async with engine.worker():
        desk, other = await desk_of(engine, tmp_path), await desk_of(engine, tmp_path)
        kept = await other.upload(await other.begin())
        await other.attachments.accept(kept)
        await desk.upload(await desk.begin())
        row = await desk.upload(await desk.begin())
        await desk.attachments.accept(row)
        await desk.send(row)
        await desk.item(row)
        assert len(desk.files()) == 3
        erasure = Erasure(engine.db, desk.client, partial(opened_archive, desk.settings))
        assert (await erasure.delete("demo", [desk.chat.id], "test")).files == 2
        assert desk.files() == [f"{kept.id}.txt"]
        assert await rows.attachments_of(engine.db, desk.chat.id) == []


SCANNER = "clamd://127.0.0.1:1"
"""Nothing listens there."""


@pytest.mark.usefixtures("patient")
async def test_a_check_that_an_operator_has_ended_begins_again(engine: Engine, tmp_path: Path) -> None:
    """With the completion by the client, and with the look at what is left of old uploads."""
    async with engine.worker():
        desk = await desk_of(engine, tmp_path, attachment_scanner=SCANNER)
        row = await desk.upload(await desk.begin(timedelta(days=2)))
        await desk.attachments.accept(row)
    await desk.attachments.delete_leftovers()  # no worker runs, so the check waits
    check = engine.client.get_workflow_handle(f"attachment-{row.id}")
    await check.terminate("by an operator")
    await desk.attachments.delete_leftovers()
    description = await check.describe()
    assert description.status is WorkflowExecutionStatus.RUNNING
    await check.terminate("the test is over")


async def test_without_a_working_scanner_a_file_is_rejected(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workflows.attachment_check.SCAN_PAUSE", timedelta(milliseconds=100))
    scanner = SCANNER
    async with engine.worker(archive=tmp_path.as_uri(), scanner=scanner):
        desk = await desk_of(engine, tmp_path, attachment_scanner=scanner)
        row = await desk.upload(await desk.begin())
        await desk.attachments.accept(row)
        for _ in range(2):
            await desk.send(row)
        item = await desk.item(row)
        assert item.attachment
        assert item.attachment.status is AttachmentStatus.REJECTED
        assert desk.files() == []
        description = await engine.client.get_workflow_handle(f"attachment-{row.id}").describe()
        assert description.workflow_type == "AttachmentCheck"
