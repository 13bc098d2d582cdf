"""Supervisors who monitor a contact. They read along silently, and may join visibly, until they leave or the contact ends.

A silent supervisor is known to the store alone; one who has joined also to the conversation. A supervisor who has no connection
for longer than the grace period leaves, and so does one who is no supervisor any more. Routing itself does not count them: they
hold no capacity.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

from configuration.current import Configuration
from domain.errors import ConversationEnded, MalformedRequest, QuotaExceeded, Unavailable
from domain.events import Barge, Leave
from domain.refusals import Refusal
from engine.client import ConversationClient
from routing.agent_events import write_event
from runtime.bus import AGENT_EVENTS_WRITTEN, Announcement, Bus
from runtime.periodic import PeriodicTask, PeriodicTasks
from store.conversations import find_participant
from store.database import Database
from store.monitors import (
    Begun,
    Monitor,
    begin_monitor,
    end_monitor,
    find_monitor,
    monitors_after,
    monitors_lost_before,
)

MAX_MONITORS = 5
"""How many supervisors can monitor a contact at once."""

CHECK_INTERVAL = timedelta(seconds=5)

MONITORS_AT_ONCE = 20
"""How many monitors one check examines. The next check continues after them."""

_NAMESPACE = UUID("5f7cf0f2-3c1d-4b51-9b1e-5d2f3f6f6c1a")


def supervisor_id(conversation_id: str, user: str) -> str:
    """Return the participant id of a supervisor in a conversation."""
    return str(uuid5(_NAMESPACE, f"{conversation_id}/{user}"))


class Monitoring(PeriodicTasks):
    """The monitors of contacts.

    In the background it ends those of supervisors who have lost their connection, and of agents who are no supervisors any more.
    """

    def __init__(
        self, db: Database, bus: Bus, engine: ConversationClient, configuration: Configuration, *, grace: timedelta
    ) -> None:
        self._db = db
        self._bus = bus
        self._engine = engine
        self._configuration = configuration
        self._grace = grace
        self._asked_until = ""
        super().__init__(
            PeriodicTask("end monitors without a connection", self._end_lost, CHECK_INTERVAL),
            PeriodicTask("end monitors of former supervisors", self._end_of_former_supervisors, CHECK_INTERVAL),
        )

    async def begin(self, instance: str, monitor: Monitor) -> None:
        """Let a supervisor monitor a contact silently, and tell their client by the event `monitor`. Idempotent.

        Raises:
            MalformedRequest: the contact has ended, or is a survey.
            QuotaExceeded: as many as possible monitor it already.
        """
        now = datetime.now(UTC)
        ids = {"contact_id": monitor.contact_id, "initial_contact_id": monitor.conversation_id}
        async with self._db.write() as transaction:
            begun = await begin_monitor(transaction, monitor, MAX_MONITORS, now)
            if begun in (Begun.NEW, Begun.PRESENT):
                body = {**ids, "may_barge": monitor.may_barge}
                await write_event(transaction, instance, monitor.user, "monitor", body, now)
        if begun is Begun.ENDED:
            raise MalformedRequest("ContactId: the contact has ended.")
        if begun is Begun.TOO_MANY:
            raise QuotaExceeded(f"{MAX_MONITORS} supervisors monitor the contact, and no more can.")
        await self._bus.announce(AGENT_EVENTS_WRITTEN)
        await self._announce(monitor.conversation_id)

    async def barge(self, monitor: Monitor) -> Refusal | None:
        """Let a supervisor join visibly. Idempotent. Returns the refusal of the conversation; None if they have joined.

        Raises:
            ConversationEnded: the chat has ended.
            EngineUnavailable: the engine does not answer.
        """
        command = Barge(
            by=f"supervisor:{monitor.user}",
            participant_id=monitor.participant_id,
            contact_id=monitor.contact_id,
            user=monitor.user,
            name=monitor.name,
        )
        refused = await self._engine.execute_command(monitor.conversation_id, command)
        # they may have left at the same moment
        if refused is None and await find_monitor(self._db, monitor.conversation_id, monitor.user) is None:
            await self.leave(monitor.participant_id, monitor.conversation_id)
        return refused

    async def leave(self, participant_id: str, conversation_id: str) -> None:
        """End the monitor of a supervisor, who leaves the chat if they have joined it. Idempotent.

        Raises:
            EngineUnavailable: the engine does not answer.
        """
        found = await find_participant(self._db, participant_id)
        if found and found[0].joined_at is not None and found[0].left_at is None:
            with suppress(ConversationEnded):
                await self._engine.execute_command(conversation_id, Leave(by=participant_id))
        await end_monitor(self._db, participant_id, datetime.now(UTC))
        await self._announce(conversation_id)

    async def _end_lost(self) -> None:
        for participant_id, conversation_id in await monitors_lost_before(self._db, datetime.now(UTC) - self._grace):
            with suppress(Unavailable):  # the next look tries again, and the others do not wait for this one
                await self.leave(participant_id, conversation_id)

    async def _end_of_former_supervisors(self) -> None:
        page = await monitors_after(self._db, self._asked_until, MONITORS_AT_ONCE)
        self._asked_until = page[-1][0].participant_id if len(page) == MONITORS_AT_ONCE else ""
        for monitor, instance in page:
            if not self._is_of_supervisor(monitor, instance):
                with suppress(Unavailable):
                    await self.leave(monitor.participant_id, monitor.conversation_id)

    def _is_of_supervisor(self, monitor: Monitor, instance: str) -> bool:
        settings = self._configuration.instances.get(instance)
        agent = settings.agents.get(monitor.user) if settings else None
        return agent is not None and agent.supervisor

    async def _announce(self, conversation_id: str) -> None:
        """Have all processes read the participants anew, and end the sockets of those who have left."""
        await self._bus.announce(Announcement(conversation_id, record_changed=True))
