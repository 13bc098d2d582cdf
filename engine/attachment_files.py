"""The bytes of attachments: an upload arrives, is staged, and takes its place in the archive once it is accepted.

A body goes into a temporary file first, because it arrives as slowly as its client likes. Only whole files go to the archive, a
few at a time, so the memory of the process does not depend on how many clients send.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import IO
from uuid import uuid4

from obstore.exceptions import BaseError

from domain.attachments import HEAD_BYTES
from domain.errors import InvalidValue, MalformedRequest, Unavailable
from engine.arriving_uploads import ArrivingUploads
from runtime.archive import CHUNK_BYTES, Archive
from runtime.errors import StartupError
from runtime.streams import prepended
from store.attachments import StoredAttachment
from wire.attachment_files import attachment_path, staged_path

STAGED_AT_ONCE = 2
"""Files that go to the archive at the same time. Each takes up to 40 MB of memory on the way."""

WRONG_SIZE = "The body must have the {size} bytes that AttachmentSizeInBytes has announced."


class AttachmentFiles:
    """The files of attachments in one archive. All methods raise `Unavailable` while it cannot be used."""

    def __init__(self, archive: Callable[[], Archive | None]) -> None:
        """Use the archive that `archive` returns; None: there is none, and so there are no attachments."""
        self._archive = archive
        self._slots = asyncio.Semaphore(STAGED_AT_ONCE)
        self._arriving = ArrivingUploads()

    async def stage(self, attachment: StoredAttachment, body: AsyncIterator[bytes]) -> str:
        """Write a body as an upload, and return the id of the upload. Reads no further than the announced size.

        Raises:
            InvalidValue: the body has more or fewer bytes than the attachment.
            TooFast, Unavailable: too many uploads arrive. See `ArrivingUploads`.
        """
        upload = uuid4().hex
        with self._arriving.counted(attachment), archive_may_be_away(), TemporaryFile() as file:
            await _fill(file, body, attachment.size)
            async with self._slots:
                await self._opened.put(staged_path(attachment, upload), _content(file), attachment.content_type)
        return upload

    async def head(self, attachment: StoredAttachment, upload: str) -> bytes | None:
        """Return the first bytes of an upload; None when there is none of the right size."""
        path = staged_path(attachment, upload)
        with archive_may_be_away():
            if await self._opened.size_of(path) != attachment.size:
                return None
            return b"".join([piece async for piece in self._opened.read(path, 0, min(HEAD_BYTES, attachment.size))])

    async def copy_upload(self, attachment: StoredAttachment, upload: str) -> str | None:
        """Copy an upload to a place that its client does not know. Returns the id of the copy; None when there is no upload."""
        copy = uuid4().hex
        with archive_may_be_away():
            is_copied = await self._opened.copy(staged_path(attachment, upload), staged_path(attachment, copy))
        return copy if is_copied else None

    async def keep(self, attachment: StoredAttachment) -> bool:
        """Move the accepted upload to its place, once. Idempotent. Returns whether the file is there."""
        path, upload = attachment_path(attachment), attachment.upload
        with archive_may_be_away():
            if await self._opened.size_of(path) is not None:
                return True
            moved = upload is not None and await self._opened.move(staged_path(attachment, upload), path)
            # another process can have moved it meanwhile
            return moved or await self._opened.size_of(path) is not None

    async def read(self, attachment: StoredAttachment, start: int, end: int) -> AsyncIterator[bytes] | None:
        """Return the bytes from `start` until before `end`, in pieces; None when the file is gone."""
        content = self._opened.read(attachment_path(attachment), start, end)
        with archive_may_be_away():
            try:
                # read the first piece now: until the response starts, a failure can still become an error
                return prepended(await anext(content), content)
            except FileNotFoundError:
                return None

    async def discard_upload(self, attachment: StoredAttachment, upload: str) -> None:
        """Delete one upload that does not count. Repeated calls do nothing."""
        with archive_may_be_away():
            await self._opened.delete(staged_path(attachment, upload))

    async def discard(self, attachment: StoredAttachment) -> int:
        """Delete all files of an attachment. Returns how many there were."""
        paths = [attachment_path(attachment)]
        if attachment.upload:
            paths.append(staged_path(attachment, attachment.upload))
        with archive_may_be_away():
            # S3 does not tell whether there was a file, so only those that exist are deleted
            found = [path for path in paths if await self._opened.size_of(path) is not None]
            return sum([await self._opened.delete(path) for path in found])

    @property
    def _opened(self) -> Archive:
        archive = self._archive()
        if archive is None:
            raise MalformedRequest("There are no attachments: no archive is configured.")
        return archive


async def _fill(file: IO[bytes], body: AsyncIterator[bytes], size: int) -> None:
    """Write a body into a file, from another thread, because the disk can be slow."""
    total, pieces = 0, bytearray()
    async for piece in body:
        total += len(piece)
        if total > size:
            break
        pieces += piece
        if len(pieces) >= CHUNK_BYTES:
            await asyncio.to_thread(file.write, bytes(pieces))
            pieces.clear()
    if total != size:
        raise InvalidValue(WRONG_SIZE.format(size=size))
    await asyncio.to_thread(file.write, bytes(pieces))
    await asyncio.to_thread(file.seek, 0)


async def _content(file: IO[bytes]) -> AsyncIterator[bytes]:
    while piece := await asyncio.to_thread(file.read, CHUNK_BYTES):
        yield piece


@contextmanager
def archive_may_be_away() -> Generator[None]:
    """Raise `Unavailable` for a failure of the archive within the block."""
    try:
        yield
    except (BaseError, OSError, StartupError) as error:
        raise Unavailable("The archive does not answer at the moment. Try again.") from error
