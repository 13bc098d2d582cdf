"""The people of a simulated day: customers who start, leave and return, and agents who use every action on their chats."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from uuid import uuid4

from sqlalchemy import select

from configuration.schema.workstreams import WorkstreamSettings
from domain.errors import ConversationEnded, Unavailable
from domain.events import (
    AcceptOffer,
    Close,
    Command,
    Connect,
    Disconnect,
    End,
    Message,
    Park,
    RejectOffer,
    Release,
    Transfer,
)
from domain.participants import Role
from domain.refusals import Refusal
from domain.routing import AgentStatus, Offer
from routing.rows import ROUTING_COLUMNS, RoutingRow
from store import schema
from tests.distribution.contact_centre import ContactCentre
from workflows.state import derived_id

POLL_SECONDS = 0.1
MOST_REFUSALS, MOST_TWISTS = 2, 3
"""Refused offers of a chat, and transfers and the like, after which an agent accepts and ends it."""
MOST_REPEATS = 3

ANSWERS = {"accepted": 86, "rejected": 8, "missed": 6}
TWISTS = {"ended": 50, "parked": 25, "transferred": 10, "released": 6, "lost": 6, "never connected": 3}


@dataclass
class ChatCase:
    """A chat, and the ids of the messages that the API has accepted."""

    id: str
    workstream: str
    messages: list[str] = field(default_factory=list)
    refusals: int = 0
    twists: int = 0


@dataclass
class SimulatedPeople:
    """All customers and agents. One source of randomness decides what they do; `done` counts it."""

    centre: ContactCentre
    random: Random
    talk_seconds: float
    cases: dict[str, ChatCase] = field(default_factory=dict)
    done: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    _answered: set[str] = field(default_factory=set)
    _busy: set[asyncio.Task[None]] = field(default_factory=set)

    async def start_chat(self, workstream: str) -> None:
        """Start a chat as a customer and send a message. A few customers leave before an agent comes."""
        chat = await self.centre.start(workstream)
        case = self.cases[chat.id] = ChatCase(chat.id, workstream)
        self.done["chats"] += 1
        await self._say(case, self._customer(case), "CUSTOMER")
        if self._workstream(case).mode == "live" and self.random.random() < 0.06:
            self.spawn(self._leave(case))

    async def answer_offers(self) -> None:
        """Answer the offers of all agents until this is cancelled."""
        while True:
            for offer in await self._offers():
                if offer.conversation_id in self.cases and offer.id not in self._answered:
                    self._answered.add(offer.id)
                    self.spawn(self._answer(offer, self.cases[offer.conversation_id]))
            await asyncio.sleep(POLL_SECONDS)

    async def keep_shifts(self, seconds: float) -> None:
        """Make two thirds of the agents available, then the others; then some go offline; in the end all work again.

        Agents who became away after missed offers become available again.
        """
        users = sorted(self.centre.instance.agents)
        early, late = users[: len(users) * 2 // 3], users[len(users) * 2 // 3 :]
        await self._set_status(early, AgentStatus.AVAILABLE)
        await asyncio.sleep(seconds / 3)
        await self._set_status(late, AgentStatus.BUSY)
        await asyncio.sleep(seconds / 3)
        await self._set_status(early[:: len(early) // 2 or 1], AgentStatus.OFFLINE, when_free=True)
        await asyncio.sleep(seconds / 3)
        while True:
            absent = [user for user in users if (await self.centre.agent(user)).status.is_absent]
            await self._set_status(absent, AgentStatus.AVAILABLE)
            await asyncio.sleep(1)

    async def stop(self) -> None:
        """Cancel everything that is still going on."""
        for task in list(self._busy):
            task.cancel()
        await asyncio.gather(*self._busy, return_exceptions=True)

    async def _answer(self, offer: Offer, case: ChatCase) -> None:
        # an offer for this agent alone is always accepted: it would wait until the agent may receive it again
        may_refuse = case.refusals < MOST_REFUSALS and self._workstream(case).same_agent != "required"
        answer = self._draw(ANSWERS) if may_refuse else "accepted"
        case.refusals += answer != "accepted"
        if answer == "missed":
            self.done[answer] += 1
            return
        if answer == "rejected":
            self.done[answer] += await self._ask(case, RejectOffer(offer_id=offer.id, by=offer.user)) is None
        elif await self._ask(case, AcceptOffer(offer_id=offer.id, by=offer.user)) is None:
            self.done[answer] += 1
            await self._handle_chat(case, offer.user)

    async def _handle_chat(self, case: ChatCase, user: str) -> None:
        twist = self._draw(TWISTS) if case.twists < MOST_TWISTS else "ended"
        if twist == "parked" and self._workstream(case).mode == "live":
            twist = "ended"
        case.twists += twist != "ended"
        agent = derived_id(case.id, f"agent/{user}")
        if twist != "never connected":
            await self.centre.client.signal(case.id, Connect(by=agent, at=datetime.now(UTC)))
            await self._say(case, agent, "AGENT")
            await self._say(case, self._customer(case), "CUSTOMER")
            await asyncio.sleep(self.random.uniform(0.2, self.talk_seconds))
        if not await self._do(twist, case, agent):
            await self._ask(case, Close(by=agent))  # the customer has ended it
            return
        self.done[twist] += 1
        if twist == "parked":
            await asyncio.sleep(self.random.uniform(0.2, 2))
            await self._say(case, self._customer(case), "CUSTOMER")
            self.done["returned"] += 1

    async def _do(self, twist: str, case: ChatCase, agent: str) -> bool:
        """Carry out an action. Return whether it was possible."""
        match twist:
            case "parked":
                return await self._ask(case, Park(by=agent)) is None
            case "released":
                return await self._ask(case, Release(by=agent)) is None
            case "transferred":
                contact, queue = str(uuid4()), self.random.choice(sorted(self.centre.instance.queue_names))
                return await self._ask(case, Transfer(contact_id=contact, queue=queue, by=agent)) is None
            case "ended":
                refused = await self._ask(case, End(by=agent))
                return refused is None and await self._ask(case, Close(by=agent)) is None
            case "lost":
                await self.centre.client.signal(case.id, Disconnect(by=agent, at=datetime.now(UTC)))
            case _:
                pass
        return True

    async def _ask(self, case: ChatCase, command: Command) -> Refusal | None:
        """Repeat a command that the engine did not answer, as clients do."""
        for _ in range(MOST_REPEATS):
            try:
                return await self.centre.client.execute_command(case.id, command)
            except Unavailable:
                self.done["repeated commands"] += 1
        return await self.centre.client.execute_command(case.id, command)

    async def _leave(self, case: ChatCase) -> None:
        await asyncio.sleep(self.random.uniform(0.2, 3))
        self.done["left"] += await self._ask(case, End(by=self._customer(case))) is None

    async def _say(self, case: ChatCase, by: str, role: str) -> None:
        id = str(uuid4())
        message = Message(
            id=id, at=datetime.now(UTC), by=by, role=Role(role), name="Somebody", content=f"A message of the {role}."
        )
        await self.centre.client.send_message(case.id, message)
        case.messages.append(id)
        self.done["messages"] += 1

    async def _offers(self) -> list[Offer]:
        entry = schema.routing.c
        query = select(*ROUTING_COLUMNS).where(
            entry.instance == self.centre.name, entry.offer_id.is_not(None), entry.delivered
        )
        async with self.centre.engine.db.read() as connection:
            rows = [RoutingRow(*row) for row in await connection.execute(query)]
        return [row.offer for row in rows if row.offer]

    async def _set_status(self, users: list[str], status: AgentStatus, *, when_free: bool = False) -> None:
        for user in users:
            await self.centre.set_status(user, status, when_free=when_free)

    def spawn(self, activity: Awaitable[None]) -> None:
        """Run an activity as a task. The end of its chat may interrupt it."""

        async def tolerant() -> None:
            try:
                await activity
            except ConversationEnded:
                return
            except Exception as fault:
                self.faults.append(repr(fault))

        task = asyncio.create_task(tolerant())
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)

    def _draw(self, chances: dict[str, int]) -> str:
        return self.random.choices(list(chances), list(chances.values()))[0]

    def _workstream(self, case: ChatCase) -> WorkstreamSettings:
        return self.centre.instance.workstreams[case.workstream]

    @staticmethod
    def _customer(case: ChatCase) -> str:
        return f"{case.id}-customer"
