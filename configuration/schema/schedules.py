"""Opening hours as configured: the intervals of each date. `opening_hours` converts them to instants."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, timedelta
from functools import cache
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, PlainSerializer, ValidationInfo, WithJsonSchema, field_validator

from configuration.schema.sections import SettingsSection

if TYPE_CHECKING:
    from holidays import HolidayBase

_TIMES = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(([01]\d|2[0-3]):([0-5]\d)|24:00)")

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_DAY = timedelta(days=1)
_WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Interval(NamedTuple):
    """Open from `start` to `end`, as wall time of a local date. An `end` beyond 24 hours is on the next date."""

    start: timedelta
    end: timedelta


def _interval(value: object) -> Interval:
    if not isinstance(value, str) or not (times := _TIMES.fullmatch(value)):
        raise ValueError('must be from and to as "08:00-17:30"')
    start, end = (_wall(time) for time in times[0].split("-"))
    return Interval(start, end if end > start else end + _DAY)


def _as_written(interval: Interval) -> str:
    start, end = interval
    return f"{_clock(start)}-{_clock(end if end <= _DAY else end - _DAY)}"


def _clock(time: timedelta) -> str:
    hours, minutes = divmod(int(time.total_seconds()) // 60, 60)
    return f"{hours:02}:{minutes:02}"


def _wall(time: str) -> timedelta:
    hours, minutes = time.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes))


def _date(value: object) -> object:
    # pydantic alone would accept numbers as dates
    if isinstance(value, str):
        return date.fromisoformat(value)
    if type(value) is date:
        return value
    raise ValueError('must be a date as "2026-12-24"')


Intervals = tuple[
    Annotated[
        Interval,
        BeforeValidator(_interval),
        PlainSerializer(_as_written, when_used="json"),
        WithJsonSchema({"type": "string", "pattern": _TIMES.pattern}),
    ],
    ...,
]
Date = Annotated[date, BeforeValidator(_date)]


class PublicHolidaySettings(SettingsSection):
    """The public holidays of a country (ISO 3166-1) or a subdivision (ISO 3166-2), from the package `holidays`."""

    country: str
    subdivision: str | None = None

    @field_validator("country")
    @classmethod
    def _known_country(cls, country: str) -> str:
        # the package accepts any name that it exports as a country, even those of its modules
        if country not in _countries():
            raise ValueError(f"the holidays of {country!r} are not known")
        return country

    @field_validator("subdivision")
    @classmethod
    def _known_subdivision(cls, subdivision: str | None, info: ValidationInfo) -> str | None:
        if "country" in info.data:
            try:
                _calendar(info.data["country"], subdivision)
            except NotImplementedError:
                raise ValueError(f"{info.data['country']} has no subdivision {subdivision!r}") from None
        return subdivision

    def __contains__(self, day: date) -> bool:
        """Whether a date is one of these holidays."""
        return day in _calendar(self.country, self.subdivision)


class ScheduleSettings(SettingsSection):
    """Opening hours. Dates (`special`, `closed`) override holidays, and holidays override the week.

    An interval belongs to the date on which it starts. It runs into the next date even if that date is closed.
    """

    time_zone: ZoneInfo
    weekly: dict[Weekday, Intervals] = Field(default_factory=dict)
    holidays: PublicHolidaySettings | None = None
    closed: Annotated[frozenset[Date], PlainSerializer(sorted, when_used="json")] = frozenset()
    special: dict[Date, Intervals] = Field(default_factory=dict)

    @field_validator("special")
    @classmethod
    def _is_not_closed(cls, special: dict[date, Intervals], info: ValidationInfo) -> dict[date, Intervals]:
        both: Iterable[date] = special.keys() & info.data.get("closed", frozenset[date]())
        if both:
            raise ValueError(f"{min(both)} is in closed too")
        return special

    def is_holiday(self, day: date) -> bool:
        """Whether the date is closed all day: a public holiday, or one of `closed`."""
        if day in self.special:
            return False
        return day in self.closed or (self.holidays is not None and day in self.holidays)

    def on(self, day: date) -> Intervals:
        """Return the intervals that start on a local date, earliest first. They may overlap."""
        if self.is_holiday(day):
            return ()
        intervals = self.special.get(day, self.weekly.get(_WEEKDAYS[day.weekday()], ()))
        return tuple(sorted(intervals))


# `holidays` takes a third of a second to import at the start of each process, and few configurations need it


@cache
def _countries() -> frozenset[str]:
    import holidays

    return frozenset(holidays.list_supported_countries())


@cache
def _calendar(country: str, subdivision: str | None) -> HolidayBase:
    import holidays

    return holidays.country_holidays(country, subdiv=subdivision)
