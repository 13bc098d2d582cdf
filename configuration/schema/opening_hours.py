"""Opening hours as instants: whether a schedule is open, until when, and the text of an instant for people.

An interval of a local date begins at the first instant at which the local clock shows its start or has jumped over it. It ends
at the last instant at which the clock shows its end. In autumn, an interval that ends in the repeated hour ends after the
second of the two. In spring, an interval that starts in the missing hour starts when the clock jumps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from configuration.schema.schedules import ScheduleSettings

HORIZON = timedelta(days=400)
"""How far ahead the next opening is searched."""

MAX_OPEN_SPAN = timedelta(days=31)
"""How far ahead the end of an opening is searched. After that the caller must query again."""

_DAY = timedelta(days=1)
_REACH = 2 * _DAY
"""How long before the date of an instant an interval that covers it can start: intervals run into the next date, and a clock
can go back over midnight."""


@dataclass(frozen=True, slots=True)
class QueueOpening:
    """The state of a schedule at an instant."""

    open: bool
    until: datetime | None
    """The instant (UTC) of the next change. If it stays open for more than `MAX_OPEN_SPAN`: when to query again. None: it does
    not open within `HORIZON`."""
    holiday: bool = False
    """Whether it is closed and the local date is a holiday."""


def opening_at(schedule: ScheduleSettings, at: datetime) -> QueueOpening:
    """Return the state of the schedule at an instant with a time zone; any zone is allowed."""
    at = at.astimezone(UTC)
    for start, end in _stretches(schedule, at):
        if end > at:
            return QueueOpening(True, end) if start <= at else _closed(schedule, at, until=start)
    return _closed(schedule, at, until=None)


def local_time_text(schedule: ScheduleSettings, instant: datetime) -> str:
    """Return an instant in the time zone of the schedule, in a form for all languages: `2026-11-23 08:00 CET`."""
    return f"{instant.astimezone(schedule.time_zone):%Y-%m-%d %H:%M %Z}"


def _closed(schedule: ScheduleSettings, at: datetime, until: datetime | None) -> QueueOpening:
    return QueueOpening(False, until, schedule.is_holiday(at.astimezone(schedule.time_zone).date()))


def _stretches(schedule: ScheduleSettings, at: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield the open stretches around and after an instant, in order. Adjacent intervals are merged, up to `MAX_OPEN_SPAN`."""
    intervals = _intervals(schedule, at.astimezone(schedule.time_zone).date())
    stretch = next(intervals, None)
    if stretch is None:
        return
    first, last = stretch
    for start, end in intervals:
        if start > last:
            yield first, last
            first, last = start, end
        elif last > at + MAX_OPEN_SPAN:
            break
        else:
            last = max(last, end)
    yield first, last


def _intervals(schedule: ScheduleSettings, today: date) -> Iterator[tuple[datetime, datetime]]:
    zone = schedule.time_zone
    day, last_day = today - _REACH, today + HORIZON
    while day <= last_day:
        midnight = datetime.combine(day, time.min)
        for interval in schedule.on(day):
            start, end = _instant(midnight + interval.start, zone, 0), _instant(midnight + interval.end, zone, 1)
            if start < end:
                yield start, end
        day += _DAY


def _instant(wall: datetime, zone: ZoneInfo, fold: int) -> datetime:
    """The first (`fold` 0) or last (`fold` 1) instant at which the clock shows this time; if it never does, when it jumps."""
    instant = wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == wall:
        return instant
    # in a gap, fold 1 gives an instant before the jump and fold 0 one after it
    before, after = (wall.replace(tzinfo=zone, fold=side).astimezone(UTC) for side in (1, 0))
    offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)
