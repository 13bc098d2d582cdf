"""Opening hours as instants: is it open, until when, and how to say that to people.

An interval of a local date runs from the first instant at which the local clock shows its start, or has jumped over it, to
the last instant at which the clock shows its end. So in autumn an interval that ends in the repeated hour ends when that hour
has passed twice, and in spring one that starts in the missing hour starts when the clock jumps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from configuration.schema.schedules import ScheduleSettings

HORIZON = timedelta(days=400)
"""How far ahead it looks for the next opening."""

MAX_OPEN_SPAN = timedelta(days=31)
"""An end of opening beyond this is not looked for: one asks again then."""

_DAY = timedelta(days=1)
_REACH = 2 * _DAY
"""How long before an instant's date an interval that covers it can start: it runs into the next date, and the clock can
have gone back over midnight."""


@dataclass(frozen=True, slots=True)
class QueueOpening:
    """What a schedule says of an instant."""

    open: bool
    until: datetime | None
    """When that changes, in UTC, or when to ask again if it stays open for more than `FAR`. None: it does not open
    within `HORIZON`."""
    holiday: bool = False
    """Closed, and the local date is a holiday."""


def opening_at(schedule: ScheduleSettings, at: datetime) -> QueueOpening:
    """What the schedule says of an instant (aware, of any time zone)."""
    at = at.astimezone(UTC)
    for start, end in _stretches(schedule, at):
        if end > at:
            return QueueOpening(True, end) if start <= at else _closed(schedule, at, until=start)
    return _closed(schedule, at, until=None)


def local_time_text(schedule: ScheduleSettings, instant: datetime) -> str:
    """An instant in the schedule's own time zone, the same in every language: `2026-11-23 08:00 CET`."""
    return f"{instant.astimezone(schedule.time_zone):%Y-%m-%d %H:%M %Z}"


def _closed(schedule: ScheduleSettings, at: datetime, until: datetime | None) -> QueueOpening:
    return QueueOpening(False, until, schedule.is_holiday(at.astimezone(schedule.time_zone).date()))


def _stretches(schedule: ScheduleSettings, at: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The times around and after an instant without a gap between them, merged as far as `FAR`, in their order."""
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
    """When the zone's clock shows this time: the first time (`fold` 0) or the last; if it never does, when it jumps."""
    instant = wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == wall:
        return instant
    # in a gap, fold 1 stands for an instant before the jump and fold 0 for one after it
    before, after = (wall.replace(tzinfo=zone, fold=side).astimezone(UTC) for side in (1, 0))
    offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)
