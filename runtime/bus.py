"""Announcements between processes: a transcript has grown, routing has changed, or an event that is not stored (typing).

Within one process they are function calls; between processes they travel over PostgreSQL's LISTEN/NOTIFY. An announcement may be
lost: every listener also polls the store.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, Protocol

import asyncpg
from sqlalchemy.engine import make_url

from domain.transcript import TranscriptItem
from runtime.periodic import run_in_background

logger = logging.getLogger(__name__)

CHANNEL = "perennial"
RECONNECT_SECONDS = 1.0
MAX_PAYLOAD_BYTES = 7_999
"""The longest payload that PostgreSQL accepts in a NOTIFY (UTF-8 bytes), unless it is built with another limit."""


class Announcement(NamedTuple):
    """One announcement of a change.

    Without a frame it says that the transcript has grown, unless only the record has changed.
    """

    conversation_id: str
    """The conversation, or a topic such as `ROUTING`. Conversation ids are UUIDs, so no topic is a conversation id."""
    frame: dict[str, Any] | None = None
    """An event that is not stored, for the open sockets; or the details of a topic."""
    only_to: str | None = None
    """The participant who gets the event. None: all participants."""
    items: tuple[TranscriptItem, ...] = ()
    """The stored items with which the transcript has grown, in order. Empty: read the store."""
    record_changed: bool = False
    """Whether the record of the conversation has changed: its state, contacts, participants or attributes."""

    @property
    def transcript_has_grown(self) -> bool:
        """Whether the transcript has new items."""
        return self.frame is None and (bool(self.items) or not self.record_changed)


ROUTING = "routing"
"""The topic of changes in routing."""


def routing_has_changed(instance: str, queue: str, agent: str | None = None) -> Announcement:
    """The announcement that a conversation waits in a queue, or that an agent may have free capacity."""
    return Announcement(ROUTING, {"instance": instance, "queue": queue, "agent": agent})


AGENT_EVENTS = "agent_events"
"""The topic of agent events. An announcement with the topic `ROUTING` can mean agent events, too."""

AGENT_EVENTS_WRITTEN = Announcement(AGENT_EVENTS)
"""The announcement of agent events without a change that concerns the dispatcher."""


Listener = Callable[[Announcement], None]


class Bus(Protocol):
    """Carries announcements to the listeners in all processes, at most once each, and in order per sender."""

    async def announce(self, announcement: Announcement) -> None:
        """Send an announcement to every listener, including those in this process."""
        ...

    def subscribe(self, listener: Listener) -> None:
        """Call `listener` with every later announcement. It must not block."""
        ...

    async def start(self) -> None:
        """Begin to send and receive."""
        ...

    async def stop(self) -> None:
        """End sending and receiving."""
        ...


class LocalBus:
    """A bus within one process."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    async def announce(self, announcement: Announcement) -> None:
        """Call the listeners before returning."""
        for listener in self._listeners:
            listener(announcement)

    def subscribe(self, listener: Listener) -> None:
        """See `Bus`."""
        self._listeners.append(listener)

    async def start(self) -> None:
        """Do nothing: listeners get announcements without it."""

    async def stop(self) -> None:
        """Do nothing: no task or connection is open."""


class PostgresBus:
    """A bus between processes that share a PostgreSQL store. It has one connection of its own and renews it when it is lost.

    It is not a periodic task, because it keeps one connection open instead of repeating a task.
    """

    def __init__(self, url: str) -> None:
        self._dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._listeners: list[Listener] = []
        self._outbox: asyncio.Queue[Announcement] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def announce(self, announcement: Announcement) -> None:
        """Queue an announcement. It is sent in order over the bus's own connection."""
        self._outbox.put_nowait(announcement)

    def subscribe(self, listener: Listener) -> None:
        """See `Bus`."""
        self._listeners.append(listener)

    async def start(self) -> None:
        """Begin to connect. Does not wait for the connection."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Close the connection."""
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            try:
                connection = await asyncpg.connect(self._dsn)
                try:
                    await connection.add_listener(CHANNEL, self._receive)
                    while True:
                        announcement = await self._outbox.get()
                        await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, _payload(announcement))
                finally:
                    await connection.close(timeout=1)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
                logger.warning("the bus lost its connection to PostgreSQL, connecting again: %s", error)
                await asyncio.sleep(RECONNECT_SECONDS)

    def _receive(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        announcement = _announcement(str(payload))
        for listener in self._listeners:
            listener(announcement)


def _payload(announcement: Announcement) -> str:
    """The text of a NOTIFY. If it is too long, the items are left out, because listeners can read them; a frame is lost."""
    values = announcement._replace(items=tuple(item.model_dump(mode="json") for item in announcement.items))
    # UTF-8, because escapes would be up to three times as long; lone surrogates cannot be encoded and become "?"
    payload = json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
    if len(payload) <= MAX_PAYLOAD_BYTES:
        return payload.decode()
    if announcement.frame:
        frame = (
            f"{announcement.frame.get('Type')} {announcement.frame.get('ContentType')} {announcement.frame.get('Id')}"
        )
        logger.warning("%s: too long to announce, not delivered: %s", announcement.conversation_id, frame)
    return _payload(Announcement(announcement.conversation_id, record_changed=announcement.record_changed))


def _announcement(payload: str) -> Announcement:
    conversation_id, frame, only_to, items, record_changed = json.loads(payload)
    stored = tuple(TranscriptItem.model_validate(item) for item in items)
    return Announcement(conversation_id, frame, only_to, stored, record_changed)


@asynccontextmanager
async def opened_bus(store_url: str) -> AsyncGenerator[Bus, None]:
    """Start the bus for a store, and stop it at the end of the block: PostgreSQL's, or a local one for SQLite."""
    bus = PostgresBus(store_url) if store_url.startswith("postgres") else LocalBus()
    async with run_in_background(bus):
        yield bus
