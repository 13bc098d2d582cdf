"""Uploads that clients write to the archive by themselves: what they write later changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.errors import InvalidValue, UploadChanged
from store import attachments as rows
from store.attachments import StoredAttachment
from tests.engine.test_attachments import CONTENT, Desk, desk_of
from tests.workflows.both_stores import engine_on_each_store
from tests.workflows.conftest import environment
from tests.workflows.engine import Engine
from wire.attachment_files import DIRECT, staged_path

__all__ = ["engine_on_each_store", "environment"]


def write_directly(desk: Desk, row: StoredAttachment, content: bytes) -> None:
    """Write to the archive as a client with a URL of S3 does, where each write makes a new object."""
    staged = desk.folder / staged_path(row, DIRECT)
    staged.parent.mkdir(parents=True, exist_ok=True)
    staged.unlink(missing_ok=True)
    staged.write_bytes(content)


async def direct(desk: Desk) -> StoredAttachment:
    """An upload that its client has written to the archive."""
    row = await desk.begin()
    await rows.note_upload(desk.engine.db, row.id, DIRECT)
    write_directly(desk, row, CONTENT)
    return await desk.found(row)


async def kept(desk: Desk, row: StoredAttachment) -> bytes:
    content = await desk.attachments.files.read(row, 0, row.size)
    assert content is not None
    return b"".join([piece async for piece in content])


async def test_upload_that_is_replaced_after_its_acceptance_stays_as_it_was(engine: Engine, tmp_path: Path) -> None:
    """A scanner may look at it just then, and the URL is valid for some minutes more."""
    async with engine.worker():
        desk = await desk_of(engine, tmp_path)
        row = await direct(desk)
        await desk.attachments.accept(row)
        assert desk.files() == [f"{row.id}.txt"]
        write_directly(desk, row, CONTENT[::-1])
        await desk.attachments.accept(await desk.found(row))
        assert await kept(desk, row) == CONTENT


async def test_upload_that_is_replaced_after_the_look_at_it_stays_as_it_was(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with engine.worker():
        desk = await desk_of(engine, tmp_path)
        row, look = await direct(desk), desk.attachments.files.head

        async def look_and_lose(attachment: StoredAttachment, upload: str) -> bytes | None:
            head = await look(attachment, upload)
            write_directly(desk, row, bytes(len(CONTENT)))
            return head

        monkeypatch.setattr(desk.attachments.files, "head", look_and_lose)
        await desk.attachments.accept(row)
        assert await kept(desk, row) == CONTENT


async def test_upload_is_accepted_once(engine: Engine, tmp_path: Path) -> None:
    """Of two requests at the same moment one gets an error, and its copy is deleted."""
    async with engine.worker():
        desk = await desk_of(engine, tmp_path)
        row = await direct(desk)
        await desk.attachments.accept(row)
        write_directly(desk, row, CONTENT[::-1])
        with pytest.raises(UploadChanged):
            await desk.attachments.accept(row)
        assert desk.files() == [f"{row.id}.txt", "staged"]  # the last write of the client
        assert await kept(desk, row) == CONTENT


async def test_upload_of_another_kind_leaves_no_copy(engine: Engine, tmp_path: Path) -> None:
    async with engine.worker():
        desk = await desk_of(engine, tmp_path)
        row = await direct(desk)
        for content, reason in ((bytes(len(CONTENT)), "not a txt file"), (CONTENT + b"!", "nothing was uploaded")):
            write_directly(desk, row, content)
            with pytest.raises(InvalidValue, match=reason):
                await desk.attachments.accept(row)
        assert desk.files() == ["staged"]
        (desk.folder / staged_path(row, DIRECT)).unlink()
        with pytest.raises(InvalidValue, match="nothing was uploaded"):
            await desk.attachments.accept(row)
        assert desk.files() == []
