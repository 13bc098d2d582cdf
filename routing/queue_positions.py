"""Queue positions: customers of live chats get their position, and once the average wait.

Every API process does this, at the same instants of the clock; the store decides which process sends a change. Only the first
contacts of a queue get a position, contacts that are being offered get none, and an unchanged position is not sent again.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from configuration.current import Configuration
from configuration.policies import workstream_policy
from configuration.schema.instances import InstanceSettings
from domain.errors import ConversationEnded, Unavailable
from domain.events import QueuePosition
from engine.client import ConversationClient
from routing import queues
from routing.records import QueuedContact
from routing.sent_positions import delete_sent_positions, record_sent_position, sent_positions
from runtime.periodic import PeriodicTask, PeriodicTasks
from store.database import Database

MAX_POSITIONS = 150
"""How many contacts of a queue get their position."""

MIN_WAITS = 50
"""How many waits are needed for an average that is sent."""

SIGNALS_AT_ONCE = 20


class QueuePositions(PeriodicTasks):
    """Sends queue positions from one API process."""

    def __init__(
        self, db: Database, engine: ConversationClient, configuration: Configuration, every: timedelta
    ) -> None:
        self._db = db
        self._engine = engine
        self._configuration = configuration
        super().__init__(PeriodicTask("send queue positions", self._send_all, every, aligned=True))

    async def _send_all(self) -> None:
        for instance, queue in await queues.queues_with_work(self._db):
            await self._send_queue(instance, queue)
        oldest = datetime.now(UTC) - queues.WAIT_WINDOW
        await delete_sent_positions(self._db, oldest)
        await queues.delete_waits(self._db, oldest)

    async def _send_queue(self, name: str, queue: str) -> None:
        instance = self._configuration.instances.get(name)
        workstreams = _workstreams_with_texts(instance) if instance else set[str]()
        if not workstreams:
            return
        waiting = await queues.queued_contacts(self._db, name, queue, limit=MAX_POSITIONS)
        sent = await sent_positions(self._db, [contact.contact_id for contact in waiting])
        changes = [
            (contact, position)
            for position, contact in enumerate(waiting, 1)
            if contact.workstream in workstreams and sent.get(contact.contact_id) != position
        ]
        if not changes:
            return
        now, slots = datetime.now(UTC), asyncio.Semaphore(SIGNALS_AT_ONCE)
        average = await queues.average_wait(self._db, name, queue, now - queues.WAIT_WINDOW, at_least=MIN_WAITS)
        await asyncio.gather(*(self._send(contact, position, average, slots) for contact, position in changes))

    async def _send(
        self, contact: QueuedContact, position: int, average: timedelta | None, slots: asyncio.Semaphore
    ) -> None:
        async with slots:
            if not await record_sent_position(self._db, contact.contact_id, position, datetime.now(UTC)):
                return
            # a position that cannot be sent is not sent again: the contact gets its next position
            with suppress(ConversationEnded, Unavailable):
                change = QueuePosition(position=position, average_wait=average)
                await self._engine.signal(contact.conversation_id, change)


def _workstreams_with_texts(instance: InstanceSettings) -> set[str]:
    """The live workstreams with a text for the queue position or the average wait."""
    found: set[str] = set()
    for name, workstream in instance.workstreams.items():
        texts = workstream_policy(instance, workstream, None).texts
        if workstream.mode == "live" and (texts.position_in_queue or texts.next_in_line or texts.average_wait):
            found.add(name)
    return found
