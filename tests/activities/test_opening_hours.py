"""The opening hours that conversations get for their queue."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from activities.opening_hours import OpeningHoursReader
from configuration.current import Configuration
from domain.events import OpeningHours
from runtime.bus import LocalBus
from runtime.settings import Settings
from store.database import Database
from workflows.contract import OpeningHoursQuery

INSTANCE: dict[str, Any] = {
    "hours": {
        "office": {
            "time_zone": "Europe/Vienna",
            "weekly": {"mon": ["08:00-12:00"], "tue": ["08:00-12:00"]},
            "closed": ["2026-11-23"],
        },
        "never": {"time_zone": "Europe/Vienna"},
    },
    "queues": {"office": {"hours": "office"}, "shut": {"hours": "never"}, "always": {}},
    "workstreams": {"live": {"mode": "live", "queue": "live"}},
}
OPENS = {"until": datetime.fromisoformat("2026-11-24T08:00+01:00"), "opens": "2026-11-24 08:00 CET"}
CLOSES = {"until": datetime.fromisoformat("2026-11-24T12:00+01:00")}


def hours_reader(instances: dict[str, Any]) -> OpeningHoursReader:
    """A reader with an unchanged configuration. It does not open the store."""
    settings = Settings.model_validate({"instances": instances})
    return OpeningHoursReader(Configuration(settings.instances, Database.open("sqlite:///not-opened.db"), LocalBus()))


@pytest.mark.parametrize(
    ("queue", "at", "expected"),
    [
        ("office", "2026-11-22T12:00+01:00", {"open": False, **OPENS}),
        ("office", "2026-11-23T09:00+01:00", {"open": False, "holiday": True, **OPENS}),
        ("office", "2026-11-24T08:00+01:00", {"open": True, **CLOSES}),
        ("shut", "2026-11-24T08:00+01:00", {"open": False}),
        ("always", "2026-11-24T08:00+01:00", {"open": True}),
        ("live", "2026-11-24T08:00+01:00", {"open": True}),
        ("no such queue", "2026-11-24T08:00+01:00", {"open": True}),
    ],
)
async def test_opening_hours_of_a_queue_at_an_instant(queue: str, at: str, expected: dict[str, Any]) -> None:
    question = OpeningHoursQuery(instance="i", queue=queue, at=datetime.fromisoformat(at))
    assert await hours_reader({"i": INSTANCE}).opening_hours(question) == OpeningHours(queue=queue, **expected)


async def test_queue_of_a_removed_instance_is_open() -> None:
    question = OpeningHoursQuery(instance="i", queue="office", at=datetime.fromisoformat("2026-11-22T12:00+01:00"))
    assert await hours_reader({}).opening_hours(question) == OpeningHours(queue="office", open=True)
