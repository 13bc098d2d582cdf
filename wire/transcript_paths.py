"""The path of a contact's transcript file within the archive, as Amazon Connect names its files in S3."""

from __future__ import annotations

from datetime import UTC
from hashlib import sha256
from urllib.parse import quote

from store.records import StoredContact

MAX_NAME_BYTES = 200
"""Longest file or folder name. File systems allow 255 bytes, and a temporary file has a longer name."""


def transcript_path(instance: str, contact: StoredContact) -> str:
    """Return `<instance>/<YYYY>/<MM>/<DD>/<contact_id>.json`, with the UTC date on which the contact began."""
    day = contact.initiated_at.astimezone(UTC)
    return f"{file_name(instance)}/{day:%Y/%m/%d}/{file_name(contact.id)}.json"


def file_name(id: str) -> str:
    """Converts any id to the name of one file or folder. Short ids of letters, digits, `-` and `_` stay unchanged."""
    name = quote(id, safe="")
    if name.startswith("."):
        name = "%2E" + name[1:]
    return name if len(name) <= MAX_NAME_BYTES else f"{name[:100]}-{sha256(id.encode()).hexdigest()}"
