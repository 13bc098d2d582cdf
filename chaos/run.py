"""One run: people use a deployment, faults hit it, everything comes to rest, and the checker looks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from time import time
from typing import Any

import aiohttp

from chaos.calls import Caller
from chaos.checker import check
from chaos.checker.collecting import collect, is_settled, watch_board
from chaos.checker.evidence import Breach, Evidence
from chaos.customers import Customer, Customers
from chaos.deployment import Deployment, deployed
from chaos.desks import Desk
from chaos.faults import Schedule
from chaos.followers import FeedReader, WebhookReceiver
from chaos.journal import Journal
from chaos.pace import Pace
from chaos.settings import DEATH, DESKS, RECONNECT_WINDOW

SETTLE_SECONDS = 75.0
"""Within this time after the last fault everybody has an answer, and nothing waits any more."""
REST_SECONDS = DEATH + 3
"""Presence and offers come to rest in this time."""
LAST_WORDS_SECONDS = 30.0
BOARD_SECONDS = 1.0


@dataclass(frozen=True)
class Plan:
    """What a run is made of. The same plan has the same people and the same faults.

    Attributes:
        seconds: how long faults are injected.
        places: customers at a time.
        pace: how much everybody writes in a chat, and how fast.
    """

    seed: int
    seconds: float
    shape: str
    durability: str
    places: int
    pace: Pace


@dataclass
class Result:
    """What a run has found."""

    journal: Journal
    evidence: Evidence
    differences: list[Breach]


async def run(plan: Plan, folder: Path, tell: Callable[[str], None]) -> Result:
    """Run a plan in an empty folder."""
    journal, evidence = Journal(), Evidence()
    async with deployed(plan.shape, plan.durability, folder) as deployment:
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=30)
        async with aiohttp.ClientSession(connector=connector) as session:
            people = _People(plan, deployment, session, journal)
            journal.began = time()
            board = asyncio.create_task(watch_board(deployment.store, journal.board, BOARD_SECONDS))
            try:
                await people.work(plan.seconds, tell)
                journal.ended = time()
                await people.come_to_rest(tell)
                board.cancel()
                evidence = await collect(deployment, people.customers.customers)
            finally:
                board.cancel()
                await people.close()
                await asyncio.gather(board, return_exceptions=True)
    return Result(journal, evidence, check(journal, evidence))


class _People:
    """Customers and agents of a run. Each has a source of chance of their own, so that none depends on the pace of another."""

    def __init__(self, plan: Plan, deployment: Deployment, session: aiohttp.ClientSession, journal: Journal) -> None:
        def caller(name: str) -> Caller:
            return Caller(session, deployment.doors, Random(f"{plan.seed} {name}"), journal)

        callers = [caller(f"customer {number}") for number in range(plan.places)]
        self.customers = Customers(callers, journal, plan.pace)
        self._reader = FeedReader(caller("reader"), journal)
        self._receiver = WebhookReceiver(deployment.receiver, journal, plan.pace)
        self._desks = [Desk(user, caller(user), journal, plan.pace) for user in DESKS]
        self._schedule = Schedule(deployment, plan.shape, Random(f"{plan.seed} faults"), journal)
        self._deployment, self._journal = deployment, journal

    async def work(self, seconds: float, tell: Callable[[str], None]) -> None:
        """Let people use the deployment while faults hit it."""
        await self._receiver.begin()
        self._reader.begin()
        await asyncio.gather(*(desk.begin() for desk in self._desks))
        self.customers.begin()
        schedule = asyncio.create_task(self._schedule.run(seconds))
        while not schedule.done():
            await asyncio.wait((schedule,), timeout=10)
            messages, events = len(self._journal.acknowledged), len(self._journal.received)
            tell(f"{time() - self._journal.began:4.0f} s: {messages} messages accepted, {events} events delivered")
        await schedule

    async def come_to_rest(self, tell: Callable[[str], None]) -> None:
        """Begin nothing more, wait until nobody waits, and have the customer of each open chat say one more thing."""
        await self.customers.stop()
        await asyncio.gather(*(desk.stop_talking() for desk in self._desks))
        began = time()
        await self._within(SETTLE_SECONDS, "messages are not answered", self._settle())
        await self._within(SETTLE_SECONDS, "wrap-ups or waiting chats do not end", self._until_settled())
        await asyncio.sleep(max(0.0, began + REST_SECONDS - time()))
        await asyncio.sleep(max(0.0, self._last_departure() + RECONNECT_WINDOW + DEATH - time()))
        tell(f"at rest after {time() - began:.0f} s, {len(self._journal.received)} events delivered")
        await asyncio.gather(*map(self._last_words, self.customers.customers))
        await self._within(SETTLE_SECONDS, "waiting chats do not end", self._until_settled())
        await asyncio.sleep(REST_SECONDS)
        await self._reader.finish()
        await self._receiver.finish()

    async def close(self) -> None:
        """Everybody goes home."""
        await self.customers.stop()
        await asyncio.gather(*(desk.close() for desk in self._desks))
        await self.customers.close()
        await self._reader.stop()
        await self._receiver.stop()

    async def _settle(self) -> None:
        await self.customers.settle()
        await asyncio.gather(*(desk.settle() for desk in self._desks))

    async def _until_settled(self) -> None:
        while not await is_settled(self._deployment.store):  # noqa: ASYNC110 - another program changes it
            await asyncio.sleep(0.5)

    async def _last_words(self, customer: Customer) -> None:
        if customer.socket.over.is_set():
            return
        what = f"{customer.record.id} does not show a message that is sent now"
        await self._within(LAST_WORDS_SECONDS, what, customer.say_one_more())

    async def _within(self, seconds: float, what: str, work: Coroutine[Any, Any, Any]) -> None:
        try:
            async with asyncio.timeout(seconds):
                await work
        except TimeoutError:
            self._journal.stuck.append(f"{what} within {seconds:.0f} s")

    def _last_departure(self) -> float:
        with suppress(ValueError):
            return max(chat.left_at for chat in self._journal.chats.values() if chat.left_at is not None)
        return 0.0
