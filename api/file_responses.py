"""Answers with the file of an attachment: in pieces, whole or a part of it, and so that no browser runs anything of it."""

from __future__ import annotations

import re

from fastapi import Request
from fastapi.responses import Response, StreamingResponse

from api.security_headers import CONTENT_SECURITY_POLICY
from domain.errors import NotFound
from engine.attachment_files import AttachmentFiles
from store.attachments import StoredAttachment
from wire.attachment_files import Disposition, content_disposition, shown_as

_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)
_MAX_DIGITS = 15


async def file_response(
    request: Request, files: AttachmentFiles, attachment: StoredAttachment, wanted: Disposition
) -> Response:
    """Return the file, or the part of it that the request names in `Range`.

    Raises:
        NotFound: the file does not exist any more.
        Unavailable: the archive does not answer.
    """
    size, headers = attachment.size, _headers(attachment, wanted)
    part = _part(request.headers.get("range"), size)
    start, end = part or (0, size)
    if start >= end:
        return Response(status_code=416, headers={**headers, "content-range": f"bytes */{size}"})
    content = await files.read(attachment, start, end)
    if content is None:
        raise NotFound("The file does not exist any more.")
    headers["content-length"] = str(end - start)
    if part is None:
        return StreamingResponse(content, headers=headers)
    return StreamingResponse(
        content, status_code=206, headers={**headers, "content-range": f"bytes {start}-{end - 1}/{size}"}
    )


def _headers(attachment: StoredAttachment, wanted: Disposition) -> dict[str, str]:
    return {
        "content-type": attachment.content_type,
        "content-disposition": content_disposition(shown_as(attachment, wanted), attachment.name),
        "accept-ranges": "bytes",
        "cache-control": "private, no-store",
        CONTENT_SECURITY_POLICY: "sandbox; default-src 'none'",
    }


def _part(header: str | None, size: int) -> tuple[int, int] | None:
    """Return the first byte of the part and the one after its last; None for the whole file. The same twice: there is none.

    Several parts in one request are answered with the whole file, which is allowed (RFC 9110).
    """
    found = _RANGE.fullmatch(header.replace(" ", "")) if header else None
    if found is None or len(header or "") > 2 * _MAX_DIGITS:
        return None
    first, last = found.groups()
    if not first and not last:
        return None
    if not first:
        return max(0, size - int(last)), size
    end = min(int(last) + 1, size) if last else size
    return None if last and int(last) < int(first) else (min(int(first), size), end)
