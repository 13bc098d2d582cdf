"""Opening hours, compared with an oracle that steps through the minutes. It shares only the definition with the calculation."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import accumulate, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from configuration.schema.opening_hours import MAX_OPEN_SPAN, local_time_text, opening_at
from configuration.schema.schedules import ScheduleSettings

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Times = list[tuple[int, int]]
"""Intervals as minutes of the day. An end that is not after its start is on the next day."""

PLACES = [
    ("Europe/Vienna", date(2026, 3, 29)),
    ("Europe/Vienna", date(2026, 10, 25)),
    ("Europe/Dublin", date(2026, 10, 25)),
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),  # half an hour
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("Antarctica/Troll", date(2026, 3, 29)),  # two hours
    ("Asia/Kolkata", date(2026, 6, 1)),
    ("America/Sao_Paulo", date(2018, 11, 4)),  # midnight does not exist
    ("America/Sao_Paulo", date(2018, 2, 18)),  # the hour before midnight occurs twice
    ("Asia/Beirut", date(2026, 3, 29)),
    ("Asia/Beirut", date(2026, 10, 25)),
    ("Africa/Cairo", date(2026, 4, 24)),
    ("Africa/Cairo", date(2026, 10, 30)),
    ("America/Havana", date(2026, 11, 1)),  # midnight occurs twice
    ("America/Goose_Bay", date(2010, 11, 7)),  # the clock goes back over midnight
    ("Pacific/Apia", date(2011, 12, 30)),  # this day does not exist
]


class Clock:
    """The wall time of a zone in each minute of the days around a date."""

    def __init__(self, zone: str, around: date) -> None:
        self.first = datetime.combine(around, time.min, UTC) - 6 * DAY
        instants = (self.first + n * MINUTE for n in range(13 * 24 * 60))
        self.walls = [instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for instant in instants]
        self.highest = list(accumulate(self.walls, max))
        self.shown_last = {wall: n for n, wall in enumerate(self.walls)}
        self.changes = [n for n, (a, b) in enumerate(pairwise(self.walls), 1) if b - a != MINUTE]

    def starts(self, wall: datetime) -> int:
        """Return the first minute in which the clock shows this time or a later one."""
        return next(n for n, highest in enumerate(self.highest) if highest >= wall)

    def ends(self, wall: datetime) -> int:
        """Return the last minute in which the clock reaches this time, or jumps over it."""
        if wall in self.shown_last:
            return self.shown_last[wall]
        return next(n for n in self.changes if self.walls[n - 1] < wall < self.walls[n])


@cache
def clock(zone: str, around: date) -> Clock:
    return Clock(zone, around)


def open_minutes(clock: Clock, week: dict[int, Times], special: dict[date, Times], closed: set[date]) -> list[bool]:
    """Return for each minute of the clock's days whether it is open. The first and last day are left out."""
    minutes = [False] * len(clock.walls)
    for n in range(1, 11):
        day = (clock.first + n * DAY).date()
        times = [] if day in closed else special.get(day, week.get(day.weekday(), []))
        midnight = datetime.combine(day, time.min)
        for start, end in times:
            begin = clock.starts(midnight + start * MINUTE)
            finish = clock.ends(midnight + (end if end > start else end + 24 * 60) * MINUTE)
            minutes[begin:finish] = [True] * max(0, finish - begin)
    return minutes


def schedule(zone: str, week: dict[int, Times], special: dict[date, Times], closed: set[date]) -> ScheduleSettings:
    return ScheduleSettings.model_validate(
        {
            "time_zone": zone,
            "weekly": {WEEKDAYS[day]: written(times) for day, times in week.items()},
            "special": {day.isoformat(): written(times) for day, times in special.items()},
            "closed": [day.isoformat() for day in closed],
        }
    )


def written(times: Times) -> list[str]:
    return [f"{start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}" for start, end in times]


NEAR_THE_CHANGE = [0, 30, 60, 90, 119, 120, 121, 150, 180, 181, 1380, 1410, 1439]
starts = st.sampled_from(NEAR_THE_CHANGE) | st.integers(0, 1439)
ends = st.sampled_from([*NEAR_THE_CHANGE, 1440]) | st.integers(0, 1440)
several = st.lists(st.tuples(starts, ends), max_size=3)
weeks = st.dictionaries(st.integers(0, 6), several, max_size=7)
near = st.integers(-2, 2)


