"""The instances whose queues this process serves: those whose lease it holds.

One process at a time serves an instance; the others stand by. A process that stops ends its leases and announces it, so the
next one takes over at once. After a process was killed its leases expire. Of processes with different files, as during a deploy,
the one that started last serves.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from configuration.current import Configuration
from routing.leases import Lease, end_leases, leases, take_lease
from runtime.bus import ANNOUNCEMENTS_LOST, DISPATCHER_STOPPED, Announcement, Bus
from runtime.periodic import PeriodicTask, PeriodicTasks
from store.database import Database

LEASE = timedelta(seconds=4)
"""How long a lease is valid. So long, and a look more, conversations wait for an offer after a process was killed."""

RENEW_BEFORE = timedelta(seconds=2)
"""Time before the end of a lease in which its process renews it."""

LOOK_INTERVAL = timedelta(seconds=1)

NEWER_FILE_WITHIN = timedelta(seconds=3)
"""Time after the lease of a process with another file, in which a newer process with that file may take the lease again."""


class ServedInstances(PeriodicTasks):
    """Takes and renews the leases of one process."""

    def __init__(self, db: Database, bus: Bus, configuration: Configuration, taken: Callable[[], None]) -> None:
        """Prepare it.

        Args:
            db: the store.
            bus: announces that this process stops, and hears it of others.
            configuration: names the instances.
            taken: called when this process begins to serve an instance.
        """
        self._db = db
        self._bus = bus
        self._configuration = configuration
        self._taken = taken
        self.process = str(uuid4())
        """The id of this process in its leases."""
        self._started_at = datetime.now(UTC)
        self._until: dict[str, datetime] = {}
        self._disputed_until: dict[str, datetime] = {}
        self._looks = PeriodicTask(
            "take and renew the leases of routing", self._look, LOOK_INTERVAL, max_retry_delay=LOOK_INTERVAL
        )
        self._looks.wake()
        super().__init__(self._looks)
        bus.subscribe(self._receive)

    def serves(self, instance: str) -> bool:
        """Whether this process serves an instance now."""
        until = self._until.get(instance)
        return until is not None and until > datetime.now(UTC)

    @property
    def serves_any(self) -> bool:
        """Whether this process serves an instance now, no matter which."""
        return any(self.serves(instance) for instance in self._until)

    def is_undisputed(self, instance: str) -> bool:
        """Whether no newer process with another file is to be expected, which would undo what this file does not have."""
        until = self._disputed_until.get(instance)
        return until is None or until <= datetime.now(UTC)

    async def stop(self) -> None:
        """End the leases, and announce it."""
        await super().stop()
        self._until.clear()
        if await end_leases(self._db, self.process, datetime.now(UTC)):
            await self._bus.announce(DISPATCHER_STOPPED)

    async def _look(self) -> None:
        due = [instance for instance in self._configuration.instances if self._is_due(instance)]
        stored = await leases(self._db) if due else {}
        for instance in due:
            held, now = stored.get(instance), datetime.now(UTC)
            own = Lease(self.process, now + LEASE, self._started_at, self._configuration.file_fingerprint(instance))
            if held is None or held.process_id == self.process or held.until <= now or held.yields_to(own):
                await self._take(instance, own, held, now)

    def _is_due(self, instance: str) -> bool:
        return not self.serves(instance) or self._until[instance] < datetime.now(UTC) + RENEW_BEFORE

    async def _take(self, instance: str, own: Lease, held: Lease | None, now: datetime) -> None:
        is_new = not self.serves(instance)
        if await take_lease(self._db, instance, own, now):
            self._until[instance] = own.until
            if held is not None and held.file != own.file and not held.yields_to(own):
                self._disputed_until[instance] = now + NEWER_FILE_WITHIN
            if is_new:
                self._taken()
        else:
            self._until.pop(instance, None)

    def _receive(self, announcement: Announcement) -> None:
        if announcement in (DISPATCHER_STOPPED, ANNOUNCEMENTS_LOST):
            self._looks.wake()
