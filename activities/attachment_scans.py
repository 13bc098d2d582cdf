"""The scanner of attachments: clamd, or an HTTP service that gets the request of Amazon Connect's scanners."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import httpx
from obstore.exceptions import BaseError
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from domain.attachments import AttachmentStatus
from runtime.archive import Archive
from runtime.logs import CONTACT, INSTANCE
from runtime.plain_reasons import plain_reason
from workflows.attachment_check import AttachmentActivities, CheckAttachment

logger = logging.getLogger(__name__)

CALL_SECONDS = 25.0
"""How long a scanner may take for one file. Then it is asked again."""

ANSWER_BYTES = 10_000
"""The longest answer that is read."""

_FAILURES = (BaseError, OSError, httpx.HTTPError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)


class AttachmentScanner(AttachmentActivities):
    """Implements the activities of a check on an archive and a scanner.

    Args:
        archive: where the files are.
        scanner: `clamd://host:port`, or the URL of an HTTP service. None: each file is good.
    """

    def __init__(self, archive: Archive | None, scanner: str | None) -> None:
        self._archive = archive
        self._scanner = scanner

    @activity.defn
    async def scan(self, check: CheckAttachment) -> AttachmentStatus:
        """Returns the verdict of the scanner.

        Raises:
            ApplicationError: the scanner or the archive does not answer, or the answer is no verdict. The caller asks again.
        """
        INSTANCE.set(check.instance)
        CONTACT.set(check.conversation_id)
        if self._scanner is None:
            return AttachmentStatus.APPROVED
        try:
            async with asyncio.timeout(CALL_SECONDS):
                if self._scanner.startswith("clamd:"):
                    return await _ask_clamd(self._scanner, self._opened.read(check.path))
                return await _ask_service(self._scanner, _request(check, self._opened.address_of(check.path)))
        except _FAILURES as error:
            raise _failure("the scanner gave no verdict", error) from error

    @activity.defn
    async def discard(self, check: CheckAttachment) -> None:
        """Deletes the file. Idempotent.

        Raises:
            ApplicationError: the archive cannot be used now. The caller tries again.
        """
        try:
            await self._opened.delete(check.path)
        except (BaseError, OSError) as error:
            raise _failure("the file of an attachment is not deleted", error) from error

    @property
    def _opened(self) -> Archive:
        if self._archive is None:
            raise ApplicationError("this worker has no archive", category=ApplicationErrorCategory.BENIGN)
        return self._archive


async def _ask_clamd(address: str, content: AsyncIterator[bytes]) -> AttachmentStatus:
    """Stream a file to clamd (INSTREAM): pieces with their length in front, then a length of 0."""
    parts = urlsplit(address)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=ANSWER_BYTES)
    try:
        writer.write(b"zINSTREAM\0")
        async for piece in content:
            writer.write(len(piece).to_bytes(4) + piece)
            await writer.drain()
        writer.write(bytes(4))
        await writer.drain()
        answer = (await reader.readuntil(b"\0")).rstrip(b"\0").decode(errors="replace").strip()
    finally:
        writer.close()
    if answer.endswith(" OK"):
        return AttachmentStatus.APPROVED
    if answer.endswith(" FOUND"):
        return AttachmentStatus.REJECTED
    raise ValueError(f"clamd answers {answer[:200]!r}")


async def _ask_service(url: str, request: dict[str, Any]) -> AttachmentStatus:
    async with httpx.AsyncClient(timeout=CALL_SECONDS) as client, client.stream("POST", url, json=request) as response:
        response.raise_for_status()
        body = bytearray()
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > ANSWER_BYTES:
                raise ValueError("its answer is too long")
    answer = httpx.Response(200, content=bytes(body)).json()
    if not isinstance(answer, dict):
        raise ValueError("its answer is no object")
    return AttachmentStatus(answer.get("Status"))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]


def _request(check: CheckAttachment, address: str) -> dict[str, Any]:
    """Build the request that Amazon Connect sends to a scanner. A file that is not in S3 has the URL of the local file."""
    attachment, parts = check.message.attachment, urlsplit(address)
    assert attachment
    key = parts.path.lstrip("/")
    in_s3 = {"Bucket": parts.netloc, "Key": key, "Arn": f"arn:aws:s3:::{parts.netloc}/{key}"}
    return {
        "Version": "1.0",
        "InstanceId": check.instance,
        "File": {
            "FileId": attachment.id,
            "FileCreationTime": check.began_at,
            "FileName": attachment.name,
            "FileSizeInBytes": attachment.size,
            "FileLocation": {"S3Location": in_s3} if parts.scheme == "s3" else {"Url": address},
        },
    }


def _failure(what: str, error: BaseException) -> ApplicationError:
    reason = f"{what}: {plain_reason(error)}"
    logger.warning("%s; it is tried again", reason)
    return ApplicationError(reason, type=type(error).__name__, category=ApplicationErrorCategory.BENIGN)
