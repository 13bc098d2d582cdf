"""Reports of connects and disconnects: those of participants go to their conversations, those of agents change routing.

Those of supervisors stay here: the conversation does not know whether they are connected (`routing.monitoring`).

The connection tracker counts the connections of agents together with those of participants. An agent without a connection gets no
offers, and is set offline after the grace period.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from domain.events import Connect, Disconnect
from engine.client import ConversationClient
from routing import agent_events, disconnected_agents, offers
from routing.agent_events import AgentId
from routing.offer_withdrawal import withdraw_offers
from runtime.bus import Bus, routing_has_changed
from runtime.periodic import PeriodicTask, PeriodicTasks
from store.database import Database
from store.monitors import note_monitor_connected, note_monitor_lost

AGENT_CONNECTIONS = "agents"
"""The conversation id in the records of agents' connections. No conversation has it, because conversation ids are UUIDs."""

SUPERVISOR_CONNECTIONS = "supervisors"
"""The conversation id in the records of the connections of supervisors to the contacts that they monitor."""

OFFLINE_CHECK_INTERVAL = timedelta(seconds=2)
EVENT_CLEANUP_INTERVAL = timedelta(minutes=10)
EVENT_RETENTION = timedelta(days=1)


def connection_id(agent: AgentId) -> str:
    """The participant id in the records of an agent's connections. Names of instances and agents contain no slash."""
    return "/".join(agent)


class ConnectionReports(PeriodicTasks):
    """The observer of all connections, see `ConnectionObserver`. Signals those of participants, and records those of agents.

    In the background it sets disconnected agents offline after the grace period, and deletes old agent events.
    """

    def __init__(self, db: Database, bus: Bus, engine: ConversationClient, *, grace: timedelta) -> None:
        self._db = db
        self._bus = bus
        self._engine = engine
        self._grace = grace
        offline = PeriodicTask("set disconnected agents offline", self._set_agents_offline, OFFLINE_CHECK_INTERVAL)
        cleanup = PeriodicTask("delete old agent events", self._delete_old_events, EVENT_CLEANUP_INTERVAL)
        for task in (offline, cleanup):
            task.wake()
        super().__init__(offline, cleanup)

    async def connected(self, conversation_id: str, participant_id: str, at: datetime) -> None:
        """Signal the connect of a participant to the conversation, or record that of an agent or a supervisor."""
        if conversation_id == SUPERVISOR_CONNECTIONS:
            await note_monitor_connected(self._db, participant_id)
            return
        if conversation_id != AGENT_CONNECTIONS:
            await self._engine.signal(conversation_id, Connect(by=participant_id, at=at))
            return
        agent = AgentId(*participant_id.split("/"))
        await disconnected_agents.mark_agent_connected(self._db, agent)
        await self._announce(agent)

    async def disconnected(
        self, conversation_id: str, participant_id: str, at: datetime, since: datetime | None = None
    ) -> None:
        """Signal the disconnect of a participant to the conversation, or record that of a supervisor or an agent.

        The offers of the agent are withdrawn.
        """
        if conversation_id == SUPERVISOR_CONNECTIONS:
            await note_monitor_lost(self._db, participant_id, at)
            return
        if conversation_id != AGENT_CONNECTIONS:
            await self._engine.signal(conversation_id, Disconnect(by=participant_id, at=at, since=since))
            return
        agent = AgentId(*participant_id.split("/"))
        if await disconnected_agents.mark_agent_disconnected(self._db, agent, participant_id, at):
            await withdraw_offers(self._db, self._bus, self._engine, await offers.offers_to_agent(self._db, *agent))

    async def _set_agents_offline(self) -> None:
        now = datetime.now(UTC)
        for agent in await disconnected_agents.set_offline_after_grace(self._db, now - self._grace, now):
            await self._announce(agent)

    async def _delete_old_events(self) -> None:
        await agent_events.delete_events(self._db, datetime.now(UTC) - EVENT_RETENTION)

    async def _announce(self, agent: AgentId) -> None:
        await self._bus.announce(routing_has_changed(agent.instance, queue="", agent=agent.user))
