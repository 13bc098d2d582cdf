"""Attendance: who is connected to this process, and telling conversations when somebody comes or is lost.

A lost connection counts only after a short debounce, so that a page refresh leaves no trace; the conversation is then
told of the instant of the loss. The process leases its connections in the store; what a dead process leaves behind is
told by whichever process finds it first. A process that was only taken for dead, or could not note or tell something, finds
that out when it compares what the store has of it with its sockets.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol
from uuid import uuid4
from weakref import WeakValueDictionary

from domain.errors import ConversationEnded, Unavailable
from store import presence
from store.database import Database

logger = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
GRACE = timedelta(seconds=5)
"""How much longer than its lease and the debounce a process may be silent."""
KEEP_DEAD_PROCESSES = timedelta(days=1)


class Told(Protocol):
    """Who is told of it; as often as it takes, so that what was told already must be no news."""

    async def connected(self, conversation_id: str, participant_id: str, at: datetime) -> None:
        """A participant's first connection is up."""
        ...

    async def disconnected(self, conversation_id: str, participant_id: str, at: datetime) -> None:
        """A participant's last connection was lost at that instant."""
        ...


class Attendee(NamedTuple):
    """Somebody in a conversation."""

    participant_id: str
    conversation_id: str


class Attendance:
    """The attendance of one API process."""

    def __init__(self, db: Database, told: Told, *, debounce: timedelta, lease: timedelta) -> None:
        self._db = db
        self._told = told
        self._debounce = debounce
        self._lease = lease
        self._process = str(uuid4())
        self._leased_until = datetime.now(UTC)
        self._sockets: dict[Attendee, int] = {}
        self._losses: dict[Attendee, datetime] = {}
        self._turns: WeakValueDictionary[Attendee, asyncio.Lock] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Takes the lease and begins to keep it, and to look for what dead processes left."""
        await self._renew()
        self._spawn(self._keep_watch())

    async def stop(self) -> None:
        """Gives the lease back: whoever does not return is found by the next process."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await presence.renew_lease(self._db, self._process, datetime.now(UTC))

    async def arrived(self, participant_id: str, conversation_id: str) -> None:
        """A socket of a participant is up."""
        who = Attendee(participant_id, conversation_id)
        self._losses.pop(who, None)
        self._sockets[who] = self._sockets.get(who, 0) + 1
        if self._sockets[who] == 1:
            self._spawn(self._arrive(who, datetime.now(UTC)))

    def left(self, participant_id: str, conversation_id: str) -> None:
        """A socket of a participant is gone."""
        who = Attendee(participant_id, conversation_id)
        self._sockets[who] -= 1
        if self._sockets[who]:
            return
        del self._sockets[who]
        self._losses[who] = at = datetime.now(UTC)
        self._spawn(self._depart(who, at))

    async def _arrive(self, who: Attendee, at: datetime) -> None:
        async with self._turn_of(who):
            if who not in self._sockets:
                return
            if await presence.arrive(self._db, who.participant_id, who.conversation_id, self._process):
                await _insist(lambda: self._told.connected(who.conversation_id, who.participant_id, at))
                await presence.mark_told(self._db, who.participant_id, self._process)

    async def _depart(self, who: Attendee, at: datetime) -> None:
        await asyncio.sleep(self._debounce.total_seconds())
        async with self._turn_of(who):
            if self._losses.get(who) != at:
                return  # they are back, or were back and this loss is not the latest, or it is told
            is_last = await presence.depart(self._db, who.participant_id, self._process, at)
            if self._losses.get(who) == at:
                del self._losses[who]
            if is_last:
                await self._tell_of_loss(who, at)

    async def _tell_of_loss(self, who: Attendee, at: datetime) -> None:
        await _insist(lambda: self._told.disconnected(who.conversation_id, who.participant_id, at))
        await presence.forget(self._db, who.participant_id, at)

    async def _keep_watch(self) -> None:
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            try:
                has_lapsed = self._leased_until < datetime.now(UTC)
                await self._renew()
                await self._compare()
                # what kept this process from renewing its lease may have kept the others: they renew theirs first
                if not has_lapsed:
                    await self._find_orphans()
            except Exception:
                logger.exception("cannot keep the lease; trying again")

    async def _renew(self) -> None:
        until = datetime.now(UTC) + self._lease
        await presence.renew_lease(self._db, self._process, until)
        self._leased_until = until

    async def _compare(self) -> None:
        noted = {
            Attendee(row.participant_id, row.conversation_id): row.told
            for row in await presence.connections_to(self._db, self._process)
        }
        now = datetime.now(UTC)
        for who in self._sockets:
            if not noted.get(who) and who not in self._turns:
                self._spawn(self._arrive(who, now))
        for who in (noted.keys() | self._losses.keys()) - self._sockets.keys():
            if who not in self._turns:
                self._spawn(self._depart(who, self._losses.setdefault(who, now)))

    async def _find_orphans(self) -> None:
        now = datetime.now(UTC)
        dead_since = now - self._debounce - GRACE
        for orphan in await presence.orphans(self._db, dead_since):
            who = Attendee(orphan.participant_id, orphan.conversation_id)
            if who not in self._turns:
                self._spawn(self._take_leave(who, orphan, now, dead_since))
        await presence.drop_dead_processes(self._db, now - KEEP_DEAD_PROCESSES)

    async def _take_leave(
        self, who: Attendee, orphan: presence.Connection, now: datetime, dead_since: datetime
    ) -> None:
        async with self._turn_of(who):
            # their loss is dated when it is found: while nobody was there to connect to, no window may run
            if orphan.departed_at or await presence.depart(
                self._db, who.participant_id, orphan.process_id, now, if_dead_since=dead_since
            ):
                await self._tell_of_loss(who, orphan.departed_at or now)

    def _turn_of(self, who: Attendee) -> asyncio.Lock:
        """What is noted and told of somebody is noted and told one after the other. A turn is gone when nobody waits for it."""
        return self._turns.setdefault(who, asyncio.Lock())

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        # in tasks of their own: the lease, and everybody else, is not to wait until a conversation can be told
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            logger.error("cannot note or tell who is connected; trying again", exc_info=error)


async def _insist(tell: Callable[[], Awaitable[None]]) -> None:
    """Tells a conversation something, as often as it takes; an ended one need not know."""
    while True:
        try:
            return await tell()
        except ConversationEnded:
            return None
        except Unavailable:
            await asyncio.sleep(RETRY_SECONDS)
