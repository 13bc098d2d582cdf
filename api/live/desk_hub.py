"""What agents are told, on its way to the sockets of their desks in this process.

What goes out is read from the store behind each socket's cursor. News of the board only wakes the reader, so nothing is lost,
doubled or sent out of order; what was announced to nobody is found by the next look.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from store.board import desk
from store.board.desk import AgentId, Event
from store.documents import iso

from api.running import Running
from runtime.bus import BOARD, DESKS, Announcement, Bus
from store.database import Database

logger = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
GATHER_SECONDS = 0.02
"""How long announcements gather, so that one look answers many."""

QUEUED_FRAMES = 1_000
"""Frames a socket may lag behind before it is dropped; its client reconnects and goes on where it was."""

LAGS, EXPIRED, NO_AGENT = 1013, 4001, 4003
"""With which codes a socket is closed: to come again at once, with a new token, not at all."""

MOST_RESUMED = 500
"""Who has missed more reads the lists anew, which is less."""


@dataclass(eq=False)
class Listener:
    """One socket of an agent's desk. `cursor` is the last event that was queued for it."""

    agent: AgentId
    drop: Callable[[int], None]
    frames: asyncio.Queue[str] = field(default_factory=lambda: asyncio.Queue(QUEUED_FRAMES))
    cursor: int = 0

    def send(self, frame: dict[str, Any]) -> None:
        """Queues a frame, or drops the socket when it lags too far behind."""
        try:
            self.frames.put_nowait(json.dumps(frame, ensure_ascii=False))
        except asyncio.QueueFull:
            self.drop(LAGS)

    def send_event(self, event: Event) -> None:
        """Queues an event, once."""
        if event.seq > self.cursor:
            self.send({"seq": event.seq, "at": iso(event.at), "type": event.kind, **event.body})
            self.cursor = event.seq


class DeskHub(Running):
    """The desks that are open in this process."""

    def __init__(self, db: Database, bus: Bus) -> None:
        self._db = db
        self._listeners: dict[AgentId, set[Listener]] = {}
        self._news = asyncio.Event()
        bus.listen(self._hear)

    async def join(self, listener: Listener, after: int | None) -> bool:
        """Lets a socket have everything from now on, or all that came after an event if that is still known.

        Returns:
            False when the board does not know this agent.
        """
        head = (await desk.heads(self._db, [listener.agent])).get(listener.agent)
        if head is None:
            return False
        resumes = after is not None and head.seq - after <= MOST_RESUMED
        resumes = resumes and await desk.is_kept(self._db, listener.agent, after or 0, head.seq)
        listener.cursor = after if resumes and after is not None else head.seq
        # `seq` is where this socket goes on, so that whoever remembers the last one they saw can always resume
        stands = {"presence": head.presence, "next_presence": head.next_presence}
        now = iso(datetime.now(UTC))
        listener.send({"seq": listener.cursor, "at": now, "type": "hello", "head": head.seq, **stands})
        if after is not None and not resumes:
            listener.send({"seq": listener.cursor, "at": now, "type": "reset"})
        self._listeners.setdefault(listener.agent, set()).add(listener)
        self._news.set()
        return True

    def leave(self, listener: Listener) -> None:
        """Ends a socket's part in it."""
        others = self._listeners.get(listener.agent, set())
        others.discard(listener)
        if not others:
            self._listeners.pop(listener.agent, None)

    def _hear(self, news: Announcement) -> None:
        if news.conversation_id in (BOARD, DESKS):
            self._news.set()

    async def _run(self) -> None:
        while True:
            self._news.clear()
            try:
                await self._look()
            except Exception:
                logger.exception("cannot read what agents are told; the next look tries again")
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._news.wait()
            await asyncio.sleep(GATHER_SECONDS)

    async def _look(self) -> None:
        if not self._listeners:
            return
        open_desks = list(self._listeners)
        heads = await desk.heads(self._db, open_desks)
        for agent in open_desks:
            listeners = tuple(self._listeners.get(agent, ()))
            if agent not in heads:
                for listener in listeners:  # configured no more: the desk is closed
                    listener.drop(NO_AGENT)
            elif behind := [listener for listener in listeners if listener.cursor < heads[agent].seq]:
                await self._serve(agent, behind)

    async def _serve(self, agent: AgentId, behind: list[Listener]) -> None:
        cursor = min(listener.cursor for listener in behind)
        while events := await desk.events(self._db, agent, cursor):
            for event in events:
                for listener in behind:
                    listener.send_event(event)
            cursor = events[-1].seq
