"""Dispatching: what waits is offered to agents, and conversations are told of it.

Every API process does it; the store sees to it that a conversation is offered once and nobody is given too much. An
announcement says where to look at once. A look at everything, every second, finds what was not announced: what a process
that died had begun, a binding that has run out, a queue that has opened, an agent whose wrap-up no longer counts.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from api.board.withdrawing import withdraw
from api.running import Running
from configuration.current import Configuration
from domain.errors import ConversationEnded, Unavailable
from engine.client import ConversationClient
from runtime.bus import BOARD, DESKS_HAVE_NEWS, Announcement, Bus
from runtime.hours import opening
from runtime.instances import Instance, Queue
from store.board import agents, offers, presence, queues
from store.board.placing import take_off
from store.board.values import Agent, Method, Offer, Outcome, Presence, Rules
from store.database import Database
from workflows import events

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
CONFIGURE_SECONDS = 10.0
"""How often the board's agents are compared with what is configured, though nothing has changed here."""

UNTOLD_AFTER = timedelta(seconds=2)
"""An offer of which its conversation has not been told by then was made by a process that died, or could not."""

QUEUES_AT_ONCE = 4
"""So many queues are offered from at a time: on a busy store each offer waits its turn to be written."""

OVERDUE_AFTER = timedelta(seconds=10)
"""How long after an offer's end its conversation may take to say so; then it is taken back."""


class Dispatcher(Running):
    """The dispatching of one API process."""

    def __init__(self, db: Database, bus: Bus, gateway: ConversationClient, configuration: Configuration) -> None:
        self._db = db
        self._bus = bus
        self._gateway = gateway
        self._configuration = configuration
        self._queues: set[tuple[str, str]] = set()
        self._agents: set[tuple[str, str]] = set()
        self._news = asyncio.Event()
        self._configured: dict[str, tuple[tuple[Instance, frozenset[str]], float]] = {}
        self._telling: dict[str, asyncio.Task[None]] = {}
        bus.listen(self._hear)

    async def stop(self) -> None:
        """Ends dispatching; what is under way is found by another process, or after the next start."""
        await super().stop()
        for task in self._telling.values():
            task.cancel()

    def _hear(self, news: Announcement) -> None:
        if news.conversation_id != BOARD or news.frame is None:
            return
        instance, agent = news.frame["instance"], news.frame["agent"]
        self._queues.add((instance, news.frame["queue"]))
        if agent:
            self._agents.add((instance, agent))
        self._news.set()

    async def _run(self) -> None:
        look_at = 0.0
        while True:
            try:
                now = asyncio.get_running_loop().time()
                if now >= look_at:
                    look_at = now + LOOK_SECONDS
                    await self._look()
                await self._serve()
            except Exception:
                logger.exception("cannot dispatch; trying again")
                await asyncio.sleep(LOOK_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._news.wait()

    async def _serve(self) -> None:
        """Offers what waits where something has changed."""
        self._news.clear()
        # what is announced meanwhile is for the next time: there may be no end of it, and it must not keep from looking
        told, self._agents = self._agents, set()
        for instance, user in told:
            self._queues |= {(instance, queue) for queue in await queues.queues_for(self._db, instance, user)}
        changed, self._queues = self._queues, set()
        turns = asyncio.Semaphore(QUEUES_AT_ONCE)
        served = (self._offer_all(instance, queue, turns) for instance, queue in changed)
        for fault in await asyncio.gather(*served, return_exceptions=True):
            if isinstance(fault, Exception):
                logger.error("cannot offer from a queue; the next look tries again", exc_info=fault)

    async def _look(self) -> None:
        now, with_work = datetime.now(UTC), set(await queues.queues_with_work(self._db))
        await self._know_agents(with_work, now)
        await presence.follow(self._db, now)
        await withdraw(self._db, self._bus, self._gateway, await offers.offers_to_nobody(self._db))
        for offer in await offers.untold(self._db, now - UNTOLD_AFTER):
            self._tell(offer)
        for offer in await offers.overdue(self._db, now - OVERDUE_AFTER):
            await offers.revoke(self._db, offer, Outcome.MISSED, now)
        self._queues |= with_work

    async def _know_agents(self, with_work: set[tuple[str, str]], now: datetime) -> None:
        """Brings the board's agents to what is configured: when that has changed, and now and then in any case.

        A process that still goes by an older file may have brought them to that. Who serves all queues serves also one in which
        something waits though it is configured no more.
        """
        clock = asyncio.get_running_loop().time()
        for name, instance in self._configuration.instances.items():
            every = instance.queue_names | {queue for where, queue in with_work if where == name}
            before, again_at = self._configured.get(name, (None, 0.0))
            if before != (instance, every) or clock >= again_at:
                await agents.configure(self._db, name, _agents(instance, every), now)
                self._configured[name] = (instance, every), clock + CONFIGURE_SECONDS

    async def _offer_all(self, instance_name: str, queue: str, turns: asyncio.Semaphore) -> None:
        instance = self._configuration.instances.get(instance_name)
        if instance is None:
            return
        async with turns:
            rules, others = _rules(instance, queue, datetime.now(UTC))
            while offer := await offers.offer_next(
                self._db, instance_name, queue, rules, datetime.now(UTC), others=others
            ):
                self._tell(offer)
                await self._bus.announce(DESKS_HAVE_NEWS)

    def _tell(self, offer: Offer) -> None:
        if offer.id in self._telling:
            return
        task = asyncio.create_task(self.tell(offer))
        self._telling[offer.id] = task
        task.add_done_callback(lambda _: self._telling.pop(offer.id))

    async def tell(self, offer: Offer) -> None:
        """Tells a conversation that it is offered to an agent. What cannot be told now, the next look tells."""
        instance = self._configuration.instances.get(offer.instance)
        agent = instance.agents.get(offer.user) if instance else None
        try:
            name = agent.name if agent else offer.user
            made = events.Offer(offer_id=offer.id, user=offer.user, name=name, until=offer.until)
            await self._gateway.signal(offer.conversation_id, made)
            await offers.told(self._db, offer)
        except ConversationEnded:
            # one that closes says so to the board before it is over
            logger.warning("%s waits on the board, but the engine does not know it: taken off", offer.conversation_id)
            await take_off(self._db, offer.conversation_id, datetime.now(UTC))
        except Unavailable:
            logger.warning("%s cannot be told of an offer; trying again", offer.conversation_id)


def _agents(instance: Instance, every: frozenset[str]) -> list[Agent]:
    return [
        Agent(user, agent.name, agent.capacity, every if agent.queues is None else agent.queues)
        for user, agent in instance.agents.items()
    ]


def _rules(instance: Instance, queue: str, now: datetime) -> tuple[dict[str, Rules], Rules]:
    """How the conversations of each workstream are offered from a queue at this moment, and those of others, which are gone."""
    schedule = instance.schedule(queue)
    is_open = schedule is None or opening(schedule, now).open
    method = Method(instance.queues.get(queue, Queue()).method)
    configured = {
        name: Rules(
            presences=frozenset(Presence(presence) for presence in workstream.allowed_presences),
            method=method,
            offer_for=workstream.offer_within,
            open=is_open and workstream.distribution == "push",
        )
        for name, workstream in instance.workstreams.items()
    }
    return configured, Rules(method=method, open=is_open)
