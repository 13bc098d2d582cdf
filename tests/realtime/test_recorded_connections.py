"""Connections on record: the store knows that a participant is there, whatever waits, and the client hears it afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from api.errors import Unavailable
from realtime import connections as tracking
from store import connections
from store.database import Database
from tests.realtime.trackers import (
    LONG,
    SHORT,
    Observer,
    Open,
    observer,
    open,
    open_connections,
    wait_for_connection,
    wait_for_open_connections,
)
from tests.store.conftest import db, url

__all__ = ["db", "observer", "open", "url"]


@asynccontextmanager
async def blocked(db: Database, participant: str) -> AsyncGenerator[None]:
    """Nobody else writes about the participant during the block."""
    async with db.write() as other:
        await db.take_advisory_lock(other, participant)
        yield


async def test_client_waits_until_its_connection_is_on_record(db: Database, open: Open) -> None:
    process = await open()
    async with blocked(db, "ann"):
        process.opened("ann", "c")
        waiting = asyncio.create_task(process.until_recorded("ann", "c"))
        done, _ = await asyncio.wait((waiting,), timeout=0.2)
        assert not done
    await waiting
    assert len(await open_connections(db)) == 1


async def test_second_socket_of_a_participant_does_not_wait(db: Database, open: Open) -> None:
    process = await open()
    process.opened("ann", "c")
    await process.until_recorded("ann", "c")
    async with blocked(db, "ann"):
        process.opened("ann", "c")
        async with asyncio.timeout(tracking.RECORD_SECONDS / 2):
            await process.until_recorded("ann", "c")


async def test_client_waits_no_longer_than_the_limit(db: Database, open: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "RECORD_SECONDS", 0.05)
    process = await open()
    async with blocked(db, "ann"):
        process.opened("ann", "c")
        async with asyncio.timeout(10):
            await process.until_recorded("ann", "c")
        assert await open_connections(db) == []


async def test_store_knows_a_return_while_the_report_of_the_loss_waits(
    db: Database, observer: Observer, open: Open
) -> None:
    process = await open()
    process.opened("ann", "c")
    await wait_for_connection(db)
    observer.fault = Unavailable("the engine is away")
    process.closed("ann", "c")
    await observer.wait_for_failure()
    process.opened("ann", "c")
    await wait_for_open_connections(db)
    observer.fault = None
    await observer.wait_for_reports("connected", "disconnected", "connected")


async def test_store_knows_a_return_while_many_losses_wait_to_be_written(
    db: Database, open: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = await open()
    leaving = [f"customer {number}" for number in range(2 * tracking.WRITES_AT_ONCE)]
    for customer in leaving:
        process.opened(customer, "c")
    await wait_for_open_connections(db, len(leaving))
    writing, may_write = asyncio.Semaphore(0), asyncio.Event()
    mark_connection_lost = connections.mark_connection_lost

    async def mark_slowly(*args: Any, **options: Any) -> bool:
        writing.release()
        await may_write.wait()
        return await mark_connection_lost(*args, **options)

    monkeypatch.setattr(connections, "mark_connection_lost", mark_slowly)
    for customer in leaving:
        process.closed(customer, "c")
    async with asyncio.timeout(10):
        for _ in range(tracking.WRITES_AT_ONCE):
            await writing.acquire()
    process.opened("ann", "another chat")
    await wait_for_open_connections(db, len(leaving) + 1)
    may_write.set()


async def test_process_taken_for_dead_restores_its_connection_while_a_report_waits(
    db: Database, observer: Observer, open: Open
) -> None:
    observer.fault = Unavailable("the engine is away")
    process = await open(lease=SHORT)
    process.opened("ann", "c")
    await observer.wait_for_failure()
    [connection] = await connections.connections_of_dead_processes(db, datetime.now(UTC) + LONG)
    at = datetime.now(UTC)
    await connections.mark_connection_lost(db, "ann", connection.process_id, at)
    await connections.remove_disconnected(db, "ann", at)
    await wait_for_open_connections(db)
    observer.fault = None
    await wait_for_connection(db)
