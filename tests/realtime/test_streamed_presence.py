"""Customers who count as connected by message streaming: also when streams stop at the same moment."""

from __future__ import annotations

from datetime import UTC, datetime

from realtime.streamed_presence import begin_streamed_presence, end_streamed_presence
from store import connections
from store.connections import is_connected
from store.database import Database
from store.streams import NewStream, start_stream, stop_stream
from tests.realtime.trackers import Observer
from tests.store.sample_records import CUSTOMER, INSTANCE, after, record_chat

SOCKETS = "a process with sockets"


class StoppedBefore(Observer):
    """An observer whose report of a connect comes late: somebody has stopped the stream, and has reported the loss, before it."""

    def __init__(self, db: Database) -> None:
        super().__init__()
        self._db = db

    async def connected(self, conversation_id: str, participant_id: str, at: datetime) -> None:
        await stop_stream(self._db, "c", "s", datetime.now(UTC))
        await end_streamed_presence(self._db, self, "c")
        await super().connected(conversation_id, participant_id, at)


async def begin_stream(db: Database) -> None:
    await record_chat(db, 1)
    await start_stream(db, NewStream("s", "c", INSTANCE, "topic"), after(1))


async def begin(db: Database, observer: Observer) -> None:
    await begin_streamed_presence(db, observer, "c", CUSTOMER.id)


async def test_customer_is_connected_until_the_last_stream_stops(db: Database) -> None:
    observer = Observer()
    await begin_stream(db)
    for _ in range(2):
        await begin(db, observer)
    assert await is_connected(db, CUSTOMER.id)
    await end_streamed_presence(db, observer, "c")
    assert not await is_connected(db, CUSTOMER.id)
    assert observer.reports == ["connected", "disconnected"]


async def test_stream_that_stops_before_the_connection_leaves_nobody_connected(db: Database) -> None:
    observer = Observer()
    await begin_stream(db)
    await stop_stream(db, "c", "s", after(2))
    await end_streamed_presence(db, observer, "c")
    await begin(db, observer)  # its caller has seen the stream
    assert not await is_connected(db, CUSTOMER.id)
    assert observer.reports == ["connected", "disconnected"]


async def test_stream_that_stops_before_the_report_leaves_nobody_connected(db: Database) -> None:
    observer = StoppedBefore(db)
    await begin_stream(db)
    await begin(db, observer)
    assert not await is_connected(db, CUSTOMER.id)
    assert observer.reports == ["disconnected", "connected", "disconnected"]


async def test_customer_with_a_socket_stays_connected(db: Database) -> None:
    observer = StoppedBefore(db)
    await begin_stream(db)
    await connections.add_connection(db, CUSTOMER.id, "c", SOCKETS)
    await begin(db, observer)
    assert await is_connected(db, CUSTOMER.id)
    assert observer.reports == ["connected"]
