"""Announcements between processes: that a conversation's transcript has grown, and events that nobody keeps (typing).

In one process they go from hand to hand; between processes over PostgreSQL's LISTEN/NOTIFY. Announcements may be lost:
whoever listens also looks at the store from time to time.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple, Protocol

import asyncpg
from sqlalchemy.engine import make_url

logger = logging.getLogger(__name__)

CHANNEL = "perennial"
RECONNECT_SECONDS = 1.0
MOST_BYTES = 7_999
"""Longest payload of a NOTIFY that PostgreSQL takes, as it is built."""


class Announcement(NamedTuple):
    """News of one conversation; with a `frame` it is an event that is not kept, for its present sockets or for one's."""

    conversation_id: str
    frame: dict[str, Any] | None = None
    only_to: str | None = None


BOARD = "board"
"""What is announced of the board, in the place of a conversation's id; those are UUIDs."""


def board_has_changed(instance: str, queue: str, agent: str | None = None) -> Announcement:
    """That something waits in a queue, or that an agent may have become free."""
    return Announcement(BOARD, {"instance": instance, "queue": queue, "agent": agent})


DESKS = "desks"
"""What is announced of agents' desks, likewise. All that is announced of the board is news for them, too."""

DESKS_HAVE_NEWS = Announcement(DESKS)
"""That agents have been told something that changes nothing in what waits: who dispatches need not look again."""


Listener = Callable[[Announcement], None]


class Bus(Protocol):
    """Where news goes in and comes out."""

    async def announce(self, news: Announcement) -> None:
        """Tells everybody who listens, in any process."""
        ...

    def listen(self, listener: Listener) -> None:
        """Calls `listener`, which must not block, for everything announced from now on."""
        ...

    async def start(self) -> None:
        """Begins to receive."""
        ...

    async def stop(self) -> None:
        """Ends receiving."""
        ...


class LocalBus:
    """A bus within one process."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    async def announce(self, news: Announcement) -> None:
        """Tells the listeners of this process at once."""
        for listener in self._listeners:
            listener(news)

    def listen(self, listener: Listener) -> None:
        """See `Bus`."""
        self._listeners.append(listener)

    async def start(self) -> None:
        """Nothing to begin."""

    async def stop(self) -> None:
        """Nothing to end."""


class PostgresBus:
    """A bus between processes that share a PostgreSQL store. Holds one connection of its own and renews it when lost."""

    def __init__(self, url: str) -> None:
        self._dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._listeners: list[Listener] = []
        self._outbox: asyncio.Queue[Announcement] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def announce(self, news: Announcement) -> None:
        """Queues the announcement; it leaves in order, over the bus's own connection."""
        self._outbox.put_nowait(news)

    def listen(self, listener: Listener) -> None:
        """See `Bus`."""
        self._listeners.append(listener)

    async def start(self) -> None:
        """Begins to connect; returns without waiting for it."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Drops the connection."""
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            try:
                connection = await asyncpg.connect(self._dsn)
                try:
                    await connection.add_listener(CHANNEL, self._receive)
                    while True:
                        news = await self._outbox.get()
                        await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, _payload(news))
                finally:
                    await connection.close(timeout=1)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
                logger.warning("the bus lost PostgreSQL, connecting again: %s", error)
                await asyncio.sleep(RECONNECT_SECONDS)

    def _receive(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        for listener in self._listeners:
            listener(Announcement(*json.loads(str(payload))))


def _payload(news: Announcement) -> str:
    """The announcement as it travels. One that is too long for that goes without its frame, which then is lost."""
    # in UTF-8, where escapes would take up to three times as much; half a surrogate pair has no place in it
    payload = json.dumps(news, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
    if len(payload) <= MOST_BYTES or news.frame is None:
        return payload.decode()
    frame = f"{news.frame.get('Type')} {news.frame.get('ContentType')} {news.frame.get('Id')}"
    logger.warning("%s: too long to announce, nobody gets it: %s", news.conversation_id, frame)
    return _payload(Announcement(news.conversation_id))


@asynccontextmanager
async def opened_bus(store_url: str) -> AsyncGenerator[Bus, None]:
    """The bus that suits a store, while the block lasts."""
    bus = PostgresBus(store_url) if store_url.startswith("postgres") else LocalBus()
    await bus.start()
    try:
        yield bus
    finally:
        await bus.stop()
