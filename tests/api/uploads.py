"""Files of every kind, and how a client sends and gets them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx

from tests.api.calls import Api
from tests.compat.chats import Chat

_OFFICE = "application/vnd.openxmlformats-officedocument."
_OLD, _ZIP, _JPEG = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"PK\x03\x04", b"\xff\xd8\xff\xe0"

SAMPLES: dict[str, tuple[str, bytes]] = {
    "csv": ("text/csv", b"bees,hours\nall,8\n"),
    "doc": ("application/msword", _OLD + bytes(100)),
    "docx": (f"{_OFFICE}wordprocessingml.document", _ZIP + bytes(100)),
    "heic": ("image/heic", b"\x00\x00\x00\x18ftypheic" + bytes(100)),
    "jfif": ("image/jpeg", _JPEG + bytes(100)),
    "jpeg": ("image/jpeg", _JPEG + bytes(100)),
    "jpg": ("image/jpeg", _JPEG + bytes(100)),
    "mov": ("video/quicktime", b"\x00\x00\x00\x14ftypqt  " + bytes(100)),
    "mp4": ("video/mp4", b"\x00\x00\x00\x18ftypisom" + bytes(100)),
    "pdf": ("application/pdf", b"%PDF-1.7\n" + bytes(range(256))),
    "png": ("image/png", b"\x89PNG\r\n\x1a\n" + bytes(100)),
    "ppt": ("application/vnd.ms-powerpoint", _OLD + bytes(100)),
    "pptx": (f"{_OFFICE}presentationml.presentation", _ZIP + bytes(100)),
    "rtf": ("text/rtf", b"{\\rtf1 bees}"),
    "txt": ("text/plain", "Bienen schlafen nachts. 🐝".encode()),
    "wav": ("audio/wav", b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(100)),
    "xls": ("application/vnd.ms-excel", _OLD + bytes(100)),
    "xlsx": (f"{_OFFICE}spreadsheetml.sheet", _ZIP + bytes(100)),
}
"""For each extension the content type, and the bytes of a file that begins like one of its kind."""

TEXT, TEXT_TYPE = SAMPLES["txt"][1], "text/plain"


def start_upload(api: Api, chat: Chat, name: str = "bees.txt", size: int = len(TEXT), **members: Any) -> httpx.Response:
    """Call StartAttachmentUpload, by default for `TEXT`."""
    body = {
        "AttachmentName": name,
        "AttachmentSizeInBytes": size,
        "ContentType": TEXT_TYPE,
        "ClientToken": f"{uuid4()}",
    }
    return api.send("StartAttachmentUpload", {**body, **members}, chat=chat)


def started(api: Api, chat: Chat, name: str = "bees.txt", size: int = len(TEXT), **members: Any) -> tuple[str, str]:
    """Start an upload. Returns its id and its URL."""
    upload = start_upload(api, chat, name, size, **members).raise_for_status().json()
    return upload["AttachmentId"], upload["UploadMetadata"]["Url"]


def complete(api: Api, chat: Chat, id: str) -> httpx.Response:
    """Call CompleteAttachmentUpload."""
    return api.send("CompleteAttachmentUpload", {"AttachmentIds": [id], "ClientToken": f"{uuid4()}"}, chat=chat)


def send_file(api: Api, chat: Chat, name: str = "bees.txt", content: bytes = TEXT, type: str = TEXT_TYPE) -> str:
    """Send a file, and return its id."""
    id, url = started(api, chat, name, len(content), ContentType=type)
    api.http.put(url, content=content).raise_for_status()
    complete(api, chat, id).raise_for_status()
    return id


def url_of(api: Api, chat: Chat, id: str, **members: Any) -> str:
    """Call GetAttachment, and return the URL."""
    return api.send("GetAttachment", {"AttachmentId": id, **members}, chat=chat).raise_for_status().json()["Url"]


def transcript(api: Api, chat: Chat) -> list[dict[str, Any]]:
    """The items of a chat, oldest first."""
    body = {"MaxResults": 100, "SortOrder": "ASCENDING"}
    return api.send("GetTranscript", body, chat=chat).raise_for_status().json()["Transcript"]


def attachments_in(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The items of attachments."""
    return [item for item in items if item["Type"] == "ATTACHMENT"]
