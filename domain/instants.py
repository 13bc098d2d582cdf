"""Instants as whole milliseconds, the resolution of the wire and of the store."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def whole_milliseconds(instant: datetime) -> datetime:
    """Rounds an instant down to a whole millisecond, as the store does."""
    return EPOCH + (instant - EPOCH) // MILLISECOND * MILLISECOND


def epoch_milliseconds(instant: datetime) -> int:
    """Converts an instant to whole milliseconds since 1970."""
    return (instant - EPOCH) // MILLISECOND


def iso(instant: datetime) -> str:
    """Formats an instant as the wire does: ISO 8601, UTC, milliseconds, `Z`."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def epoch_seconds(instant: datetime | None) -> float | None:
    """Converts an instant to seconds since 1970, with milliseconds: the timestamps of `connect`. None stays None."""
    return None if instant is None else round(instant.timestamp(), 3)


def next_whole_millisecond(instant: datetime) -> datetime:
    """Rounds an instant up to a whole millisecond. Stored instants are whole milliseconds; the store rounds down."""
    with suppress(OverflowError):  # the last instant of the calendar cannot be rounded up
        return instant + timedelta(microseconds=-instant.microsecond % 1000)
    return instant
