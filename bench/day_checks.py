"""The checks of a simulated day: the routing state at every moment, and every chat after its end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Table, select

from bench.simulated_people import ChatCase
from domain.routing import AgentStatus
from domain.transcript import EVENT_PREFIX
from store import schema, transcript
from store.database import Database
from tests.distribution.contact_centre import ContactCentre

CHECK_SECONDS = 0.2
MOST_ROUNDS = 3
"""Rounds that the dispatcher may complete while a chat waits and the same agent who may receive its offer is free."""

PRESENT = (AgentStatus.AVAILABLE, AgentStatus.BUSY)


@dataclass
class RoutingMonitor:
    """Checks the routing state again and again, and collects problems and maxima."""

    centre: ContactCentre
    problems: list[str] = field(default_factory=list)
    checks: int = 0
    most_waiting: int = 0
    most_load: int = 0
    longest_neglect: float = 0.0
    _neglected_since: dict[tuple[str, str], tuple[float, int]] = field(default_factory=dict)
    """For each waiting chat and free agent: since which time, and since which round of the dispatcher."""

    async def run(self) -> None:
        """Check until this is cancelled."""
        while True:
            await self._check()
            await asyncio.sleep(CHECK_SECONDS)

    async def _check(self) -> None:
        async with self.centre.engine.db.read() as connection:
            now = datetime.now(UTC)

            async def rows(table: Table) -> list[Any]:
                return list(await connection.execute(select(table).where(table.c.instance == self.centre.name)))

            routing, agents = await rows(schema.routing), await rows(schema.agents)
            served = {(row.queue, row.user) for row in await rows(schema.agent_queues)}
            passed = {
                (row.conversation_id, row.user) for row in await connection.execute(select(schema.routing_rejections))
            }
        loads = Counter[str]()
        for row in routing:
            if row.holder and row.holds_until > now:
                loads[row.holder] += row.units
        self.problems += [
            f"{agent.user} has {loads[agent.user]} units of {agent.capacity}"
            for agent in agents
            if loads[agent.user] > agent.capacity
        ]
        free = {
            agent.user: agent.capacity - loads[agent.user]
            for agent in agents
            if agent.status in PRESENT and agent.next_status is None
        }
        waiting = [row for row in routing if row.stage == "queued" and row.offer_id is None]
        self._note_neglect(
            (row.conversation_id, user)
            for row in waiting
            for user, units in free.items()
            if units >= row.units
            and (row.queue, user) in served
            and (row.conversation_id, user) not in passed
            and row.bound_to in ("", user)
        )
        self.checks += 1
        self.most_waiting = max(self.most_waiting, len(waiting))
        self.most_load = max(self.most_load, sum(loads.values()))

    def _note_neglect(self, neglected: Iterable[tuple[str, str]]) -> None:
        now, rounds = asyncio.get_running_loop().time(), self.centre.dispatcher.rounds
        since = {pair: self._neglected_since.get(pair, (now, rounds)) for pair in neglected}
        for (chat, user), (began, first_round) in since.items():
            self.longest_neglect = max(self.longest_neglect, now - began)
            if rounds - first_round == MOST_ROUNDS:
                self.problems.append(f"{chat} has waited for {now - began:.1f} s although {user} is free")
        self._neglected_since = since


async def unfinished_chats(centre: ContactCentre) -> list[str]:
    """Return the recorded chats that are not closed."""
    conversation = schema.conversations.c
    query = select(conversation.id).where(conversation.instance == centre.name, conversation.state != "CLOSED")
    async with centre.engine.db.read() as connection:
        return list((await connection.execute(query)).scalars())


async def final_problems(centre: ContactCentre, cases: Iterable[ChatCase]) -> list[str]:
    """Return the problems of closed chats: wrong transcripts, and conversations that are still routed."""
    problems = [problem for case in cases for problem in await _transcript_problems(centre.engine.db, case)]
    async with centre.engine.db.read() as connection:
        left = select(schema.routing.c.conversation_id).where(schema.routing.c.instance == centre.name)
        problems += [f"{id} is still routed" for id in (await connection.execute(left)).scalars()]
    return problems


async def _transcript_problems(db: Database, case: ChatCase) -> list[str]:
    items = await transcript.page(db, case.id, transcript.PageStart(0, forward=True), 10_000)
    times = Counter(item.id for item in items)
    problems = [f"{case.id}: a message is recorded {times[id]} times" for id in case.messages if times[id] != 1]
    agents: set[str | None] = set()
    for item in items:
        if item.role != "AGENT":
            continue
        if item.content_type == f"{EVENT_PREFIX}participant.joined":
            agents.add(item.participant_id)
        elif item.content_type == f"{EVENT_PREFIX}participant.left":
            agents.discard(item.participant_id)
        if len(agents) > 1:
            problems.append(f"{case.id} has two agents")
    return problems
