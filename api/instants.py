"""Conversions of instants between the wire and the store, which keeps whole milliseconds."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def epoch_seconds(at: datetime | None) -> float | None:
    """Return seconds since 1970, with milliseconds: the timestamps of `connect`. None stays None."""
    return None if at is None else round(at.timestamp(), 3)


def epoch_milliseconds(at: datetime) -> int:
    """Return whole milliseconds since 1970, rounded down."""
    return (at - EPOCH) // MILLISECOND


def next_whole_millisecond(at: datetime) -> datetime:
    """Round up to a whole millisecond. Stored instants are whole milliseconds; the store would round down."""
    with suppress(OverflowError):  # no instant follows the last one
        return at + timedelta(microseconds=-at.microsecond % 1000)
    return at
