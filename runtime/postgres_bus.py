"""A bus between processes that share a PostgreSQL store, over LISTEN and NOTIFY."""

from __future__ import annotations

import asyncio
import logging

import asyncpg
from sqlalchemy.engine import make_url

from runtime.bus import Announcement, Listener, decoded, encoded

logger = logging.getLogger(__name__)

CHANNEL = "perennial"
RECONNECT_SECONDS = 1.0
MAX_PAYLOAD_BYTES = 7_999
"""The longest payload that PostgreSQL accepts in a NOTIFY (UTF-8 bytes), unless it is built with another limit."""

MAX_BATCH = 100
"""Announcements that one statement sends at most."""

# a NOTIFY is a transaction: with this setting it does not wait for the disk
_SERVER_SETTINGS = {"synchronous_commit": "off"}


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
        """Queue an announcement. What waits is sent in order, in few statements, over the bus's own connection.

        PostgreSQL delivers equal announcements of one statement once.
        """
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
                connection = await asyncpg.connect(self._dsn, server_settings=_SERVER_SETTINGS)
                try:
                    await connection.add_listener(CHANNEL, self._receive)
                    while True:
                        payloads = [_payload(announcement) for announcement in await self._next_batch()]
                        await connection.execute(
                            "SELECT pg_notify($1, payload) FROM unnest($2::text[]) WITH ORDINALITY AS batch (payload, number)"
                            " ORDER BY number",
                            CHANNEL,
                            payloads,
                        )
                finally:
                    await connection.close(timeout=1)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
                logger.warning("the bus lost its connection to PostgreSQL, connecting again: %s", error)
                await asyncio.sleep(RECONNECT_SECONDS)

    async def _next_batch(self) -> list[Announcement]:
        """Wait for an announcement. Return it with those that wait behind it."""
        batch = [await self._outbox.get()]
        while len(batch) < MAX_BATCH and not self._outbox.empty():
            batch.append(self._outbox.get_nowait())
        return batch

    def _receive(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        announcement = decoded(str(payload))
        for listener in self._listeners:
            listener(announcement)


def _payload(announcement: Announcement) -> str:
    """The text of a NOTIFY. If it is too long, the items are left out, because listeners can read them; a frame is lost."""
    payload = encoded(announcement)
    if len(payload) <= MAX_PAYLOAD_BYTES:
        return payload.decode()
    if announcement.frame:
        frame = (
            f"{announcement.frame.get('Type')} {announcement.frame.get('ContentType')} {announcement.frame.get('Id')}"
        )
        logger.warning("%s: too long to announce, not delivered: %s", announcement.conversation_id, frame)
    return _payload(Announcement(announcement.conversation_id, record_changed=announcement.record_changed))
