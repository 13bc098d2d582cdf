"""Files in a chat: what a file may be, and what an attachment of a transcript is."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, NamedTuple

from pydantic import Field

from domain.value import REORDERING, Name, ShownName, Value

DEFAULT_BYTES = 20 * 1024 * 1024
"""The largest file where nothing else is configured (Amazon Connect)."""

MAX_BYTES = 100 * 1024 * 1024
"""The largest file that can be configured."""

MAX_ATTACHMENTS = 35
"""Attachments of one conversation (Amazon Connect)."""

HEAD_BYTES = 4_096
"""How many of the first bytes of a file tell its kind."""


class AttachmentStatus(StrEnum):
    """The verdict on a file (`Status` on the wire)."""

    APPROVED = "APPROVED"
    REJECTED = "REJECTED"


class Attachment(Value):
    """A file of a transcript item. `size` is in bytes."""

    id: Name
    name: ShownName
    content_type: Annotated[Name, Field(max_length=100)]
    size: Annotated[int, Field(ge=1, le=MAX_BYTES)]
    status: AttachmentStatus = AttachmentStatus.APPROVED

    def with_status(self, status: AttachmentStatus) -> Attachment:
        """The attachment with a verdict."""
        return self._with_fields({"status": status})


class FileKind(NamedTuple):
    """A kind of file.

    Attributes:
        content_types: the names of its content type.
        is_shown: whether browsers may show it, and not only store it.
        fits: whether the first bytes are those of such a file.
    """

    content_types: tuple[str, ...]
    is_shown: bool
    fits: Callable[[bytes], bool]


def extension_of(name: str) -> str:
    """The extension of a file name in lower case; empty without one."""
    return name.rpartition(".")[2].lower() if "." in name else ""


def essence_of(content_type: str) -> str:
    """A content type in lower case, without its parameters."""
    return content_type.partition(";")[0].strip().lower()


def checked_file_name(name: str) -> str:
    """Returns the name of a file unchanged.

    Raises:
        ValueError: it has a folder, a control character, or a character that reorders the text around it.
    """
    if any(_is_misleading(character) for character in name):
        raise ValueError("must be a file name without folders, control characters and marks of the writing direction")
    return name


def _is_misleading(character: str) -> bool:
    is_control = unicodedata.category(character) in ("Cc", "Zl", "Zp")
    return character in "/\\" or is_control or unicodedata.bidirectional(character) in REORDERING


def _begins(*starts: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(starts)


def _is_text(head: bytes) -> bool:
    # programs and other binary files have zero bytes; so has UTF-16, which begins with its mark
    return b"\x00" not in head or head.startswith((b"\xff\xfe", b"\xfe\xff"))


def _is_pdf(head: bytes) -> bool:
    return b"%PDF-" in head[:1_024]


def _is_wave(head: bytes) -> bool:
    return head.startswith(b"RIFF") and head[8:12] == b"WAVE"


def _has_box(*names: bytes) -> Callable[[bytes], bool]:
    return lambda head: head[4:8] in names


def _is_heic(head: bytes) -> bool:
    return head[4:8] == b"ftyp" and head[8:12] in (
        b"heic",
        b"heix",
        b"heim",
        b"heis",
        b"hevc",
        b"hevx",
        b"mif1",
        b"msf1",
    )


_OFFICE = "application/vnd.openxmlformats-officedocument."
_OLD_OFFICE = _begins(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
_ZIP = _begins(b"PK\x03\x04")
_JPEG = FileKind(("image/jpeg", "image/jpg", "image/pjpeg"), is_shown=True, fits=_begins(b"\xff\xd8\xff"))

KINDS: dict[str, FileKind] = {
    "csv": FileKind(("text/csv", "application/csv", "application/vnd.ms-excel"), is_shown=False, fits=_is_text),
    "doc": FileKind(("application/msword",), is_shown=False, fits=_OLD_OFFICE),
    "docx": FileKind((f"{_OFFICE}wordprocessingml.document",), is_shown=False, fits=_ZIP),
    "heic": FileKind(("image/heic", "image/heif"), is_shown=True, fits=_is_heic),
    "jfif": _JPEG,
    "jpeg": _JPEG,
    "jpg": _JPEG,
    "mov": FileKind(
        ("video/quicktime",),
        is_shown=True,
        fits=_has_box(b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"),
    ),
    "mp4": FileKind(("video/mp4", "audio/mp4"), is_shown=True, fits=_has_box(b"ftyp")),
    "pdf": FileKind(("application/pdf",), is_shown=True, fits=_is_pdf),
    "png": FileKind(("image/png",), is_shown=True, fits=_begins(b"\x89PNG\r\n\x1a\n")),
    "ppt": FileKind(("application/vnd.ms-powerpoint",), is_shown=False, fits=_OLD_OFFICE),
    "pptx": FileKind((f"{_OFFICE}presentationml.presentation",), is_shown=False, fits=_ZIP),
    "rtf": FileKind(("text/rtf", "application/rtf", "application/x-rtf"), is_shown=False, fits=_begins(b"{\\rtf")),
    "txt": FileKind(("text/plain",), is_shown=True, fits=_is_text),
    "wav": FileKind(("audio/wav", "audio/x-wav", "audio/vnd.wave"), is_shown=True, fits=_is_wave),
    "xls": FileKind(("application/vnd.ms-excel",), is_shown=False, fits=_OLD_OFFICE),
    "xlsx": FileKind((f"{_OFFICE}spreadsheetml.sheet",), is_shown=False, fits=_ZIP),
}
"""The kinds of files by their extensions (Amazon Connect)."""
