"""Reads the events of agents."""

from __future__ import annotations

from typing import Any

from routing import agent_events
from routing.agent_events import AgentId
from store.database import Database
from tests.store.sample_records import INSTANCE

ANN, BOB = AgentId(INSTANCE, "ann"), AgentId(INSTANCE, "bob")


async def head_of(db: Database, who: AgentId = ANN) -> int:
    return (await agent_events.event_heads(db, [who]))[who].seq


class EventReader:
    """Reads the events of an agent from now on."""

    def __init__(self, db: Database, who: AgentId = ANN) -> None:
        self._db, self._who, self.cursor = db, who, -1

    async def start(self) -> EventReader:
        self.cursor = await head_of(self._db, self._who)
        return self

    async def new_events(self) -> list[tuple[str, Any]]:
        """The kind and the main field of each new event. Asserts that the numbers have no gaps."""
        events = await agent_events.events_after(self._db, self._who, self.cursor)
        assert [event.seq for event in events] == [self.cursor + 1 + i for i in range(len(events))]
        self.cursor = events[-1].seq if events else self.cursor
        names = ("outcome", "stage", "bound", "status", "offer_id")
        return [(event.kind, next(event.body[name] for name in names if name in event.body)) for event in events]


async def event_readers(db: Database) -> tuple[EventReader, EventReader]:
    return await EventReader(db).start(), await EventReader(db, BOB).start()
