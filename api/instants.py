"""Instants between the wire and the store, which keeps whole milliseconds."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def epoch_seconds(at: datetime | None) -> float | None:
    """Seconds since 1970, with milliseconds: the timestamps of `connect`."""
    return None if at is None else round(at.timestamp(), 3)


def epoch_milliseconds(at: datetime) -> int:
    """Whole milliseconds since 1970."""
    return (at - EPOCH) // MILLISECOND


def whole_millisecond(at: datetime) -> datetime:
    """The first whole millisecond from `at` on: the store's records stand at those, and it would cut off what is finer."""
    with suppress(OverflowError):  # at the end of time nothing comes later
        return at + timedelta(microseconds=-at.microsecond % 1000)
    return at
