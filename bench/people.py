"""The people of a scripted day: customers who come, wait, leave and return, and agents who do with chats all that can be done."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from uuid import uuid4

from sqlalchemy import select

from domain.errors import ConversationEnded, Unavailable
from runtime.workstreams import Workstream
from store import schema
from store.board.rows import ROW, Row
from store.board.values import Offer, Presence
from tests.board.floor import Floor
from workflows.events import Accept, Close, Command, Connect, Disconnect, End, Message, Park, Reject, Release, Transfer
from workflows.refusals import Refusal
from workflows.state import derived_id
from workflows.values import Role

LOOK_SECONDS = 0.1
MOST_PASSES, MOST_TWISTS = 2, 3
"""How often a chat is passed on by agents, and how often it is handed on or set aside, before somebody just does the work."""
MOST_REPEATS = 3

ANSWERS = {"accepted": 86, "rejected": 8, "missed": 6}
TWISTS = {"ended": 50, "parked": 25, "transferred": 10, "released": 6, "lost": 6, "never connected": 3}


@dataclass
class Case:
    """A customer's chat, and what was accepted of what was said in it."""

    id: str
    workstream: str
    said: list[str] = field(default_factory=list)
    passes: int = 0
    twists: int = 0


@dataclass
class People:
    """Everybody. What they do is drawn from one source of randomness, and counted."""

    floor: Floor
    random: Random
    talk_seconds: float
    cases: dict[str, Case] = field(default_factory=dict)
    done: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    _answered: set[str] = field(default_factory=set)
    _busy: set[asyncio.Task[None]] = field(default_factory=set)

    async def come(self, workstream: str) -> None:
        """A customer starts a chat and says something; a few lose patience."""
        chat = await self.floor.start(workstream)
        case = self.cases[chat.id] = Case(chat.id, workstream)
        self.done["chats"] += 1
        await self._say(case, self._customer(case), "CUSTOMER")
        if self._works(case).mode == "live" and self.random.random() < 0.06:
            self.begin(self._leave(case))

    async def answer_offers(self) -> None:
        """Agents see what they are offered, and answer, until this is cancelled."""
        while True:
            for offer in await self._offers():
                if offer.conversation_id in self.cases and offer.id not in self._answered:
                    self._answered.add(offer.id)
                    self.begin(self._asked(offer, self.cases[offer.conversation_id]))
            await asyncio.sleep(LOOK_SECONDS)

    async def keep_shifts(self, seconds: float) -> None:
        """Two thirds begin early, the others come later, a few of the first go; in the end everybody helps out.

        Who has missed too much is back before long.
        """
        users = sorted(self.floor.instance.agents)
        early, late = users[: len(users) * 2 // 3], users[len(users) * 2 // 3 :]
        await self._all_become(early, Presence.AVAILABLE)
        await asyncio.sleep(seconds / 3)
        await self._all_become(late, Presence.BUSY)
        await asyncio.sleep(seconds / 3)
        await self._all_become(early[:: len(early) // 2 or 1], Presence.OFFLINE, when_free=True)
        await asyncio.sleep(seconds / 3)
        while True:
            here = [
                user for user in users if (await self.floor.agent(user)).presence in (Presence.AWAY, Presence.OFFLINE)
            ]
            await self._all_become(here, Presence.AVAILABLE)
            await asyncio.sleep(1)

    async def stop(self) -> None:
        """Everybody goes."""
        for task in list(self._busy):
            task.cancel()
        await asyncio.gather(*self._busy, return_exceptions=True)

    async def _asked(self, offer: Offer, case: Case) -> None:
        # on what only they may be offered nobody passes: it would wait for them until they may be asked again
        may_pass = case.passes < MOST_PASSES and self._works(case).same_agent != "required"
        answer = self._draw(ANSWERS) if may_pass else "accepted"
        case.passes += answer != "accepted"
        if answer == "missed":
            self.done[answer] += 1
            return
        if answer == "rejected":
            self.done[answer] += await self._ask(case, Reject(offer_id=offer.id, by=offer.user)) is None
        elif await self._ask(case, Accept(offer_id=offer.id, by=offer.user)) is None:
            self.done[answer] += 1
            await self._work(case, offer.user)

    async def _work(self, case: Case, user: str) -> None:
        twist = self._draw(TWISTS) if case.twists < MOST_TWISTS else "ended"
        if twist == "parked" and self._works(case).mode == "live":
            twist = "ended"
        case.twists += twist != "ended"
        agent = derived_id(case.id, f"agent/{user}")
        if twist != "never connected":
            await self.floor.client.signal(case.id, Connect(by=agent, at=datetime.now(UTC)))
            await self._say(case, agent, "AGENT")
            await self._say(case, self._customer(case), "CUSTOMER")
            await asyncio.sleep(self.random.uniform(0.2, self.talk_seconds))
        if not await self._do(twist, case, agent):
            await self._ask(case, Close(by=agent))  # the customer has left
            return
        self.done[twist] += 1
        if twist == "parked":
            await asyncio.sleep(self.random.uniform(0.2, 2))
            await self._say(case, self._customer(case), "CUSTOMER")
            self.done["returned"] += 1

    async def _do(self, twist: str, case: Case, agent: str) -> bool:
        """Whether that was possible."""
        match twist:
            case "parked":
                return await self._ask(case, Park(by=agent)) is None
            case "released":
                return await self._ask(case, Release(by=agent)) is None
            case "transferred":
                contact, queue = str(uuid4()), self.random.choice(sorted(self.floor.instance.queue_names))
                return await self._ask(case, Transfer(contact_id=contact, queue=queue, by=agent)) is None
            case "ended":
                refused = await self._ask(case, End(by=agent))
                return refused is None and await self._ask(case, Close(by=agent)) is None
            case "lost":
                await self.floor.client.signal(case.id, Disconnect(by=agent, at=datetime.now(UTC)))
            case _:
                pass
        return True

    async def _ask(self, case: Case, command: Command) -> Refusal | None:
        """Send a command, again if the engine does not answer, as clients do."""
        for _ in range(MOST_REPEATS):
            try:
                return await self.floor.client.ask(case.id, command)
            except Unavailable:
                self.done["asked again"] += 1
        return await self.floor.client.ask(case.id, command)

    async def _leave(self, case: Case) -> None:
        await asyncio.sleep(self.random.uniform(0.2, 3))
        self.done["left"] += await self._ask(case, End(by=self._customer(case))) is None

    async def _say(self, case: Case, by: str, role: str) -> None:
        id = str(uuid4())
        message = Message(
            id=id, at=datetime.now(UTC), by=by, role=Role(role), name="Somebody", content=f"What {role} says."
        )
        await self.floor.client.send_message(case.id, message)
        case.said.append(id)
        self.done["messages"] += 1

    async def _offers(self) -> list[Offer]:
        board = schema.board.c
        query = select(*ROW).where(board.instance == self.floor.name, board.offer_id.is_not(None), board.told)
        async with self.floor.engine.db.read() as connection:
            rows = [Row(*row) for row in await connection.execute(query)]
        return [row.offer for row in rows if row.offer]

    async def _all_become(self, users: list[str], presence: Presence, *, when_free: bool = False) -> None:
        for user in users:
            await self.floor.set_status(user, presence, when_free=when_free)

    def begin(self, doing: Awaitable[None]) -> None:
        """Somebody does something on their own, which the end of their chat may cut short."""

        async def tolerant() -> None:
            try:
                await doing
            except ConversationEnded:
                return
            except Exception as fault:
                self.faults.append(repr(fault))

        task = asyncio.create_task(tolerant())
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)

    def _draw(self, chances: dict[str, int]) -> str:
        return self.random.choices(list(chances), list(chances.values()))[0]

    def _works(self, case: Case) -> Workstream:
        return self.floor.instance.workstreams[case.workstream]

    @staticmethod
    def _customer(case: Case) -> str:
        return f"{case.id}-customer"
