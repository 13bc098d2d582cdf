"""What conversations are told of who comes and is lost, whatever happens to the store, the engine and other processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from api.live import presence as attendance
from api.live.presence import Attendance
from domain.errors import Unavailable
from store import presence, schema
from store.database import Database
from tests.store.conftest import db, fresh, migrated, url
from tests.workflows.engine import eventually

__all__ = ["db", "fresh", "migrated", "url"]

BLINK = timedelta(milliseconds=1)
SHORT = timedelta(milliseconds=150)
LONG = timedelta(hours=1)
"""A process with this lease looks at nothing while a test runs."""

Open = Callable[..., Awaitable[Attendance]]


class Ear:
    """Hears what is told, unless it is away."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.lost_at: list[datetime] = []
        self.fault: Exception | None = None
        self.missed = asyncio.Event()

    async def connected(self, conversation_id: str, participant_id: str, at: datetime) -> None:
        self._hear("connected")

    async def disconnected(self, conversation_id: str, participant_id: str, at: datetime) -> None:
        self._hear("disconnected")
        self.lost_at.append(at)

    def _hear(self, what: str) -> None:
        if self.fault:
            self.missed.set()
            raise self.fault
        self.heard.append(what)

    async def hears(self, *what: str) -> None:
        """It has heard this, and nothing else."""

        async def so_many() -> bool | None:
            return len(self.heard) >= len(what) or None

        await eventually(so_many, f"{what} is told")
        assert self.heard == [*what]

    async def misses_something(self) -> None:
        """Somebody has tried to tell it something."""
        async with asyncio.timeout(10):
            await self.missed.wait()


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
async def open(db: Database, ear: Ear, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Open]:
    """Starts processes that all tell the same."""
    monkeypatch.setattr(attendance, "RETRY_SECONDS", 0.01)
    running: list[Attendance] = []

    async def start(*, lease: timedelta = LONG) -> Attendance:
        running.append(Attendance(db, ear, debounce=BLINK, lease=lease))
        await running[-1].start()
        return running[-1]

    yield start
    for process in running:
        await process.stop()


async def connected(db: Database, processes: int = 1) -> str:
    """One of the processes to which somebody is connected, once there are so many and their conversation knows it."""
    columns = schema.connections.c
    query = select(columns.process_id).where(columns.departed_at.is_(None), columns.told)

    async def so_many() -> str | None:
        async with db.read() as connection:
            found = (await connection.execute(query)).scalars().all()
        return found[0] if len(found) == processes else None

    return await eventually(so_many, f"there are connections to {processes} processes")


async def leases(db: Database) -> dict[str, datetime]:
    async with db.read() as connection:
        rows = await connection.execute(select(schema.processes.c.id, schema.processes.c.lease_until))
        return {row[0]: row[1] for row in rows}


async def test_who_comes_and_goes_is_told_once(db: Database, ear: Ear, open: Open) -> None:
    one, two = await open(), await open()
    await one.arrived("ann", "c")
    await connected(db)
    for process in (one, two):
        await process.arrived("ann", "c")
    await connected(db, processes=2)
    one.left("ann", "c")
    one.left("ann", "c")
    await connected(db)
    two.left("ann", "c")
    await ear.hears("connected", "disconnected")


async def test_who_was_declared_lost_while_their_socket_was_up_is_back(db: Database, ear: Ear, open: Open) -> None:
    process = await open(lease=SHORT)
    await process.arrived("ann", "c")
    await presence.depart(db, "ann", await connected(db), datetime.now(UTC))
    await ear.hears("connected", "connected")
    await connected(db)
    process.left("ann", "c")
    await ear.hears("connected", "connected", "disconnected")


async def test_a_process_keeps_its_lease_while_nobody_can_be_told(db: Database, ear: Ear, open: Open) -> None:
    ear.fault = Unavailable("the engine is away")
    await presence.arrive(db, "ann", "c", "dead")
    await open(lease=SHORT)
    await ear.misses_something()
    before = await leases(db)

    async def renewed() -> bool | None:
        return all(until > before[process] + 2 * SHORT for process, until in (await leases(db)).items()) or None

    await eventually(renewed, "the lease is renewed")
    ear.fault = None
    await ear.hears("disconnected")


