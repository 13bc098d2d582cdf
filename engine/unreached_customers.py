"""Tells backends of customers who are away while words wait for them, so that they can send a mail or a push of their own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from configuration.current import Configuration
from configuration.schema.workstreams import WorkstreamSettings
from runtime.periodic import PeriodicTask, PeriodicTasks
from store.absences import Absence, check_later, due_absences, forget, tell, waiting_message
from store.database import Database
from store.feed_derivation import event_of_unreached

EVERY = timedelta(seconds=5)
PAGE_SIZE = 200

LATER = timedelta(hours=1)
"""When an absence is looked at again whose workstream wants no event. The configuration can change."""


class ReconnectLink(NamedTuple):
    """A link back to a chat. `url`: the portal page of the workstream; None without one."""

    reconnect_id: str
    url: str | None


LinkMaker = Callable[[str, str | None], ReconnectLink]
"""Makes a link to a conversation. The second argument is the portal page."""


class UnreachedCustomers(PeriodicTasks):
    """The watch of a process. Several processes may watch: each absence has one event."""

    def __init__(self, db: Database, configuration: Configuration, make_link: LinkMaker | None) -> None:
        """Prepare. `make_link`: None in a process that does not know the token keys; events then have no link."""
        self._db, self._configuration, self._make_link = db, configuration, make_link
        super().__init__(PeriodicTask("write events of customers who are not reached", self.look, EVERY))

    async def look(self) -> None:
        """Write the event of each absence that has lasted, with unread words, for the time of its workstream."""
        if not self._is_used():
            return
        now = datetime.now(UTC)
        while page := await due_absences(self._db, now, PAGE_SIZE):
            over = [absence for absence in page if absence.is_over]
            await forget(self._db, over)
            due = [(absence, self._due_at(absence, now)) for absence in page if not absence.is_over]
            await check_later(self._db, [(absence, at) for absence, at in due if at > now])
            for absence, at in due:
                if at <= now:
                    await self._write_event(absence, now)

    def _is_used(self) -> bool:
        return any(
            workstream.unreached_after
            for instance in self._configuration.instances.values()
            for workstream in instance.workstreams.values()
        )

    def _workstream(self, absence: Absence) -> WorkstreamSettings | None:
        instance = self._configuration.instances.get(absence.instance)
        return instance.workstreams.get(absence.workstream) if instance else None

    def _due_at(self, absence: Absence, now: datetime) -> datetime:
        """When to tell of an absence, or when to look again: a message that comes now is due no earlier."""
        workstream = self._workstream(absence)
        if workstream is None or workstream.unreached_after is None:
            return now + LATER
        return (absence.waiting_since or now) + workstream.unreached_after

    async def _write_event(self, absence: Absence, now: datetime) -> None:
        message = await waiting_message(self._db, absence)
        if message is None:
            await check_later(self._db, [(absence, now + EVERY)])
            return
        workstream = self._workstream(absence)
        reconnection = workstream.reconnection if workstream else None
        link = (
            self._make_link(absence.conversation_id, reconnection.portal_url)
            if reconnection and self._make_link
            else None
        )
        facts = {
            "participant_id": absence.participant_id,
            "lost_at": absence.lost_at,
            "waiting_since": absence.waiting_since,
            "message_id": message.id,
            "reconnect_id": link.reconnect_id if link else None,
            "reconnect_url": link.url if link else None,
        }
        event = event_of_unreached(absence.conversation_id, message.contact_id, absence.lost_at, now, facts)
        await tell(self._db, absence, event)
