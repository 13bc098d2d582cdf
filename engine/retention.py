"""Deletion after a time: conversations past the retention of their workstream, old entries of the audit log, and old events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from configuration.current import Configuration
from configuration.schema.sections import NEVER
from engine.erasure import Erasure
from runtime.periodic import PeriodicTask, PeriodicTasks
from store.audit import AuditEntry, delete_entries, write_entries
from store.database import Database
from store.feed import remove_old_events
from store.personal_data import ended_conversations

EVERY = timedelta(hours=1)
PAGE_SIZE = 100

ACTOR = "retention"
"""The actor of deletions in the audit log."""


class Retention(PeriodicTasks):
    """Deletes in the background. Several processes may do so at once: each conversation is deleted and counted once."""

    def __init__(
        self,
        db: Database,
        configuration: Configuration,
        erasure: Erasure,
        *,
        audit: timedelta,
        events: timedelta,
        every: timedelta = EVERY,
    ) -> None:
        """Prepare. `audit` is how long entries of the audit log are kept, `events` how long those of the feed."""
        self._db = db
        self._configuration = configuration
        self._erasure = erasure
        self._audit = audit
        self._events = events
        super().__init__(
            PeriodicTask("delete conversations past their retention", self.delete_conversations, every),
            PeriodicTask("delete old entries of the audit log", self.delete_audit_entries, every),
            PeriodicTask("delete old events of the feed", self.delete_events, every),
        )

    async def delete_conversations(self) -> None:
        """Delete the conversations of all workstreams that were closed too long ago."""
        for instance, settings in self._configuration.instances.items():
            for workstream, rules in settings.workstreams.items():
                if rules.retention != NEVER:
                    await self._delete_of(instance, workstream, datetime.now(UTC) - rules.retention)

    async def _delete_of(self, instance: str, workstream: str, before: datetime) -> None:
        while ids := await ended_conversations(self._db, instance, workstream, before, PAGE_SIZE):
            deleted = await self._erasure.delete_ended(instance, ids)
            if not deleted.conversations:
                return  # their files are still being written, or another process has deleted them
            entry = AuditEntry(
                id=str(uuid4()),
                instance=instance,
                at=datetime.now(UTC),
                actor=ACTOR,
                action="delete_conversations",
                target=f"workstreams/{workstream}",
                counts=deleted.counts(),
            )
            await write_entries(self._db, [entry])

    async def delete_audit_entries(self) -> None:
        """Delete the entries of the audit log that are too old."""
        await delete_entries(self._db, datetime.now(UTC) - self._audit)

    async def delete_events(self) -> None:
        """Delete the events of the feed that are too old."""
        for instance in self._configuration.instances:
            await remove_old_events(self._db, instance, datetime.now(UTC) - self._events)
