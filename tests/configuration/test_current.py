"""The configuration of the moment: changed in one process, the same in all, and never what does not hold together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from configuration import current
from configuration.current import Configuration, opened_configuration
from configuration.policies import workstream_policy
from configuration.problems import Unfit
from runtime.bus import Announcement, LocalBus
from runtime.instances import Instance
from runtime.problems import StartupProblem
from store import configuration as store
from store.configuration import Change
from store.database import Database
from store.migrate import migrate
from tests.workflows.engine import eventually

WORKSTREAMS: dict[str, Any] = {"w": {"mode": "live", "queue": "q"}}
FILE: dict[str, Any] = {
    "hours": {"h": {"time_zone": "UTC"}},
    "queues": {"q": {"hours": "h"}},
    "workstreams": WORKSTREAMS,
    "agents": {"a1": {"name": "Ann"}},
}


def file(**other: Any) -> dict[str, Instance]:
    return {"i": Instance.model_validate(FILE | other), "j": Instance.model_validate(FILE)}


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    db = Database.open(f"sqlite:///{tmp_path / 'store.db'}")
    await migrate(db)
    yield db
    await db.close()


@pytest.fixture
def here(db: Database) -> Configuration:
    return Configuration(file(), db, LocalBus())


@pytest.fixture
def there(db: Database) -> Configuration:
    """Another process: they share the store, and nothing else."""
    return Configuration(file(), db, LocalBus())


async def started_again(db: Database, **other: Any) -> Configuration:
    """A process that starts on another file."""
    again = Configuration(file(**other), db, LocalBus())
    await again.refresh()
    return again


async def test_a_change_counts_here_at_once_and_there_when_it_is_read(
    here: Configuration, there: Configuration
) -> None:
    await here.change("i", "agents", "a2", {"name": "Bob"}, by="key")
    assert here.instances["i"].agents["a2"].name == "Bob"
    assert "a2" not in there.instances["i"].agents
    await there.refresh()
    assert there.instances == here.instances
    assert there.instances["j"] == file()["j"]
    [(change, reason)] = there.changes("i")
    what = (change.kind, change.name, change.value, change.changed_by, reason)
    assert what == ("agents", "a2", {"name": "Bob"}, "key", None)


async def test_what_is_kept_is_what_comes_out(here: Configuration) -> None:
    await here.change("i", "workstreams", "w", WORKSTREAMS["w"] | {"open_age": 3600, "duration": None}, by="key")
    assert here.changes("i")[0][0].value == WORKSTREAMS["w"] | {"open_age": "PT1H"}


async def test_what_is_kept_means_the_same_when_it_is_read_again(here: Configuration, db: Database) -> None:
    await here.change("i", "workstreams", "w", WORKSTREAMS["w"] | {"missed_offers": "never"}, by="key")
    for process in (here, await started_again(db)):
        instance = process.instances["i"]
        assert workstream_policy(instance, instance.workstreams["w"], None).missed_offers is None


async def test_a_deletion_is_kept_and_wins_over_the_file(here: Configuration, db: Database) -> None:
    await here.change("i", "agents", "a1", None, by="key")
    assert here.instances["i"].agents == {}
    assert (await started_again(db)).instances["i"].agents == {}


async def test_what_was_made_at_run_time_and_is_deleted_leaves_nothing(here: Configuration) -> None:
    await here.change("i", "agents", "a2", {"name": "Bob"}, by="key")
    await here.change("i", "agents", "a2", None, by="key")
    assert (here.instances, here.changes("i"), here.revision("i")) == (file(), [], 2)


async def test_after_a_reset_the_file_counts_again(here: Configuration, db: Database) -> None:
    await here.change("i", "agents", "a1", {"name": "Other"}, by="key")
    await here.change("i", "queues", "q", None, by="key")
    await here.reset("i", "agents", "a1")
    await here.reset("i", "queues", "q")
    await here.reset("i", "queues", "never changed")
    assert (here.instances, here.changes("i"), here.revision("i")) == (file(), [], 4)
    await here.change("i", "agents", "a1", {"name": "Other"}, by="key")
    again = await started_again(db, agents={"a1": {"name": "Newer file"}})
    assert again.instances["i"].agents["a1"].name == "Other"
    await again.reset("i", "agents", "a1")
    assert again.instances["i"].agents["a1"].name == "Newer file"


@pytest.mark.parametrize(
    ("kind", "name", "value", "mistake"),
    [
        ("queues", "q", {"hours": "none"}, "queues: q.hours: there are no hours 'none'"),
        ("hours", "h", None, "queues: q.hours: there are no hours 'h'"),
        ("workstreams", "w", None, "workstreams: "),
        ("workstreams", "w", WORKSTREAMS["w"] | {"texts": {"ended": "{Me}"}}, "workstreams.w.texts.ended: "),
    ],
)
async def test_what_does_not_hold_together_is_refused(
    here: Configuration, kind: str, name: str, value: dict[str, Any] | None, mistake: str
) -> None:
    with pytest.raises(Unfit) as problem:
        await here.change("i", kind, name, value, by="key")
    assert str(problem.value).startswith(mistake)
    await here.refresh()
    assert (here.instances, here.revision("i")) == (file(), 0)


async def test_nothing_may_make_anothers_change_unfit(here: Configuration) -> None:
    await here.change("i", "hours", "new", {"time_zone": "UTC"}, by="key")
    await here.change("i", "queues", "q", {"hours": "new"}, by="key")
    await here.change("i", "hours", "new", {"time_zone": "Europe/Vienna"}, by="key")
    for attempt in (here.change("i", "hours", "new", None, by="key"), here.reset("i", "hours", "new")):
        with pytest.raises(Unfit, match=r"queues: q\.hours: there are no hours 'new'"):
            await attempt
    with pytest.raises(Unfit, match=r"^hours\.new\.time_zone: "):
        await here.change("i", "hours", "new", {"time_zone": "Atlantis"}, by="key")
    await here.change("i", "hours", "h", None, by="key")
    with pytest.raises(Unfit, match=r"there are no hours 'h'"):
        await here.reset("i", "queues", "q")
    assert here.instances["i"].hours.keys() == {"new"}


async def test_what_two_do_at_once_is_done_one_after_the_other(here: Configuration, there: Configuration) -> None:
    """Each would be right without the other; neither is lost."""
    for number in range(5):
        await asyncio.gather(
            here.change("i", "agents", f"here-{number}", {"name": "H"}, by="key"),
            there.change("i", "agents", f"there-{number}", {"name": "T"}, by="key"),
        )
    await here.refresh()
    assert len(here.instances["i"].agents) == 11
    await here.change("i", "hours", "new", {"time_zone": "UTC"}, by="key")
    done = await asyncio.gather(
        here.change("i", "hours", "new", None, by="key"),
        there.change("i", "queues", "p", {"hours": "new"}, by="key"),
        return_exceptions=True,
    )
    (refused,) = (outcome for outcome in done if isinstance(outcome, BaseException))  # whichever of them came later
    assert isinstance(refused, Unfit)
    assert str(refused).startswith("queues")


async def test_a_file_that_a_change_does_not_fit_any_more(
    here: Configuration, db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await here.change("i", "queues", "p", {"hours": "h"}, by="key")
    await here.change("i", "agents", "a2", {"name": "Bob"}, by="key")
    with caplog.at_level(logging.WARNING):
        again = await started_again(db, hours={}, queues={})
    assert [record.getMessage() for record in caplog.records] == [
        "instances.i.queues.p: was changed at run time, which does not fit and does not count: "
        "queues: p.hours: there are no hours 'h'"
    ]
    assert (again.instances["i"].queues, again.instances["i"].agents["a2"].name) == ({}, "Bob")
    assert [(change.name, reason is not None) for change, reason in again.changes("i")] == [("p", True), ("a2", False)]
    # other things can be changed meanwhile; it is not mentioned anew, and counts again once it fits
    await again.change("i", "agents", "a3", {"name": "Cyd"}, by="key")
    assert len(caplog.records) == 1
    await again.change("i", "hours", "h", {"time_zone": "UTC"}, by="key")
    assert again.instances["i"].queues["p"].hours == "h"
    assert all(reason is None for _, reason in again.changes("i"))


async def test_a_change_of_a_kind_that_a_later_version_knows(here: Configuration, db: Database) -> None:
    await store.keep(db, "i", Change("colours", "red", {}, 1, datetime.now(UTC), "key"))
    await here.refresh()
    assert here.instances == file()


async def test_a_wrong_file_keeps_it_from_starting(db: Database) -> None:
    wrong = {"w": WORKSTREAMS["w"] | {"texts": {"ended": "Bye {Nobody}"}}}
    with pytest.raises(StartupProblem, match=r"^instances\.i\.workstreams\.w\.texts\.ended: there is no \{Nobody\}"):
        Configuration(file(workstreams=wrong), db, LocalBus())


async def test_a_process_keeps_up_by_announcements(
    here: Configuration, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(current, "LOOK_SECONDS", 60)
    bus = LocalBus()
    async with opened_configuration(file(), db, bus) as there:
        await here.change("i", "agents", "a2", {"name": "Bob"}, by="key")
        await asyncio.sleep(0.1)
        assert "a2" not in there.instances["i"].agents
        await bus.announce(Announcement("another conversation"))
        await bus.announce(Announcement(current.CHANGED))
        await eventually(lambda: knows(there, "a2"), "it has read it", seconds=5)


@pytest.mark.parametrize("steps", range(6))
async def test_a_process_stops_while_a_change_is_announced(db: Database, steps: int) -> None:
    """At any step of reading the change."""
    bus = LocalBus()
    configuration = Configuration(file(), db, bus)
    await configuration.start()
    keeping_up = next(task for task in asyncio.all_tasks() if task.get_name() == "read configuration changes")
    await asyncio.sleep(0)
    await bus.announce(Announcement(current.CHANGED))
    for _ in range(steps):
        await asyncio.sleep(0)
    stopping = asyncio.create_task(configuration.stop())
    done, _ = await asyncio.wait([stopping], timeout=5)
    assert done == {stopping}
    assert keeping_up.cancelled()


async def test_a_process_keeps_up_without_announcements(
    here: Configuration, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(current, "LOOK_SECONDS", 0.05)
    async with opened_configuration(file(), db, LocalBus()) as there:
        await here.change("i", "agents", "a2", {"name": "Bob"}, by="key")
        await eventually(lambda: knows(there, "a2"), "it has read it", seconds=5)


async def test_a_change_is_announced(db: Database) -> None:
    bus, heard = LocalBus(), list[Announcement]()
    bus.listen(heard.append)
    here = Configuration(file(), db, bus)
    await here.change("i", "agents", "a2", {"name": "Bob"}, by="key")
    await here.reset("i", "agents", "a2")
    await here.reset("i", "agents", "a2")
    assert heard == [Announcement(current.CHANGED)] * 2


async def test_a_store_that_cannot_be_read_changes_nothing(
    here: Configuration, db: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(current, "LOOK_SECONDS", 0.05)

    async def fails(_: Database) -> dict[str, int]:
        raise OSError("no store")

    async with opened_configuration(file(), db, LocalBus()) as there:
        with monkeypatch.context() as broken:
            broken.setattr(store, "revisions", fails)
            await eventually(lambda: found(bool(caplog.records)), "it has failed", seconds=5)
            assert there.instances == file()
        await here.change("i", "agents", "a2", {"name": "Bob"}, by="key")
        await eventually(lambda: knows(there, "a2"), "it has read it", seconds=5)


async def test_what_cannot_all_be_read_is_not_read_by_halves(
    here: Configuration, there: Configuration, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for instance in ("i", "j"):
        await there.change(instance, "agents", "a2", {"name": "Bob"}, by="key")
    read = store.changes

    async def fails(db: Database, instance: str) -> tuple[int, list[Change]]:
        if instance == "j":
            raise OSError("no store")
        return await read(db, instance)

    with monkeypatch.context() as broken:
        broken.setattr(store, "changes", fails)
        with pytest.raises(OSError, match="no store"):
            await here.refresh()
    assert (here.instances, here.revision("i"), here.changes("i")) == (file(), 0, [])
    await here.refresh()
    assert here.instances == there.instances


async def knows(configuration: Configuration, agent: str) -> bool | None:
    return await found(agent in configuration.instances["i"].agents)


async def found(it: bool) -> bool | None:
    return True if it else None
