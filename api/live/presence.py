"""Attendance: who is connected to this process, and telling conversations when somebody comes or is lost.

A lost connection counts only after a short debounce, so that a page refresh leaves no trace; the conversation is then
told of the instant of the loss. The process leases its connections in the store; what a dead process leaves behind is
told by whichever process finds it first.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import uuid4

from api.errors import Ended, Unavailable
from store import presence
from store.database import Database

logger = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
KEEP_DEAD_PROCESSES = timedelta(days=1)


class Told(Protocol):
    """Who is told of it; as often as it takes, while that is `Unavailable`."""

    async def connected(self, conversation_id: str, participant_id: str, at: datetime) -> None:
        """A participant's first connection is up."""
        ...

    async def disconnected(self, conversation_id: str, participant_id: str, at: datetime) -> None:
        """A participant's last connection was lost at that instant."""
        ...


class Attendance:
    """The attendance of one API process."""

    def __init__(self, db: Database, told: Told, *, debounce: timedelta, lease: timedelta) -> None:
        self._db = db
        self._told = told
        self._debounce = debounce
        self._lease = lease
        self._process = str(uuid4())
        self._sockets: dict[str, int] = {}
        self._departures: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._watch: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Takes the lease and begins to keep it, and to look for what dead processes left."""
        await self._renew()
        self._watch = asyncio.create_task(self._keep_watch())

    async def stop(self) -> None:
        """Gives the lease back: whoever does not return is found by the next process."""
        for task in (self._watch, *self._departures.values(), *self._tasks):
            if task:
                task.cancel()
        await presence.renew_lease(self._db, self._process, datetime.now(UTC))

    async def arrived(self, participant_id: str, conversation_id: str) -> None:
        """A socket of a participant is up."""
        self._sockets[participant_id] = self._sockets.get(participant_id, 0) + 1
        departure = self._departures.pop(participant_id, None)
        if departure:
            departure.cancel()
        if await presence.arrive(self._db, participant_id, conversation_id, self._process):
            at = datetime.now(UTC)
            self._spawn(_insist(lambda: self._told.connected(conversation_id, participant_id, at)))

    def left(self, participant_id: str, conversation_id: str) -> None:
        """A socket of a participant is gone."""
        self._sockets[participant_id] -= 1
        if self._sockets[participant_id]:
            return
        del self._sockets[participant_id]
        departure = asyncio.create_task(self._depart(participant_id, conversation_id, datetime.now(UTC)))
        self._departures[participant_id] = departure

    async def _depart(self, participant_id: str, conversation_id: str, at: datetime) -> None:
        await asyncio.sleep(self._debounce.total_seconds())
        # from here on a return is a new arrival, told after this departure
        self._departures.pop(participant_id, None)
        self._spawn(self._tell_of_departure(participant_id, conversation_id, self._process, at))

    async def _tell_of_departure(self, participant_id: str, conversation_id: str, process: str, at: datetime) -> None:
        if await presence.depart(self._db, participant_id, process, at):
            await _insist(lambda: self._told.disconnected(conversation_id, participant_id, at))
            await presence.forget(self._db, participant_id, at)

    async def _keep_watch(self) -> None:
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            try:
                await self._renew()
                await self._find_orphans()
            except Exception:
                logger.exception("cannot keep the lease; trying again")

    async def _renew(self) -> None:
        await presence.renew_lease(self._db, self._process, datetime.now(UTC) + self._lease)

    async def _find_orphans(self) -> None:
        now = datetime.now(UTC)
        for orphan in await presence.orphans(self._db, now - self._debounce - timedelta(seconds=5)):
            if orphan.departed_at is None:
                # its loss is dated when it is found: while nobody was there to connect to, no window may run
                await self._tell_of_departure(orphan.participant_id, orphan.conversation_id, orphan.process_id, now)
            else:
                with suppress(Ended):
                    await self._told.disconnected(orphan.conversation_id, orphan.participant_id, orphan.departed_at)
                await presence.forget(self._db, orphan.participant_id, orphan.departed_at)
        await presence.drop_dead_processes(self._db, now - KEEP_DEAD_PROCESSES)

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _insist(tell: Callable[[], Awaitable[None]]) -> None:
    """Tells a conversation something, as often as it takes; an ended one need not know."""
    while True:
        try:
            return await tell()
        except Ended:
            return None
        except Unavailable:
            await asyncio.sleep(RETRY_SECONDS)
