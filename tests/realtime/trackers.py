"""Processes that track connections, with one store and one observer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from realtime import connections as tracking
from realtime.connections import ConnectionTracker
from store import schema
from store.database import Database
from tests.store.conftest import db, url
from tests.workflows.engine import eventually

__all__ = ["db", "url"]

BLINK = timedelta(milliseconds=1)
SHORT = timedelta(milliseconds=150)
LONG = timedelta(hours=1)
"""A process with this lease runs no check during a test."""

Open = Callable[..., Awaitable[ConnectionTracker]]


class Observer:
    """Notes the reports, unless it has a fault."""

    def __init__(self) -> None:
        self.reports: list[str] = []
        self.lost_at: list[datetime] = []
        self.silent_since: list[datetime | None] = []
        self.fault: Exception | None = None
        self.has_failed = asyncio.Event()

    async def connected(self, conversation_id: str, participant_id: str, at: datetime) -> None:
        self._note("connected")

    async def disconnected(
        self, conversation_id: str, participant_id: str, at: datetime, since: datetime | None = None
    ) -> None:
        self._note("disconnected")
        self.lost_at.append(at)
        self.silent_since.append(since)

    def _note(self, report: str) -> None:
        if self.fault:
            self.has_failed.set()
            raise self.fault
        self.reports.append(report)

    async def wait_for_reports(self, *reports: str) -> None:
        """Wait for as many reports, and assert that they are these."""

        async def enough() -> bool | None:
            return len(self.reports) >= len(reports) or None

        await eventually(enough, f"{reports} are reported")
        assert self.reports == [*reports]

    async def wait_for_failure(self) -> None:
        """Wait for a report that fails."""
        async with asyncio.timeout(10):
            await self.has_failed.wait()


@pytest.fixture
def observer() -> Observer:
    return Observer()


@pytest.fixture
async def open(db: Database, observer: Observer, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Open]:
    """Start processes with the same observer."""
    monkeypatch.setattr(tracking, "RETRY_SECONDS", 0.01)
    running: list[ConnectionTracker] = []

    async def start(*, lease: timedelta = LONG) -> ConnectionTracker:
        running.append(ConnectionTracker(db, observer, debounce=BLINK, lease=lease))
        await running[-1].start()
        return running[-1]

    yield start
    for process in running:
        await process.stop()


async def wait_for_connection(db: Database, processes: int = 1) -> str:
    """Wait until this many processes have a reported connection. Return one of them."""
    columns = schema.connections.c
    query = select(columns.process_id).where(columns.disconnected_at.is_(None), columns.connect_reported)

    async def enough() -> str | None:
        async with db.read() as connection:
            found = (await connection.execute(query)).scalars().all()
        return found[0] if len(found) == processes else None

    return await eventually(enough, f"there are connections to {processes} processes")


async def leases(db: Database) -> dict[str, datetime]:
    async with db.read() as connection:
        rows = await connection.execute(select(schema.processes.c.id, schema.processes.c.lease_until))
        return {row[0]: row[1] for row in rows}


async def open_connections(db: Database) -> list[str]:
    query = select(schema.connections.c.participant_id).where(schema.connections.c.disconnected_at.is_(None))
    return [id for (id,) in await db.rows(query)]


async def wait_for_open_connections(db: Database, count: int = 1) -> None:
    async def are_open() -> bool | None:
        return len(await open_connections(db)) >= count or None

    await eventually(are_open, f"the store has {count} connections")
