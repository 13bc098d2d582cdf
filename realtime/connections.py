"""Connection tracking: records the connections to this process, and reports the first connect and the last disconnect.

A lost connection counts after a short debounce, so that a page refresh has no effect; the report names the instant of the loss.
The process holds a lease on its connections in the store. The connections of a dead process are reported as lost by the process
that finds them first. A report can be missing, because the store or the observer was unavailable, or because another process
wrongly took this process for dead. The next comparison of the sockets with the store repeats it.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol
from uuid import uuid4
from weakref import WeakValueDictionary

from domain.errors import ConversationEnded, StoreUnavailable, Unavailable
from runtime.periodic import PeriodicTask, PeriodicTasks
from store import connections
from store.database import Database

logger = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
MAX_RETRY_SECONDS = 15.0
"""The first and the longest delay before a failed call of the observer is repeated. Each varies by half of it, up and down."""

CALLS_AT_ONCE = 50
"""How many calls of the observer are under way. After an outage thousands of participants have something to report."""

CONNECTS_AT_ONCE = 4
WRITES_AT_ONCE = 3
"""The same for writes to the store, those of connects and all others: other requests, and the lease itself, need its connections,
too. Connects do not wait for the others, because a customer who is not on record as connected can be taken for lost."""

RECORD_SECONDS = 3.0
"""How long a client waits at most for its connection to be on record. Not longer, because chats go on while the store is away."""

LEASE_GRACE = timedelta(seconds=5)
"""Time after the end of its lease and the debounce after which a process counts as dead."""
DEAD_PROCESS_RETENTION = timedelta(days=1)


class ConnectionObserver(Protocol):
    """Callback target. Called at least once for each change; implementations must be idempotent.

    Calls for one participant are made one after the other, in order. `ConversationEnded` means that no further calls are needed;
    after `Unavailable` the call is repeated.
    """

    async def connected(self, conversation_id: str, participant_id: str, at: datetime) -> None:
        """Handle the first connection of a participant."""
        ...

    async def disconnected(
        self, conversation_id: str, participant_id: str, at: datetime, since: datetime | None = None
    ) -> None:
        """Handle the loss of a participant's last connection at that instant.

        `since`: the last sign of life of a client that fell silent, if it was earlier.
        """
        ...


class ParticipantKey(NamedTuple):
    """Key of a client's connections: a participant of a conversation, or an agent (conversation id `AGENT_CONNECTIONS`).

    A supervisor who monitors a contact has the conversation id `SUPERVISOR_CONNECTIONS`.
    """

    participant_id: str
    conversation_id: str


class ConnectionTracker(PeriodicTasks):
    """The connection tracking of one process."""

    def __init__(self, db: Database, observer: ConnectionObserver, *, debounce: timedelta, lease: timedelta) -> None:
        self._db = db
        self._observer = observer
        self._debounce = debounce
        self._lease = lease
        self._process = str(uuid4())
        self._leased_until = datetime.now(UTC)
        self._trusts_leases_from = self._leased_until
        self._sockets: dict[ParticipantKey, int] = {}
        self._recorded: dict[ParticipantKey, asyncio.Event] = {}
        self._lost_at: dict[ParticipantKey, datetime] = {}
        self._seen_at: dict[ParticipantKey, datetime] = {}
        self._locks: WeakValueDictionary[ParticipantKey, asyncio.Lock] = WeakValueDictionary()
        self._reports: set[asyncio.Task[None]] = set()
        self._calls = asyncio.Semaphore(CALLS_AT_ONCE)
        self._connects, self._writes = asyncio.Semaphore(CONNECTS_AT_ONCE), asyncio.Semaphore(WRITES_AT_ONCE)
        every = lease / 3
        super().__init__(
            PeriodicTask("keep the lease of this process", self._keep_lease, every, max_retry_delay=every),
            # apart, because the lease may not wait for it: other processes would take this one for dead
            PeriodicTask("compare sockets with the store", self._look_for_losses, every, max_retry_delay=every),
        )

    async def start(self) -> None:
        """Take the lease, then renew it and find the connections of dead processes, periodically."""
        await self._renew_lease()
        await super().start()

    async def stop(self) -> None:
        """End the lease. Other processes report the participants who do not reconnect."""
        await super().stop()
        reports = list(self._reports)
        for report in reports:
            report.cancel()
        await asyncio.gather(*reports, return_exceptions=True)
        await connections.set_lease_end(self._db, self._process, datetime.now(UTC))

    async def others_run(self) -> bool:
        """Whether another process holds a lease. One that was killed may count for the rest of its lease."""
        return await connections.has_other_process(self._db, self._process, datetime.now(UTC))

    def opened(self, participant_id: str, conversation_id: str) -> None:
        """Count a socket that a participant has opened."""
        participant = ParticipantKey(participant_id, conversation_id)
        self._lost_at.pop(participant, None)
        self._seen_at[participant] = now = datetime.now(UTC)
        self._sockets[participant] = self._sockets.get(participant, 0) + 1
        if self._sockets[participant] == 1:
            self._recorded[participant] = asyncio.Event()
            self._spawn(self._report_connect(participant, now))

    async def until_recorded(self, participant_id: str, conversation_id: str) -> None:
        """Wait until an open socket of a participant is on record, but at most `RECORD_SECONDS`.

        From then on no time limit finds them absent, so a client hears only then that it is connected. After the limit it hears
        it all the same, and the record follows.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(RECORD_SECONDS):
                await self._recorded[ParticipantKey(participant_id, conversation_id)].wait()

    def closed(self, participant_id: str, conversation_id: str, *, silent_since: datetime | None = None) -> None:
        """Count a socket that a participant has lost. Each call follows a call of `opened`.

        `silent_since`: the last sign of life of a client that fell silent; None of one that closed its socket.
        """
        participant = ParticipantKey(participant_id, conversation_id)
        now = datetime.now(UTC)
        seen_at = max(silent_since or now, self._seen_at.pop(participant, now))
        self._sockets[participant] -= 1
        if self._sockets[participant]:
            self._seen_at[participant] = seen_at
            return
        del self._sockets[participant], self._recorded[participant]
        self._lost_at[participant] = now
        self._spawn(self._report_disconnect(participant, now, seen_at if seen_at < now else None))

    async def _report_connect(self, participant: ParticipantKey, at: datetime) -> None:
        id, conversation = participant
        if participant in self._locks:
            # an earlier report can wait for the engine for long, but no time limit may find the participant absent meanwhile
            await self._add_connection(participant)
        async with self._lock_of(participant):
            if participant in self._sockets and await self._add_connection(participant):
                await self._call_until_done(lambda: self._observer.connected(conversation, id, at))
                async with self._writes:
                    await connections.mark_connect_reported(self._db, id, self._process)

    async def _add_connection(self, participant: ParticipantKey) -> bool:
        id, conversation = participant
        async with self._connects:
            is_new = await connections.add_connection(self._db, id, conversation, self._process)
        if participant in self._recorded:
            self._recorded[participant].set()
        return is_new

    async def _report_disconnect(
        self, participant: ParticipantKey, at: datetime, since: datetime | None = None
    ) -> None:
        await asyncio.sleep(self._debounce.total_seconds())
        async with self._lock_of(participant):
            if self._lost_at.get(participant) != at:
                return  # the participant has reconnected, has lost a later socket, or the loss is reported already
            id = participant.participant_id
            async with self._writes:
                is_last = await connections.mark_connection_lost(self._db, id, self._process, at, silent_since=since)
            if self._lost_at.get(participant) == at:
                del self._lost_at[participant]
            if is_last:
                await self._report_loss(participant, at, since)

    async def _report_loss(self, participant: ParticipantKey, at: datetime, since: datetime | None = None) -> None:
        id, conversation = participant
        await self._call_until_done(lambda: self._observer.disconnected(conversation, id, at, since))
        async with self._writes:
            await connections.remove_disconnected(self._db, id, at)

    async def _call_until_done(self, call: Callable[[], Awaitable[None]]) -> None:
        """Call the observer until it succeeds or the conversation has ended."""
        delay = RETRY_SECONDS
        while True:
            async with self._calls:
                try:
                    return await call()
                except ConversationEnded:
                    return None
                except Unavailable:
                    pass
            await asyncio.sleep(delay * random.uniform(0.5, 1.5))  # noqa: S311 - jitter is no secret
            delay = min(2 * delay, MAX_RETRY_SECONDS)

    async def _keep_lease(self) -> None:
        had_ended = self._leased_until < datetime.now(UTC)
        await self._renew_lease()
        if had_ended:
            # the cause of the late renewal may have stopped the other processes, too: give them time to renew their leases
            self._trusts_leases_from = datetime.now(UTC) + self._lease / 2

    async def _look_for_losses(self) -> None:
        await self._compare_with_store()
        if self._trusts_leases_from <= datetime.now(UTC) < self._leased_until:
            await self._find_connections_of_dead_processes()

    async def _renew_lease(self) -> None:
        until = datetime.now(UTC) + self._lease
        await connections.set_lease_end(self._db, self._process, until)
        self._leased_until = until

    async def _compare_with_store(self) -> None:
        recorded = {
            ParticipantKey(row.participant_id, row.conversation_id): row.is_connect_reported
            for row in await connections.connections_of(self._db, self._process)
        }
        now = datetime.now(UTC)
        for participant in self._sockets:
            is_waiting = participant in recorded and participant in self._locks
            if not recorded.get(participant) and not is_waiting:
                self._spawn(self._report_connect(participant, now))
        for participant in (recorded.keys() | self._lost_at.keys()) - self._sockets.keys():
            if participant not in self._locks:
                self._spawn(self._report_disconnect(participant, self._lost_at.setdefault(participant, now)))

    async def _find_connections_of_dead_processes(self) -> None:
        now = datetime.now(UTC)
        dead_since = now - self._debounce - LEASE_GRACE
        for found in await connections.connections_of_dead_processes(self._db, dead_since):
            participant = ParticipantKey(found.participant_id, found.conversation_id)
            if participant not in self._locks:
                self._spawn(self._report_connection_of_dead_process(participant, found, now, dead_since))
        await connections.delete_dead_processes(self._db, now - DEAD_PROCESS_RETENTION)

    async def _report_connection_of_dead_process(
        self, participant: ParticipantKey, connection: connections.Connection, now: datetime, dead_since: datetime
    ) -> None:
        async with self._lock_of(participant):
            # dated now, not at the end of the process: the reconnect window starts when the participant can reconnect
            is_lost = connection.disconnected_at is not None
            if not is_lost:
                async with self._writes:
                    is_lost = await connections.mark_connection_lost(
                        self._db, participant.participant_id, connection.process_id, now, if_dead_since=dead_since
                    )
            if is_lost:
                at = connection.disconnected_at or now
                if not connection.is_connect_reported:
                    await self._report_connect_of_dead_process(participant, connection, at)
                await self._report_loss(participant, at)

    async def _report_connect_of_dead_process(
        self, participant: ParticipantKey, connection: connections.Connection, at: datetime
    ) -> None:
        """Report the connect before its loss: without it the loss would belong to an earlier absence, and prolong nothing."""
        id, conversation = participant
        await self._call_until_done(lambda: self._observer.connected(conversation, id, at))
        async with self._writes:
            await connections.mark_connect_reported(self._db, id, connection.process_id)

    def _lock_of(self, participant: ParticipantKey) -> asyncio.Lock:
        """The lock that orders the reports about one participant. It exists while a report holds it or waits for it."""
        return self._locks.setdefault(participant, asyncio.Lock())

    def _spawn(self, report: Coroutine[None, None, None]) -> None:
        # in a task of its own: neither the lease nor other participants wait for an observer that is unavailable
        task = asyncio.create_task(report)
        self._reports.add(task)
        task.add_done_callback(self._finish)

    def _finish(self, task: asyncio.Task[None]) -> None:
        self._reports.discard(task)
        error = None if task.cancelled() else task.exception()
        if error and not isinstance(error, StoreUnavailable):  # the store has logged it
            logger.error("cannot report a connect or disconnect; trying again", exc_info=error)