@settings(max_examples=250, deadline=None)
@given(st.sampled_from(PLACES), weeks, st.dictionaries(near, several, max_size=2), st.sets(near, max_size=2), st.data())
@example(("Europe/Vienna", date(2026, 10, 25)), {5: [(1320, 150)]}, {}, set(), None)
@example(("Europe/Vienna", date(2026, 3, 29)), {6: [(150, 480)]}, {}, set(), None)
@example(("Asia/Beirut", date(2026, 10, 25)), {5: [(480, 1440)], 6: [(0, 480)]}, {}, set(), None)
@example(("America/Havana", date(2026, 11, 1)), {5: [(480, 1440)], 6: [(30, 480)]}, {}, set(), None)
@example(("America/Goose_Bay", date(2010, 11, 7)), {4: [(1439, 1439)]}, {}, set(), None)
@example(("Pacific/Apia", date(2011, 12, 30)), {day: [(480, 1020)] for day in range(7)}, {}, set(), None)
@example(("Pacific/Apia", date(2011, 12, 30)), {day: [(1320, 120)] for day in range(7)}, {}, set(), None)
def test_opening_hours_agree_with_the_oracle_in_every_minute(
    place: tuple[str, date], week: dict[int, Times], specials: dict[int, Times], closures: set[int], data: Any
) -> None:
    zone, around = place
    special = {around + n * DAY: times for n, times in specials.items()}
    closed = {around + n * DAY for n in closures} - special.keys()
    oracle = clock(zone, around)
    expected = open_minutes(oracle, week, special, closed)
    hours = schedule(zone, week, special, closed)
    changes = [n for n in range(1, len(expected)) if expected[n] != expected[n - 1]]

    window = range(3 * 24 * 60, 9 * 24 * 60)
    minutes = {n + side for n in changes + oracle.changes for side in (-1, 0, 1)} | {window[0], window[-1]}
    if data:
        minutes |= data.draw(st.sets(st.sampled_from(window), max_size=10))
    for n in minutes & set(window):
        for second in (0, 59):
            at = oracle.first + n * MINUTE + timedelta(seconds=second)
            found = opening_at(hours, at)
            assert found.open == expected[n], at
            later = next((change for change in changes if change > n), None)
            if later is not None and later < window[-1]:
                assert found.until == oracle.first + later * MINUTE, at
            else:
                assert found.until is None or found.until >= oracle.first + window[-1] * MINUTE, at


def hours(zone: str = "Europe/Vienna", **parts: Any) -> ScheduleSettings:
    return ScheduleSettings.model_validate({"time_zone": zone, **parts})


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


OFFICE = {day: ["08:00-17:00"] for day in WEEKDAYS[:5]}
VIENNA = {"country": "AT", "subdivision": "9"}


@pytest.mark.parametrize(
    ("day", "is_open", "is_holiday"),
    [
        ("2026-10-23", True, False),
        ("2026-10-24", False, False),  # a Saturday
        ("2026-10-26", False, True),  # a holiday in all of Austria
        ("2026-11-13", True, False),
        ("2027-01-06", False, True),  # Epiphany, in the next year
        ("2026-12-23", False, True),  # closed by the configuration
        ("2026-12-25", True, False),  # a holiday, but special
        ("2026-12-28", False, False),  # special: closed, and no holiday
    ],
)
def test_dates_override_holidays_and_holidays_override_the_week(day: str, is_open: bool, is_holiday: bool) -> None:
    special = {"2026-12-25": ["12:00-13:00"], "2026-12-28": []}
    found = opening_at(
        hours(weekly=OFFICE, holidays=VIENNA, closed=["2026-12-23"], special=special), at(f"{day}T12:00+01:00")
    )
    assert (found.open, found.holiday) == (is_open, is_holiday)


def test_holidays_of_a_subdivision_apply_there_only() -> None:
    noon = at("2026-01-06T12:00+01:00")
    bavaria, berlin = ({"country": "DE", "subdivision": state} for state in ("BY", "BE"))
    assert opening_at(hours("Europe/Berlin", weekly=OFFICE, holidays=bavaria), noon).holiday
    assert opening_at(hours("Europe/Berlin", weekly=OFFICE, holidays=berlin), noon).open


def test_next_opening_is_after_the_holidays() -> None:
    found = opening_at(hours(weekly=OFFICE, holidays=VIENNA), at("2026-12-24T18:00+01:00"))
    assert (found.open, found.until, found.holiday) == (False, at("2026-12-28T08:00+01:00"), False)


def test_interval_runs_into_a_closed_date() -> None:
    nights = hours(weekly={"thu": ["22:00-06:00"]}, closed=["2026-11-20"])
    found = opening_at(nights, at("2026-11-20T05:00+01:00"))
    assert (found.open, found.until) == (True, at("2026-11-20T06:00+01:00"))


def test_schedule_that_is_always_open_names_a_time_to_ask_again() -> None:
    now = at("2026-11-20T05:00+01:00")
    always = hours(weekly={day: ["00:00-24:00"] for day in WEEKDAYS})
    found = opening_at(always, now)
    assert found.open
    assert found.until is not None
    assert found.until > now + MAX_OPEN_SPAN
    assert opening_at(always, found.until).open


@pytest.mark.parametrize("parts", [{}, {"special": {"2026-11-19": ["08:00-12:00"], "2028-01-01": ["08:00-12:00"]}}])
def test_schedule_that_never_opens_has_no_next_opening(parts: dict[str, Any]) -> None:
    found = opening_at(hours(**parts), at("2026-11-20T05:00+01:00"))
    assert (found.open, found.until) == (False, None)


def test_opening_in_a_distant_month_is_found() -> None:
    found = opening_at(hours(special={"2027-12-20": ["08:00-12:00"]}), at("2026-11-20T05:00+01:00"))
    assert found.until == at("2027-12-20T08:00+01:00")


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("Europe/Vienna", "2026-11-23 08:00 CET"),
        ("Asia/Kolkata", "2026-11-23 12:30 IST"),
        ("America/Sao_Paulo", "2026-11-23 04:00 -03"),
    ],
)
def test_text_for_people_uses_the_time_zone_of_the_schedule(zone: str, text: str) -> None:
    assert local_time_text(hours(zone), at("2026-11-23T07:00+00:00")) == text
