"""A bus between processes that share a PostgreSQL store, over LISTEN and NOTIFY."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import asyncpg
from sqlalchemy.engine import make_url

from runtime.bus import ANNOUNCEMENTS_LOST, Announcement, Listener, decoded, encoded
from runtime.outbox import Outbox

logger = logging.getLogger(__name__)

CHANNEL = "perennial"
FIRST_RETRY_SECONDS = 0.05
MAX_RETRY_SECONDS = 3.0
"""The delays before a new connection: the first and the longest. Each is shortened by a random part, up to half of it."""

PING_SECONDS = 5.0
"""A connection that sends nothing for so long is asked for an answer, for it may be dead without a sign."""

ANSWER_SECONDS = 5.0
"""How long the server may take to connect or to answer. Then the connection counts as lost."""

MAX_PAYLOAD_BYTES = 7_999
"""The longest payload that PostgreSQL accepts in a NOTIFY (UTF-8 bytes), unless it is built with another limit."""

MAX_BATCH = 100
"""Announcements that one statement sends at most."""

# a NOTIFY is a transaction: with this setting it does not wait for the disk
_SERVER_SETTINGS = {"synchronous_commit": "off"}

Connect = Callable[..., Awaitable[Any]]


class PostgresBus:
    """A bus between processes that share a PostgreSQL store. It has one connection of its own and renews it when it is lost.

    What others announce while there is no connection is lost. So each new connection has the listeners of this process look into
    the store, and those of all processes when announcements of this one were dropped (`Outbox`).

    It is not a periodic task, because it keeps one connection open instead of repeating a task.
    """

    def __init__(self, url: str, connect: Connect = asyncpg.connect) -> None:
        """Prepare the bus.

        Args:
            url: the address of the store.
            connect: opens a connection, like `asyncpg.connect`.
        """
        self._dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._connect = connect
        self._listeners: list[Listener] = []
        self._outbox = Outbox()
        self._failures = 0
        self._task: asyncio.Task[None] | None = None
        self.is_listening = False
        """See `Bus`. A connection that is lost without a sign counts as listening for up to ten seconds."""

    async def announce(self, announcement: Announcement) -> None:
        """Queue an announcement. What waits is sent in order, in few statements, over the bus's own connection.

        PostgreSQL delivers equal announcements of one statement once.
        """
        self._outbox.put(announcement)

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
                async with asyncio.timeout(ANSWER_SECONDS):
                    connection = await self._connect(self._dsn, server_settings=_SERVER_SETTINGS)
                try:
                    await self._serve(connection)
                finally:
                    self.is_listening = False
                    with suppress(Exception):
                        await connection.close(timeout=1)
            # any error: when a connection is lost as it is used, the driver raises errors of many kinds, its internal one too
            except Exception as error:
                self._failures += 1
                if self._failures == 1:
                    logger.warning("the bus lost its connection to PostgreSQL, connecting again: %s", error)
                longest = min(FIRST_RETRY_SECONDS * 2 ** (self._failures - 1), MAX_RETRY_SECONDS)
                await asyncio.sleep(longest * random.uniform(0.5, 1))  # noqa: S311 - jitter is no secret

    async def _serve(self, connection: Any) -> None:
        """Send what waits, and receive, until the connection is lost. Always raises an error."""
        connection.add_termination_listener(self._end)
        async with asyncio.timeout(ANSWER_SECONDS):
            await connection.add_listener(CHANNEL, self._receive)
        self._failures = 0
        self.is_listening = True
        self._pass_on(ANNOUNCEMENTS_LOST)
        while True:
            batch = await self._outbox.next_batch(MAX_BATCH, PING_SECONDS)
            try:
                if connection.is_closed():
                    raise ConnectionError("the server has closed the connection")
                async with asyncio.timeout(ANSWER_SECONDS):
                    await connection.execute(
                        "SELECT pg_notify($1, payload) FROM unnest($2::text[]) WITH ORDINALITY AS batch (payload, number)"
                        " ORDER BY number",
                        CHANNEL,
                        [_payload(announcement) for announcement in batch],
                    )
            except Exception:
                self._outbox.put_back()  # some may be sent twice, but none is lost
                raise

    def _end(self, _connection: object) -> None:
        self._outbox.wake()

    def _receive(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        self._pass_on(decoded(str(payload)))

    def _pass_on(self, announcement: Announcement) -> None:
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