async def test_who_lost_the_lease_lets_others_renew_theirs_before_they_are_taken_for_dead(
    db: Database, open: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    renew, orphans = presence.renew_lease, presence.orphans
    done: list[str] = []
    is_away, refused = False, asyncio.Event()

    async def unless_away(*args: Any) -> None:
        if is_away:
            refused.set()
            raise OSError("the store is away")
        await renew(*args)
        done.append("renewed")

    async def looked(*args: Any) -> list[presence.Connection]:
        done.append("looked")
        return await orphans(*args)

    async def has_lapsed() -> bool | None:
        return max((await leases(db)).values()) < datetime.now(UTC) or None

    async def has_looked() -> bool | None:
        return "looked" in done or None

    monkeypatch.setattr(presence, "renew_lease", unless_away)
    monkeypatch.setattr(presence, "orphans", looked)
    await open(lease=SHORT)
    is_away = True
    async with asyncio.timeout(10):
        await refused.wait()
    await eventually(has_lapsed, "the lease has run out")
    done.clear()
    is_away = False
    await eventually(has_looked, "it looks for the dead")
    assert done[:2] == ["renewed", "renewed"]


async def test_who_is_back_while_their_departure_is_noted_is_there(
    db: Database, ear: Ear, open: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = await open()
    await process.arrived("ann", "c")
    await connected(db)
    writing, may_write = asyncio.Event(), asyncio.Event()
    depart = presence.depart

    async def slowly(*args: Any, **options: Any) -> bool:
        writing.set()
        await may_write.wait()
        return await depart(*args, **options)

    monkeypatch.setattr(presence, "depart", slowly)
    process.left("ann", "c")
    async with asyncio.timeout(10):
        await writing.wait()
    await process.arrived("ann", "c")
    may_write.set()
    await ear.hears("connected", "disconnected", "connected")
    await connected(db)


async def test_who_is_back_before_their_departure_is_noted_never_left(db: Database, ear: Ear, open: Open) -> None:
    ear.fault = Unavailable("the engine is away")
    process = await open()
    await process.arrived("ann", "c")
    await ear.misses_something()
    process.left("ann", "c")
    await process.arrived("ann", "c")
    ear.fault = None
    await connected(db)
    last = datetime.now(UTC)
    process.left("ann", "c")
    await ear.hears("connected", "disconnected")
    assert ear.lost_at[0] >= last


async def test_a_departure_that_cannot_be_noted_is_told_later(
    db: Database, ear: Ear, open: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = await open(lease=SHORT)
    await process.arrived("ann", "c")
    await connected(db)
    depart, faults = presence.depart, [OSError("the store is away")]

    async def at_the_second_attempt(*args: Any, **options: Any) -> bool:
        if faults:
            raise faults.pop()
        return await depart(*args, **options)

    monkeypatch.setattr(presence, "depart", at_the_second_attempt)
    process.left("ann", "c")
    lost = datetime.now(UTC)
    await ear.hears("connected", "disconnected")
    assert ear.lost_at[0] <= lost


@pytest.mark.parametrize("fault", [Unavailable("the engine is away"), OSError("the store is away")])
async def test_an_arrival_that_cannot_be_told_is_told_later(
    db: Database, ear: Ear, open: Open, fault: Exception
) -> None:
    ear.fault = fault
    process = await open(lease=SHORT)
    await process.arrived("ann", "c")
    await ear.misses_something()
    ear.fault = None
    await ear.hears("connected")
    await connected(db)


async def test_an_arrival_that_a_process_took_with_it_is_told_by_the_next(db: Database, ear: Ear, open: Open) -> None:
    ear.fault = Unavailable("the engine is away")
    stopping = await open()
    await stopping.arrived("ann", "c")
    await ear.misses_something()
    await stopping.stop()
    ear.fault = None
    process = await open()
    await process.arrived("ann", "c")
    await ear.hears("connected")
    await connected(db)


async def test_a_visit_while_nobody_can_be_told_is_told_in_its_order(db: Database, ear: Ear, open: Open) -> None:
    ear.fault = Unavailable("the engine is away")
    process = await open()
    await process.arrived("ann", "c")
    await ear.misses_something()
    process.left("ann", "c")
    ear.fault = None
    await ear.hears("connected", "disconnected")
