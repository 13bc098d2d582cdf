"""Files of attachments on the wire: their paths within the archive, and the headers of uploads and downloads."""

from __future__ import annotations

from datetime import UTC
from typing import Literal
from urllib.parse import quote

from domain.attachments import KINDS, extension_of
from store.attachments import StoredAttachment
from wire.transcript_paths import file_name

Disposition = Literal["inline", "attachment"]

_LATIN = range(0x20, 0x7F)
_UNSAFE = frozenset('"\\%')


def attachment_path(attachment: StoredAttachment) -> str:
    """Return `<instance>/attachments/<YYYY>/<MM>/<DD>/<contact_id>/<id>.<ext>`, with the UTC date on which the upload began."""
    day = attachment.started_at.astimezone(UTC)
    folder = f"{file_name(attachment.instance)}/attachments/{day:%Y/%m/%d}/{file_name(attachment.contact_id)}"
    return f"{folder}/{file_name(attachment.id)}.{extension_of(attachment.name)}"


def staging_folder(instance: str) -> str:
    """Return the folder of the uploads that are not accepted yet."""
    return f"{file_name(instance)}/attachments/staged"


def staged_path(attachment: StoredAttachment, upload: str) -> str:
    """Return the path of one upload until it is accepted."""
    return f"{staging_folder(attachment.instance)}/{file_name(attachment.id)}.{file_name(upload)}"


DIRECT = "direct"
"""The name of the upload of a client that writes to the archive by itself: a repeat of its request gets the same place."""


def upload_headers(attachment: StoredAttachment) -> dict[str, str]:
    """Return the headers that a client sends with its upload. The iOS client sends only names that Amazon's storage has."""
    return {
        "Content-Type": attachment.content_type,
        "Content-Length": str(attachment.size),
        "Content-Disposition": content_disposition("attachment", attachment.name),
    }


def shown_as(attachment: StoredAttachment, wanted: Disposition) -> Disposition:
    """Return how a browser may treat the file: only files that it can show without a program of its own are `inline`."""
    return wanted if KINDS[extension_of(attachment.name)].is_shown else "attachment"


def content_disposition(disposition: Disposition, name: str) -> str:
    """Return the header, in ASCII: browsers refuse other values before they send them.

    A name that is not plain ASCII is there twice: with `_` for each other character, and encoded (RFC 6266).
    """
    plain = "".join(each if ord(each) in _LATIN and each not in _UNSAFE else "_" for each in name)
    encoded = "" if plain == name else f"; filename*=UTF-8''{quote(name, safe='')}"
    return f'{disposition}; filename="{plain}"{encoded}'
