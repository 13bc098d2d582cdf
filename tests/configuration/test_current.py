"""The current configuration: a change in one process reaches all processes, and the configuration is always consistent."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from configuration import current
from configuration.current import Configuration, open_configuration
from configuration.errors import InvalidConfiguration
from configuration.policies import workstream_policy
from configuration.schema.instances import InstanceSettings
from runtime.bus import Announcement, LocalBus
from runtime.errors import StartupError
from store import configuration as store
from store.configuration import ConfigurationChange
from store.database import Database
from tests import sqlite
from tests.workflows.engine import eventually

WORKSTREAMS: dict[str, Any] = {"w": {"mode": "live", "queue": "q"}}
FILE: dict[str, Any] = {
    "hours": {"h": {"time_zone": "UTC"}},
    "queues": {"q": {"hours": "h"}},
    "workstreams": WORKSTREAMS,
    "agents": {"a1": {"name": "Ann"}},
}


def file_instances(**other: Any) -> dict[str, InstanceSettings]:
    return {"i": InstanceSettings.model_validate(FILE | other), "j": InstanceSettings.model_validate(FILE)}


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    async with sqlite.store(tmp_path) as db:
        yield db


@pytest.fixture
def this_process(db: Database) -> Configuration:
    return Configuration(file_instances(), db, LocalBus())


@pytest.fixture
def other_process(db: Database) -> Configuration:
    """The configuration of another process, which shares only the store."""
    return Configuration(file_instances(), db, LocalBus())


async def restarted(db: Database, **other: Any) -> Configuration:
    """The configuration of a process that starts with another file."""
    restarted_process = Configuration(file_instances(**other), db, LocalBus())
    await restarted_process.refresh()
    return restarted_process


async def test_change_applies_at_once_in_its_process_and_after_a_refresh_in_others(
    this_process: Configuration, other_process: Configuration
) -> None:
    await this_process.change("i", "agents", "a2", {"name": "Bob"}, by="key")
    assert this_process.instances["i"].agents["a2"].name == "Bob"
    assert "a2" not in other_process.instances["i"].agents
    await other_process.refresh()
    assert other_process.instances == this_process.instances
    assert other_process.instances["j"] == file_instances()["j"]
    [(change, reason)] = other_process.changes("i")
    what = (change.kind, change.name, change.value, change.changed_by, reason)
    assert what == ("agents", "a2", {"name": "Bob"}, "key", None)


async def test_stored_change_has_the_normalised_value(this_process: Configuration) -> None:
    await this_process.change(
        "i", "workstreams", "w", WORKSTREAMS["w"] | {"open_age": 3600, "duration": None}, by="key"
    )
    assert this_process.changes("i")[0][0].value == WORKSTREAMS["w"] | {"open_age": "PT1H"}


async def test_stored_value_keeps_its_meaning_when_it_is_read_again(this_process: Configuration, db: Database) -> None:
    await this_process.change("i", "workstreams", "w", WORKSTREAMS["w"] | {"missed_offers": "never"}, by="key")
    for process in (this_process, await restarted(db)):
        instance = process.instances["i"]
        assert workstream_policy(instance, instance.workstreams["w"], None).missed_offers is None


async def test_stored_deletion_overrides_the_file(this_process: Configuration, db: Database) -> None:
    await this_process.change("i", "agents", "a1", None, by="key")
    assert this_process.instances["i"].agents == {}
    assert (await restarted(db)).instances["i"].agents == {}


async def test_deletion_of_a_section_made_at_run_time_leaves_no_change(this_process: Configuration) -> None:
    await this_process.change("i", "agents", "a2", {"name": "Bob"}, by="key")
    await this_process.change("i", "agents", "a2", None, by="key")
    assert (this_process.instances, this_process.changes("i"), this_process.revision("i")) == (file_instances(), [], 2)


async def test_reset_restores_the_section_of_the_file(this_process: Configuration, db: Database) -> None:
    await this_process.change("i", "agents", "a1", {"name": "Other"}, by="key")
    await this_process.change("i", "queues", "q", None, by="key")
    await this_process.reset("i", "agents", "a1")
    await this_process.reset("i", "queues", "q")
    await this_process.reset("i", "queues", "never changed")
    assert (this_process.instances, this_process.changes("i"), this_process.revision("i")) == (file_instances(), [], 4)
    await this_process.change("i", "agents", "a1", {"name": "Other"}, by="key")
    restarted_process = await restarted(db, agents={"a1": {"name": "Newer file"}})
    assert restarted_process.instances["i"].agents["a1"].name == "Other"
    await restarted_process.reset("i", "agents", "a1")
    assert restarted_process.instances["i"].agents["a1"].name == "Newer file"


@pytest.mark.parametrize(
    ("kind", "name", "value", "message"),
    [
        ("queues", "q", {"hours": "none"}, "queues: q.hours: there are no hours 'none'"),
        ("hours", "h", None, "queues: q.hours: there are no hours 'h'"),
        ("workstreams", "w", None, "workstreams: "),
        ("workstreams", "w", WORKSTREAMS["w"] | {"texts": {"ended": "{Me}"}}, "workstreams.w.texts.ended: "),
    ],
)
async def test_inconsistent_change_is_refused(
    this_process: Configuration, kind: str, name: str, value: dict[str, Any] | None, message: str
) -> None:
    with pytest.raises(InvalidConfiguration) as problem:
        await this_process.change("i", kind, name, value, by="key")
    assert str(problem.value).startswith(message)
    await this_process.refresh()
    assert (this_process.instances, this_process.revision("i")) == (file_instances(), 0)


async def test_change_that_breaks_another_change_is_refused(this_process: Configuration) -> None:
    await this_process.change("i", "hours", "new", {"time_zone": "UTC"}, by="key")
    await this_process.change("i", "queues", "q", {"hours": "new"}, by="key")
    await this_process.change("i", "hours", "new", {"time_zone": "Europe/Vienna"}, by="key")
    for attempt in (this_process.change("i", "hours", "new", None, by="key"), this_process.reset("i", "hours", "new")):
        with pytest.raises(InvalidConfiguration, match=r"queues: q\.hours: there are no hours 'new'"):
            await attempt
    with pytest.raises(InvalidConfiguration, match=r"^hours\.new\.time_zone: "):
        await this_process.change("i", "hours", "new", {"time_zone": "Atlantis"}, by="key")
    await this_process.change("i", "hours", "h", None, by="key")
    with pytest.raises(InvalidConfiguration, match=r"there are no hours 'h'"):
        await this_process.reset("i", "queues", "q")
    assert this_process.instances["i"].hours.keys() == {"new"}


async def test_concurrent_changes_are_applied_one_after_the_other(
    this_process: Configuration, other_process: Configuration
) -> None:
    """No change is lost. Of two changes that do not fit together, the later one is refused."""
    for number in range(5):
        await asyncio.gather(
            this_process.change("i", "agents", f"here-{number}", {"name": "H"}, by="key"),
            other_process.change("i", "agents", f"there-{number}", {"name": "T"}, by="key"),
        )
    await this_process.refresh()
    assert len(this_process.instances["i"].agents) == 11
    await this_process.change("i", "hours", "new", {"time_zone": "UTC"}, by="key")
    done = await asyncio.gather(
        this_process.change("i", "hours", "new", None, by="key"),
        other_process.change("i", "queues", "p", {"hours": "new"}, by="key"),
        return_exceptions=True,
    )
    (refused,) = (outcome for outcome in done if isinstance(outcome, BaseException))  # the later of the two
    assert isinstance(refused, InvalidConfiguration)
    assert str(refused).startswith("queues")


async def test_change_that_no_longer_fits_the_file_is_ignored_until_it_fits(
    this_process: Configuration, db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await this_process.change("i", "queues", "p", {"hours": "h"}, by="key")
    await this_process.change("i", "agents", "a2", {"name": "Bob"}, by="key")
    with caplog.at_level(logging.WARNING):
        restarted_process = await restarted(db, hours={}, queues={})
    assert [record.getMessage() for record in caplog.records] == [
        "instances.i.queues.p: the change at run time is ignored, because it does not fit: "
        "queues: p.hours: there are no hours 'h'"
    ]
    assert (restarted_process.instances["i"].queues, restarted_process.instances["i"].agents["a2"].name) == ({}, "Bob")
    assert [(change.name, reason is not None) for change, reason in restarted_process.changes("i")] == [
        ("p", True),
        ("a2", False),
    ]
    # other changes are possible, do not repeat the warning, and the ignored change applies again once it fits
    await restarted_process.change("i", "agents", "a3", {"name": "Cyd"}, by="key")
    assert len(caplog.records) == 1
    await restarted_process.change("i", "hours", "h", {"time_zone": "UTC"}, by="key")
    assert restarted_process.instances["i"].queues["p"].hours == "h"
    assert all(reason is None for _, reason in restarted_process.changes("i"))


async def test_change_of_an_unknown_kind_is_ignored(this_process: Configuration, db: Database) -> None:
    await store.save_change(db, "i", ConfigurationChange("colours", "red", {}, 1, datetime.now(UTC), "key"))
    await this_process.refresh()
    assert this_process.instances == file_instances()


async def test_invalid_file_prevents_the_start(db: Database) -> None:
    wrong = {"w": WORKSTREAMS["w"] | {"texts": {"ended": "Bye {Nobody}"}}}
    with pytest.raises(StartupError, match=r"^instances\.i\.workstreams\.w\.texts\.ended: there is no \{Nobody\}"):
        Configuration(file_instances(workstreams=wrong), db, LocalBus())


async def test_process_reads_changes_on_announcement(
    this_process: Configuration, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(current, "POLL_INTERVAL", timedelta(seconds=60))
    bus = LocalBus()
    async with open_configuration(file_instances(), db, bus) as other_process:
        await this_process.change("i", "agents", "a2", {"name": "Bob"}, by="key")
        await asyncio.sleep(0.1)
        assert "a2" not in other_process.instances["i"].agents
        await bus.announce(Announcement("another conversation"))
        await bus.announce(Announcement(current.CHANGED))
        await eventually(lambda: has_agent(other_process, "a2"), "it has read the change", seconds=5)


@pytest.mark.parametrize("steps", range(6))
async def test_process_stops_cleanly_while_a_change_is_announced(db: Database, steps: int) -> None:
    """Whatever step of the refresh the task has reached."""
    bus = LocalBus()
    configuration = Configuration(file_instances(), db, bus)
    await configuration.start()
    refresh_task = next(task for task in asyncio.all_tasks() if task.get_name() == "read configuration changes")
    await asyncio.sleep(0)
    await bus.announce(Announcement(current.CHANGED))
    for _ in range(steps):
        await asyncio.sleep(0)
    stopping = asyncio.create_task(configuration.stop())
    done, _ = await asyncio.wait([stopping], timeout=5)
    assert done == {stopping}
    assert refresh_task.cancelled()


async def test_process_reads_changes_without_announcements(
    this_process: Configuration, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(current, "POLL_INTERVAL", timedelta(seconds=0.05))
    async with open_configuration(file_instances(), db, LocalBus()) as other_process:
        await this_process.change("i", "agents", "a2", {"name": "Bob"}, by="key")
        await eventually(lambda: has_agent(other_process, "a2"), "it has read the change", seconds=5)


async def test_every_effective_change_is_announced(db: Database) -> None:
    bus, announcements = LocalBus(), list[Announcement]()
    bus.subscribe(announcements.append)
    this_process = Configuration(file_instances(), db, bus)
    await this_process.change("i", "agents", "a2", {"name": "Bob"}, by="key")
    await this_process.reset("i", "agents", "a2")
    await this_process.reset("i", "agents", "a2")
    assert announcements == [Announcement(current.CHANGED)] * 2


async def test_unreadable_store_keeps_the_configuration(
    this_process: Configuration, db: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(current, "POLL_INTERVAL", timedelta(seconds=0.05))

    async def fail(_: Database) -> dict[str, int]:
        raise OSError("no store")

    async with open_configuration(file_instances(), db, LocalBus()) as other_process:
        with monkeypatch.context() as broken:
            broken.setattr(store, "revisions", fail)
            await eventually(lambda: true_or_none(bool(caplog.records)), "the refresh has failed", seconds=5)
            assert other_process.instances == file_instances()
        await this_process.change("i", "agents", "a2", {"name": "Bob"}, by="key")
        await eventually(lambda: has_agent(other_process, "a2"), "it has read the change", seconds=5)


async def test_failed_refresh_changes_nothing(
    this_process: Configuration, other_process: Configuration, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for instance in ("i", "j"):
        await other_process.change(instance, "agents", "a2", {"name": "Bob"}, by="key")
    read = store.changes

    async def fail(db: Database, instance: str) -> tuple[int, list[ConfigurationChange]]:
        if instance == "j":
            raise OSError("no store")
        return await read(db, instance)

    with monkeypatch.context() as broken:
        broken.setattr(store, "changes", fail)
        with pytest.raises(OSError, match="no store"):
            await this_process.refresh()
    assert (this_process.instances, this_process.revision("i"), this_process.changes("i")) == (file_instances(), 0, [])
    await this_process.refresh()
    assert this_process.instances == other_process.instances


async def has_agent(configuration: Configuration, agent: str) -> bool | None:
    return await true_or_none(agent in configuration.instances["i"].agents)


async def true_or_none(condition: bool) -> bool | None:
    return True if condition else None


def test_fingerprint_of_the_file_is_the_same_in_every_process() -> None:
    agents = {"a1": {"name": "Ann", "queues": [f"q{number}" for number in range(9)]}}
    file = json.dumps(
        FILE | {"agents": agents, "queues": {f"q{number}": {} for number in range(9)} | {"q": {"hours": "h"}}}
    )
    code = (
        "import json, sys; from configuration.current import fingerprint; "
        "from configuration.schema.instances import InstanceSettings; "
        "print(fingerprint(InstanceSettings.model_validate(json.loads(sys.argv[1]))))"
    )
    found = {
        subprocess.check_output([sys.executable, "-c", code, file], env={**os.environ, "PYTHONHASHSEED": str(seed)})
        for seed in (1, 2)
    }
    assert len(found) == 1
    assert found != {subprocess.check_output([sys.executable, "-c", code, json.dumps(FILE)])}
