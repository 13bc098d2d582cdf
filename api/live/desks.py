"""Agents whose desk loses its connection: from the loss on they are offered nothing, and after the grace they are offline.

`Attendance` counts the connections of desks with those of participants; what it tells of a desk is for the board, and all else is
for the conversations.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta

from api.board.withdrawing import withdraw
from api.running import Running
from engine.client import ConversationClient
from runtime.bus import Bus, board_has_changed
from store.board import absence, desk, offers
from store.board.desk import AgentId
from store.database import Database
from workflows.events import Connect, Disconnect

logger = logging.getLogger(__name__)

DESK = "desk"
"""What desks are connected to, in the place of a conversation's id; those are UUIDs."""

LOOK_SECONDS = 2.0
KEEP_EVENTS = timedelta(days=1)
SWEEP_SECONDS = 600.0


def desk_id(agent: AgentId) -> str:
    """The id of an agent's desk, in the place of a participant's; no slash is in the name of an instance or agent."""
    return "/".join(agent)


class Desks(Running):
    """Hears of all that comes and is lost, and minds those who stay away."""

    def __init__(self, db: Database, bus: Bus, gateway: ConversationClient, *, grace: timedelta) -> None:
        self._db = db
        self._bus = bus
        self._gateway = gateway
        self._grace = grace

    async def connected(self, conversation_id: str, participant_id: str, at: datetime) -> None:
        """The first connection of a participant or a desk is up."""
        if conversation_id != DESK:
            await self._gateway.signal(conversation_id, Connect(by=participant_id, at=at))
            return
        agent = AgentId(*participant_id.split("/"))
        await absence.back(self._db, agent)
        await self._bus.announce(board_has_changed(agent.instance, queue="", agent=agent.user))

    async def disconnected(self, conversation_id: str, participant_id: str, at: datetime) -> None:
        """The last connection of a participant or a desk was lost at that instant."""
        if conversation_id != DESK:
            await self._gateway.signal(conversation_id, Disconnect(by=participant_id, at=at))
            return
        agent = AgentId(*participant_id.split("/"))
        if await absence.lost(self._db, agent, participant_id, at):
            await withdraw(self._db, self._bus, self._gateway, await offers.offers_to(self._db, *agent))

    async def _run(self) -> None:
        clock, sweep_at = asyncio.get_running_loop(), 0.0
        while True:
            try:
                await self._give_up()
                if clock.time() >= sweep_at:
                    await desk.forget(self._db, datetime.now(UTC) - KEEP_EVENTS)
                    sweep_at = clock.time() + SWEEP_SECONDS
            except Exception:
                logger.exception("cannot look for agents who stay away; trying again")
            await asyncio.sleep(LOOK_SECONDS)

    async def _give_up(self) -> None:
        now = datetime.now(UTC)
        for agent in await absence.give_up(self._db, now - self._grace, now):
            await self._bus.announce(board_has_changed(agent.instance, queue="", agent=agent.user))
