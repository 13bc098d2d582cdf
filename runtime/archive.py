"""The archive: transcripts and attachments as files, in a local folder or in S3-compatible storage.

Both use obstore (Rust's `object_store`): it is asynchronous and typed, streams in bounded memory, replaces files atomically,
and needs no other package. boto3 would need a thread and a temporary file for the same.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote, unquote, urlsplit
from uuid import uuid4

import obstore
from obstore import copy_async, delete_async, get_async, put_async, rename_async
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from runtime.errors import StartupError
from runtime.plain_reasons import plain_reason
from runtime.settings import Settings
from runtime.streams import prepended

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config

PART_BYTES = 8 * 1024 * 1024
"""Size of the parts of a multipart upload; S3 allows 5 MiB and more, and at most 10,000 parts."""

PARTS_AT_ONCE = 4
"""Parts of one file that are uploaded at the same time."""

REQUEST_LIMIT = timedelta(seconds=30)
"""Timeout of one request to S3."""

RETRY_LIMIT = timedelta(seconds=15)
"""Time for which a failed request is retried. After that the activity fails, and operators can see its retries."""


CHUNK_BYTES = 256 * 1024
"""Size of the pieces in which a file is read."""


class Archive:
    """A store of files. A write replaces the whole file or changes nothing."""

    def __init__(self, store: LocalStore | S3Store, address: str) -> None:
        self._store = store
        self._address = address.rstrip("/")

    async def put(self, path: str, content: AsyncIterator[bytes], content_type: str) -> str:
        """Write a file and return its URL. Idempotent; an existing file is replaced.

        Args:
            path: the path within the archive, with `/` between folders.
            content: the bytes, in pieces of any size. If it raises, the file stays as it was.
            content_type: MIME type; ignored for local files.

        Raises:
            obstore.exceptions.BaseError, OSError: the file could not be written.
        """
        head = bytearray()
        async for piece in content:
            head += piece
            if len(head) >= PART_BYTES:
                break
        short = len(head) < PART_BYTES
        await put_async(
            self._store,
            path,
            bytes(head) if short else prepended(bytes(head), content),
            attributes={"Content-Type": content_type} if isinstance(self._store, S3Store) else None,
            use_multipart=not short,
            chunk_size=PART_BYTES,
            max_concurrency=PARTS_AT_ONCE,
        )
        return self.address_of(path)

    async def delete(self, path: str) -> bool:
        """Delete a file. Returns whether there was one; S3 does not tell, so there it is always True.

        Raises:
            obstore.exceptions.BaseError, OSError: the file could not be deleted.
        """
        try:
            await delete_async(self._store, path)
        except FileNotFoundError:
            return False
        return True

    async def read(self, path: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Yield the bytes of a file from `start` until before `end`, in pieces. None: to its end.

        Raises:
            FileNotFoundError: there is no such file.
            obstore.exceptions.BaseError, OSError: the file could not be read.
        """
        # a range without an end, or an empty one, is an error for some stores
        ranged = {"range": (start, end)} if end is not None else {"range": {"offset": start}} if start else None
        found = await get_async(self._store, path, options=cast("Any", ranged))
        async for piece in found.stream(min_chunk_size=CHUNK_BYTES):
            yield bytes(piece)

    async def size_of(self, path: str) -> int | None:
        """Return the size of a file in bytes; None when there is none.

        Raises:
            obstore.exceptions.BaseError, OSError: the archive could not be read.
        """
        try:
            return (await obstore.head_async(self._store, path))["size"]
        except FileNotFoundError:
            return None

    async def copy(self, source: str, target: str) -> bool:
        """Copy a file, which replaces an existing one. Returns whether there was a file to copy.

        Raises:
            obstore.exceptions.BaseError, OSError: the file could not be copied.
        """
        return await _finds_file(copy_async(self._store, source, target))

    async def move(self, source: str, target: str) -> bool:
        """Move a file, which replaces an existing one. Returns whether there was a file to move.

        Raises:
            obstore.exceptions.BaseError, OSError: the file could not be moved.
        """
        return await _finds_file(rename_async(self._store, source, target))

    async def files_before(self, folder: str, before: datetime) -> AsyncIterator[str]:
        """Yield the paths of the files in a folder that were last written before an instant.

        Raises:
            obstore.exceptions.BaseError, OSError: the folder could not be read.
        """
        async for page in obstore.list(self._store, folder):
            for file in page:
                if file["last_modified"] < before:
                    yield file["path"]

    def address_of(self, path: str) -> str:
        """Return the URL of a file."""
        return f"{self._address}/{path if isinstance(self._store, S3Store) else quote(path)}"

    async def probe(self) -> None:
        """Write, read and delete a file, as a check that the archive can be used.

        Raises:
            obstore.exceptions.BaseError, OSError: that is not possible, or what was read differs.
        """
        path, content = f"perennial-check-{uuid4()}", b"written by a check, to be deleted"
        await put_async(self._store, path, content)
        try:
            read = await (await get_async(self._store, path)).bytes_async()
        finally:
            await delete_async(self._store, path)
        if bytes(read) != content:
            raise OSError("the file that was read is not the one that was written")


def opened_archive(settings: Settings) -> Archive | None:
    """Return the configured archive; None when archiving is off. A missing local folder is created.

    Raises:
        StartupError: the folder cannot be created, or the `AWS_*` variables are invalid.
    """
    address = settings.archive_address
    if address is None:
        return None
    try:
        return Archive(_store(address, settings.archive_endpoint), address)
    except (BaseError, OSError, ValueError) as error:
        raise StartupError(f"the archive {address} cannot be used: {plain_reason(error)}") from error


async def _finds_file(change: Awaitable[object]) -> bool:
    """Make a change of a file. Returns whether there was one."""
    try:
        await change
    except FileNotFoundError:
        return False
    return True


def _store(address: str, endpoint: str | None) -> LocalStore | S3Store:
    parts = urlsplit(address)
    if parts.scheme == "file":
        folder = Path(unquote(parts.path))
        folder.mkdir(parents=True, exist_ok=True)
        return LocalStore(folder)
    config: S3Config = {}
    client: ClientConfig = {"timeout": REQUEST_LIMIT}
    if endpoint:
        config = {"endpoint": endpoint, "aws_endpoint_url_s3": endpoint}
        client["allow_http"] = endpoint.startswith("http://")
    retry: RetryConfig = {"max_retries": 3, "retry_timeout": RETRY_LIMIT}
    prefix = parts.path.strip("/")
    return S3Store(parts.netloc, prefix=prefix or None, config=config, client_options=client, retry_config=retry)
