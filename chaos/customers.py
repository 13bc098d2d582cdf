"""Customers: they start chats, write, lose their connection and come back, leave, fall silent, and return weeks later."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from random import Random
from time import time
from uuid import UUID

from chaos.calls import BACKEND, Caller, Seated
from chaos.journal import ChatRecord, Journal, Outcome, SentMessage
from chaos.pace import Pace
from chaos.settings import INSTANCE, LIVE, PERSISTENT, SILENCE
from chaos.sockets import StayingSocket

THINK = (0.3, 1.1)
"""Seconds between the answer to a message and the next message."""
MESSAGES = (4, 24)
LOSSES = 0.01
"""The share of messages after which a customer loses the connection, at the usual pace."""
LATE_AGENT_SECONDS = 12.0
"""How long a customer waits for the end of the chat once everything is said."""
EXITS = {
    LIVE: {"stays": 40, "ends": 30, "vanishes": 12, "falls silent": 18},
    PERSISTENT: {"stays": 60, "vanishes": 25, "leaves": 15},
}
CONTINUES = 0.45
"""The share of ended chats that the same customer continues as a new one."""


class Line:
    """One side that writes in a chat: each message after the answer to the one before."""

    def __init__(self, seat: Seated, chat: str, name: str, journal: Journal) -> None:
        self._seat, self._journal = seat, journal
        self._chat, self._name, self._number = chat, name, 0
        self._on_its_way: asyncio.Task[None] | None = None

    async def say(self) -> SentMessage:
        """Send a message until it is answered, and note it. Who is cancelled meanwhile leaves it on its way."""
        await self.settle()
        message = SentMessage(self._chat, self._name, self._number, f"{self._name}/{self._number}", time())
        self._number += 1
        self._journal.messages.append(message)
        self._on_its_way = asyncio.create_task(self._deliver(message))
        await asyncio.shield(self._on_its_way)
        return message

    async def settle(self) -> None:
        """Wait until the last message is answered."""
        if self._on_its_way:
            await asyncio.shield(self._on_its_way)

    async def give_up(self) -> None:
        """Send nothing more, also not what is on its way."""
        if self._on_its_way:
            self._on_its_way.cancel()
            await asyncio.gather(self._on_its_way, return_exceptions=True)

    async def _deliver(self, message: SentMessage) -> None:
        answer = await self._seat.send(message.text)
        message.answered = time()
        message.outcome = Outcome.ACKNOWLEDGED if answer.is_good else Outcome.REFUSED
        message.id = answer.body["Id"] if answer.is_good else ""


class Customer:
    """A customer in one chat."""

    def __init__(self, caller: Caller, record: ChatRecord, journal: Journal, pace: Pace) -> None:
        self.record = record
        self._random, self._journal, self._pace = caller.random, journal, pace
        self.seat = Seated(caller, record.participant_token)
        self.socket = StayingSocket(self.seat, record.id, record.participant, "CUSTOMER", journal)
        self.line = Line(self.seat, record.id, f"{record.participant}/c", journal)

    async def take_part(self) -> None:
        """Write until everything is said, then leave the chat in one of several ways."""
        await self.socket.opened.wait()
        self.record.past = self.socket.past
        for _ in range(self._pace.messages(self._random, *MESSAGES)):
            if self.socket.over.is_set():
                return
            message = await self.line.say()
            if message.outcome is Outcome.REFUSED:
                return
            await self._pace.think(self._random, *THINK)
            if self._random.random() < LOSSES / self._pace.talk:
                await self._lose_connection()
        await self._exit()

    async def say_one_more(self) -> str:
        """Say something when everything works again. Return the id of the message; empty when it is refused."""
        if not self.socket.is_open:
            self.record.left_at = None
            self.socket.come_back()
        opened = asyncio.create_task(self.socket.opened.wait())
        over = asyncio.create_task(self.socket.over.wait())
        await asyncio.wait((opened, over), return_when=asyncio.FIRST_COMPLETED)
        opened.cancel()
        over.cancel()
        message = await self.line.say()
        if message.id and not self.socket.over.is_set():
            await self.socket.shows(message.id)
        return message.id

    async def _lose_connection(self) -> None:
        await self.socket.drop()
        self._journal.done["connections lost by customers"] += 1
        await asyncio.sleep(self._random.uniform(0.1, 6.0))
        self.socket.come_back()

    async def _exit(self) -> None:
        chances = EXITS[self.record.workstream]
        way = self._random.choices(list(chances), list(chances.values()))[0]
        self._journal.done[f"customer {way}"] += 1
        if way == "vanishes":
            await self.socket.drop()
            self.record.left_at = time()
        elif way in ("ends", "leaves"):
            await self.seat.disconnect()
        else:
            patience = SILENCE * 2 if way == "falls silent" else LATE_AGENT_SECONDS
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self.socket.over.wait()


class Customers:
    """All customers: some places, on each of which one customer follows another."""

    def __init__(self, callers: list[Caller], journal: Journal, pace: Pace) -> None:
        self.customers: list[Customer] = []
        self._callers, self._journal, self._pace = callers, journal, pace
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        """Begin to come."""
        self._tasks = [asyncio.create_task(self._come(caller)) for caller in self._callers]

    async def stop(self) -> None:
        """Nobody begins anything more. Sockets stay open."""
        for task in self._tasks:
            task.cancel()
        found = await asyncio.gather(*self._tasks, return_exceptions=True)
        self._journal.stuck += [f"a customer failed: {each!r}" for each in found if isinstance(each, Exception)]

    async def settle(self) -> None:
        """Wait until every message is answered."""
        await asyncio.gather(*(customer.line.settle() for customer in self.customers))

    async def close(self) -> None:
        """Close all sockets."""
        await asyncio.gather(*(customer.line.give_up() for customer in self.customers))
        await asyncio.gather(*(customer.socket.leave() for customer in self.customers))

    async def _come(self, caller: Caller) -> None:
        source = ""
        while True:
            record = await self._start(caller, source)
            if record is None:
                await asyncio.sleep(1.0)
                source = ""
                continue
            customer = Customer(caller, record, self._journal, self._pace)
            self.customers.append(customer)
            self._journal.done["rehydrations" if source else "chats"] += 1
            await customer.take_part()
            is_over = customer.socket.over.is_set()
            source = record.id if is_over and caller.random.random() < CONTINUES else ""
            await asyncio.sleep(caller.random.uniform(*THINK))

    async def _start(self, caller: Caller, source: str) -> ChatRecord | None:
        workstream = caller.random.choice((LIVE, PERSISTENT))
        token = str(UUID(int=Random(caller.random.random()).getrandbits(128)))
        body: dict[str, object] = {
            "InstanceId": INSTANCE,
            "ContactFlowId": workstream,
            "ParticipantDetails": {"DisplayName": "Ada"},
            "ClientToken": token,
        }
        if source:
            body["PersistentChat"] = {"SourceContactId": source, "RehydrationType": "ENTIRE_PAST_SESSION"}
        answer = await caller.ask("PUT", "/contact/chat", body, **BACKEND)
        if not answer.is_good:
            self._journal.done[f"a start refused: {answer.body}"] += 1
            return None
        made = answer.body
        record = ChatRecord(made["ContactId"], workstream, made["ParticipantId"], made["ParticipantToken"], source)
        self._journal.chats[record.id] = record
        return record
