"""When the history of a run is so long that it continues as new, and what it can hand over.

The length is estimated from counts, because the SDK reports another length in a replay than at first after a local activity. The
counts may not depend on which events arrive in one activation: the SDK joins a workflow task that had no commands with the next
one, and not always (SDK 1.35: it takes the first for a heartbeat of a local activity). So only writes count, which are commands,
and only the last event that waits decides whether the moment is quiet.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from domain.events import AnyEvent

EVENTS_PER_WRITE = 8
"""Estimated history events of a write: task, marker, timer set and fired, search attributes."""

SIGNALS_PER_RUN = 5_000
"""A run continues as new after this many signals; Temporal refuses more than 10,000."""

BYTES_PER_RUN = 4_000_000
"""A run continues as new after signals of this size; Temporal ends a run whose history exceeds 50 MB. Before version 5 of the
rules only the characters of messages count, of which each can take six bytes."""

CARRIED_BYTES = 1_000_000
"""A run hands over waiting events of at most this size, far below Temporal's limit of 2 MB. The API accepts fewer of one
conversation at a time (`realtime.waiting_bytes`), so that a run can end in a flood, too."""

CARRIED_BYTES_BEFORE_5 = 256_000
"""The same before version 5 of the rules."""

QUIET = timedelta(seconds=1)
"""After so long without an event it is unlikely that a signal arrives in the very moment while a run continues as new."""

QUIET_SHARE = 4
"""In a quiet moment a run continues as new after this share of the events: a quarter."""


class RunLength:
    """Estimates the length of a run's history.

    Attributes:
        writes: the writes of the run so far.
        rounds: its rounds of the loop. They count before version 3 of the rules.
    """

    def __init__(self, limit: int, began: datetime) -> None:
        """Begin with no events.

        Args:
            limit: the number of events after which the run continues as new.
            began: the instant of the last event before the run.
        """
        self._limit = limit
        self._last_at = began
        self.writes = 0
        self.rounds = 0

    def add_decided(self, events: Sequence[AnyEvent]) -> None:
        """Note that these events are decided."""
        self._last_at = _last_instant(events, self._last_at)

    def is_reached(self, version: int, *, signals: int, size: int, inbox: Sequence[AnyEvent], clock: datetime) -> bool:
        """Whether the history is long enough.

        Args:
            version: the version of the rules.
            signals: the signals that the run has received.
            size: the size of these signals in bytes; before version 5 the characters of the messages among them.
            inbox: the events that wait.
            clock: the instant of the state.
        """
        events = (self.rounds if version < 3 else self.writes) * EVENTS_PER_WRITE + signals
        if version > 1 and self._is_quiet(version, inbox, clock):
            events *= QUIET_SHARE
        return events >= self._limit or signals >= SIGNALS_PER_RUN or size >= BYTES_PER_RUN

    def _is_quiet(self, version: int, inbox: Sequence[AnyEvent], clock: datetime) -> bool:
        """Whether nothing happened for a while before the event. Only the instants of the senders count."""
        if not inbox:
            return True
        event, before = (inbox[0], clock) if version < 3 else (inbox[-1], _last_instant(inbox[:-1], self._last_at))
        return event.at is not None and event.at - before >= QUIET


def fits_into_next_run(waiting: Iterable[AnyEvent], version: int) -> bool:
    """Whether events that wait are small enough to be handed over to the next run, under a version of the rules."""
    limit = CARRIED_BYTES if version >= 5 else CARRIED_BYTES_BEFORE_5
    size = 0
    for event in waiting:
        size += len(event.model_dump_json().encode())
        if size > limit:
            return False
    return True


def _last_instant(events: Sequence[AnyEvent], before: datetime) -> datetime:
    return next((event.at for event in reversed(events) if event.at is not None), before)
