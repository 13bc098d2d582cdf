"""`Recordings` of DescribeContact: where the transcript file of an ended contact is."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlsplit

from domain.instants import epoch_seconds
from store.records import StoredContact
from wire.models import without_none
from wire.transcript_paths import transcript_path


def recordings_of(instance: str, contact: StoredContact, archive_address: str | None) -> list[dict[str, Any]] | None:
    """Return the transcript file of a contact; None while it runs, or when nothing is archived.

    In S3 the location is the bucket and the key, as on AWS, otherwise the URL of the file. `Status` is left out, because the file
    is written some moments after the end.
    """
    if contact.ended_at is None or archive_address is None:
        return None
    path, address = transcript_path(instance, contact), archive_address.rstrip("/")
    in_s3 = urlsplit(address).scheme == "s3"
    return [
        without_none(
            StorageType="S3" if in_s3 else None,
            Location=f"{address.removeprefix('s3://')}/{path}" if in_s3 else f"{address}/{quote(path)}",
            ParticipantType="ALL",
            StartTimestamp=epoch_seconds(contact.initiated_at),
            StopTimestamp=epoch_seconds(contact.ended_at),
        )
    ]
