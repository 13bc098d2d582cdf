"""The feed of agent events (offers, assignments, agent status) to the sockets of agents."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from domain.instants import iso
from realtime.feed import POLL_INTERVAL, Feed
from realtime.socket import AGENT_REMOVED, CloseReason, Frame, FrameQueue
from routing import agent_events
from routing.agent_events import AgentEvent, AgentId
from runtime.bus import AGENT_EVENTS, ANNOUNCEMENTS_LOST, ROUTING, Announcement, Bus
from store.agent_identities import find_identities
from store.database import Database

MAX_MISSED_EVENTS = 500
"""How many missed events are delivered when a client resumes. A client that missed more must read the lists, which is cheaper."""


class DeskId(NamedTuple):
    """An agent, and their identity: an agent who is configured anew under the same name has another desk."""

    agent: AgentId
    identity: str


@dataclass(eq=False)
class AgentEventSubscriber:
    """One socket of an agent."""

    key: DeskId
    frames: FrameQueue
    close: Callable[[CloseReason], None]
    after: int | None = None
    """The number of the last event that the client received. None: it starts with the next event."""
    cursor: int = 0

    def send(self, type: str, body: Mapping[str, Any], at: datetime, seq: int | None = None) -> None:
        """Queue a frame. `seq`: the event number that the client passes when it resumes; None means the subscriber's cursor."""
        frame = {"seq": self.cursor if seq is None else seq, "at": iso(at), "type": type, **body}
        self.frames.put(Frame(json.dumps(frame, ensure_ascii=False)))

    def deliver(self, entry: AgentEvent) -> None:
        """Queue an event."""
        self.send(entry.kind, entry.body, entry.at, entry.seq)

    catch_up = deliver


class AgentEventFeed(Feed[DeskId, AgentEvent, AgentEventSubscriber]):
    """The subscribed agents of one process."""

    def __init__(self, db: Database, bus: Bus, poll_interval: timedelta = POLL_INTERVAL) -> None:
        self._db = db
        super().__init__("agent events", poll_interval)
        bus.subscribe(self._receive)

    async def heads(self, keys: Collection[DeskId]) -> Mapping[DeskId, int]:
        """The number of the last event of each agent who is configured, and has the same identity as at the sign-in."""
        agents = {desk.agent for desk in keys}
        heads = await agent_events.event_heads(self._db, agents)
        identities = await find_identities(self._db, agents)
        return {
            desk: heads[desk.agent].seq
            for desk in keys
            if desk.agent in heads and identities.get(desk.agent) == desk.identity
        }

    async def read(self, key: DeskId, after: int) -> Sequence[AgentEvent]:
        """A page of the events of an agent."""
        return await agent_events.events_after(self._db, key.agent, after)

    async def admit(self, subscriber: AgentEventSubscriber, others: Collection[AgentEventSubscriber]) -> int | None:
        """Resume after the client's last event if the later ones are stored and few; else start with the next event.

        Queues `hello` with the agent's status, and `reset` if the client asked for events that it cannot get. Refuses an agent
        who is not configured yet.
        """
        agent = subscriber.key.agent
        head = (await agent_events.event_heads(self._db, [agent])).get(agent)
        if head is None:
            return None
        after = subscriber.after
        resumes = after is not None and head.seq - after <= MAX_MISSED_EVENTS
        resumes = resumes and await agent_events.are_events_kept(self._db, agent, after or 0, head.seq)
        subscriber.cursor = after if resumes and after is not None else head.seq
        now, status = datetime.now(UTC), {"status": head.status, "next_status": head.next_status}
        # `seq` is the cursor, not the head: a client that stores the last `seq` can always resume
        subscriber.send("hello", {"head": head.seq, **status}, now)
        if after is not None and not resumes:
            subscriber.send("reset", {}, now)
        return subscriber.cursor

    def end(self, subscriber: AgentEventSubscriber) -> None:
        """Close the socket of an agent who is no longer configured, or was configured anew."""
        subscriber.close(AGENT_REMOVED)

    def _receive(self, announcement: Announcement) -> None:
        # changes of routing come with agent events, too
        if announcement.conversation_id in (ROUTING, AGENT_EVENTS, ANNOUNCEMENTS_LOST.conversation_id):
            self.poll_soon()
