"""Telling customers of live chats their place in the queue, and once how long others have waited.

Every API process does it, at the same instants of the clock; the store says who tells of a change. Only the first of a queue are
told, those who are offered to somebody are not, and a conversation whose place is what it was is left in peace.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from api.running import Running
from configuration.current import Configuration
from configuration.policies import workstream_policy
from domain.errors import ConversationEnded, Unavailable
from engine.client import ConversationClient
from runtime.instances import Instance
from store.board import queues
from store.board.values import Waiting
from store.database import Database
from store.positions import forget_positions, note_position, told_positions
from workflows.events import Position

logger = logging.getLogger(__name__)

TOLD = 150
"""So many of a queue are told."""

AT_LEAST = 50
"""So many waits make an average that can be told."""

AT_ONCE = 20


class Positions(Running):
    """The telling of one API process."""

    def __init__(
        self, db: Database, gateway: ConversationClient, configuration: Configuration, every: timedelta
    ) -> None:
        self._db = db
        self._gateway = gateway
        self._configuration = configuration
        self._every = every.total_seconds()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every - datetime.now(UTC).timestamp() % self._every)
            try:
                for instance, queue in await queues.queues_with_work(self._db):
                    await self._tell_queue(instance, queue)
                long_ago = datetime.now(UTC) - queues.LATELY
                await forget_positions(self._db, long_ago)
                await queues.forget_waits(self._db, long_ago)
            except Exception:
                logger.exception("cannot tell places in queues; trying again")

    async def _tell_queue(self, name: str, queue: str) -> None:
        instance = self._configuration.instances.get(name)
        workstreams = _told_workstreams(instance) if instance else set[str]()
        if not workstreams:
            return
        waiting = await queues.waiting(self._db, name, queue, limit=TOLD)
        told = await told_positions(self._db, [waits.contact_id for waits in waiting])
        news = [
            (waits, position)
            for position, waits in enumerate(waiting, 1)
            if waits.workstream in workstreams and told.get(waits.contact_id) != position
        ]
        if not news:
            return
        now, turns = datetime.now(UTC), asyncio.Semaphore(AT_ONCE)
        average = await queues.average_wait(self._db, name, queue, now - queues.LATELY, at_least=AT_LEAST)
        await asyncio.gather(*(self._tell(waits, position, average, turns) for waits, position in news))

    async def _tell(self, waits: Waiting, position: int, average: timedelta | None, turns: asyncio.Semaphore) -> None:
        async with turns:
            if not await note_position(self._db, waits.contact_id, position, datetime.now(UTC)):
                return
            # who cannot be told this place is told the next one
            with suppress(ConversationEnded, Unavailable):
                place = Position(position=position, average_wait=average)
                await self._gateway.signal(waits.conversation_id, place)


def _told_workstreams(instance: Instance) -> set[str]:
    """The workstreams whose customers are told anything of their place."""
    found: set[str] = set()
    for name, workstream in instance.workstreams.items():
        texts = workstream_policy(instance, workstream, None).texts
        if workstream.mode == "live" and (texts.position_in_queue or texts.next_in_line or texts.average_wait):
            found.add(name)
    return found
