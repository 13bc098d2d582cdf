"""The dispatcher: offers waiting conversations to agents and notifies the conversations.

It runs in every API process. The store guarantees that a conversation is offered once and that no agent gets more than their
capacity. Announcements name the queues to serve at once. A check of everything, once per second, finds what was not announced:
work that a dead process left unfinished, an affinity that has expired, a queue that has opened, an agent whose wrap-up no
longer takes capacity.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta

from configuration.current import Configuration
from configuration.schema.instances import InstanceSettings, QueueSettings
from configuration.schema.opening_hours import opening_at
from domain.errors import ConversationEnded, Unavailable
from domain.events import MakeOffer
from domain.routing import AgentStatus, Offer, OfferOutcome
from engine.client import ConversationClient
from routing import agent_status, agents, offers, queues
from routing.offer_withdrawal import withdraw
from routing.placement import remove_from_routing
from routing.records import OfferRules, RoutedAgent, RoutingMethod
from runtime.bus import AGENT_EVENTS_WRITTEN, ROUTING, Announcement, Bus
from runtime.periodic import PeriodicTask, PeriodicTasks
from store.database import Database

logger = logging.getLogger(__name__)

CHECK_INTERVAL = timedelta(seconds=1)
CONFIGURE_SECONDS = 10.0
"""How often the agents in the store are compared with the configuration, even if it has not changed in this process."""

NOTIFY_AGAIN_AFTER = timedelta(seconds=2)
"""Age at which an offer without a notified conversation is sent again: its process died, or the engine was away."""

QUEUES_AT_ONCE = 4
"""How many queues are served at a time. On a busy store each offer waits for its turn to be written."""

OVERDUE_AFTER = timedelta(seconds=10)
"""How long after the deadline of an offer its conversation may take to report the end; then the offer is revoked."""


class Dispatcher(PeriodicTasks):
    """The dispatcher of one API process."""

    def __init__(self, db: Database, bus: Bus, engine: ConversationClient, configuration: Configuration) -> None:
        self._db = db
        self._bus = bus
        self._engine = engine
        self._configuration = configuration
        self._changed_queues: set[tuple[str, str]] = set()
        self._changed_agents: set[tuple[str, str]] = set()
        self._configured: dict[str, tuple[tuple[InstanceSettings, frozenset[str]], float]] = {}
        self._notifications: dict[str, asyncio.Task[None]] = {}
        self._one_at_a_time = asyncio.Lock()
        self._checks = PeriodicTask("check queues, agents and offers", self._run_check, CHECK_INTERVAL)
        self._assignments = PeriodicTask("offer waiting conversations", self._run_assignments, CHECK_INTERVAL)
        self._checks.wake()
        super().__init__(self._checks, self._assignments)
        bus.subscribe(self._receive)

    async def stop(self) -> None:
        """Stop dispatching. Another process, or the next start, finishes what is under way."""
        await super().stop()
        for task in self._notifications.values():
            task.cancel()

    async def notify_conversation(self, offer: Offer) -> None:
        """Notify a conversation of an offer. If the engine is away, a later check notifies it again."""
        instance = self._configuration.instances.get(offer.instance)
        agent = instance.agents.get(offer.user) if instance else None
        try:
            name = agent.name if agent else offer.user
            made = MakeOffer(offer_id=offer.id, user=offer.user, name=name, until=offer.until)
            await self._engine.signal(offer.conversation_id, made)
            await offers.mark_delivered(self._db, offer)
        except ConversationEnded:
            # a conversation that closes in the regular way removes its placement before its workflow ends
            logger.warning("%s waits in a queue, but the engine does not know it: removed", offer.conversation_id)
            await remove_from_routing(self._db, offer.conversation_id, datetime.now(UTC))
        except Unavailable:
            logger.warning("cannot notify %s of an offer; a later check tries again", offer.conversation_id)

    def _receive(self, announcement: Announcement) -> None:
        if announcement.conversation_id != ROUTING or announcement.frame is None:
            return
        instance, agent = announcement.frame["instance"], announcement.frame["agent"]
        self._changed_queues.add((instance, announcement.frame["queue"]))
        if agent:
            self._changed_agents.add((instance, agent))
        self._assignments.wake()

    async def _run_check(self) -> None:
        async with self._one_at_a_time:
            await self._check_everything()
        self._assignments.wake()

    async def _run_assignments(self) -> None:
        async with self._one_at_a_time:
            await self._serve_changed_queues()

    async def _check_everything(self) -> None:
        now, with_work = datetime.now(UTC), set(await queues.queues_with_work(self._db))
        await self._configure_agents(with_work, now)
        await agent_status.apply_next_statuses(self._db, now)
        await withdraw(self._db, self._bus, self._engine, await offers.offers_to_absent_agents(self._db))
        for offer in await offers.undelivered_offers(self._db, now - NOTIFY_AGAIN_AFTER):
            self._start_notification(offer)
        for offer in await offers.overdue_offers(self._db, now - OVERDUE_AFTER):
            await offers.withdraw_offer(self._db, offer, OfferOutcome.MISSED, now)
        self._changed_queues |= with_work

    async def _serve_changed_queues(self) -> None:
        # announcements that arrive meanwhile are left to the next run: in a busy hour they never end
        changed_agents, self._changed_agents = self._changed_agents, set()
        for instance, user in changed_agents:
            self._changed_queues |= {
                (instance, queue) for queue in await queues.queues_with_work_for(self._db, instance, user)
            }
        changed_queues, self._changed_queues = self._changed_queues, set()
        turns = asyncio.Semaphore(QUEUES_AT_ONCE)
        served = (self._serve_queue(instance, queue, turns) for instance, queue in changed_queues)
        for fault in await asyncio.gather(*served, return_exceptions=True):
            if isinstance(fault, Exception):
                logger.error("cannot offer from a queue; the next check tries again", exc_info=fault)

    async def _configure_agents(self, with_work: set[tuple[str, str]], now: datetime) -> None:
        """Write the configured agents to the store: when they have changed, and from time to time in any case.

        A process with an older configuration may have overwritten them. Agents without a list of queues serve every
        configured queue and every queue with work, including queues that are no longer configured.
        """
        clock = asyncio.get_running_loop().time()
        for name, instance in self._configuration.instances.items():
            every = instance.queue_names | {queue for where, queue in with_work if where == name}
            before, again_at = self._configured.get(name, (None, 0.0))
            if before != (instance, every) or clock >= again_at:
                await agents.configure_agents(self._db, name, _agents(instance, every), now)
                self._configured[name] = (instance, every), clock + CONFIGURE_SECONDS

    async def _serve_queue(self, instance_name: str, queue: str, turns: asyncio.Semaphore) -> None:
        instance = self._configuration.instances.get(instance_name)
        if instance is None:
            return
        async with turns:
            rules, others = _rules(instance, queue, datetime.now(UTC))
            while offer := await offers.offer_next(
                self._db, instance_name, queue, rules, datetime.now(UTC), others=others
            ):
                self._start_notification(offer)
                await self._bus.announce(AGENT_EVENTS_WRITTEN)

    def _start_notification(self, offer: Offer) -> None:
        if offer.id in self._notifications:
            return
        task = asyncio.create_task(self.notify_conversation(offer))
        self._notifications[offer.id] = task
        task.add_done_callback(lambda _: self._notifications.pop(offer.id))


def _agents(instance: InstanceSettings, every: frozenset[str]) -> list[RoutedAgent]:
    return [
        RoutedAgent(user, agent.name, agent.capacity, every if agent.queues is None else agent.queues)
        for user, agent in instance.agents.items()
    ]


def _rules(instance: InstanceSettings, queue: str, now: datetime) -> tuple[dict[str, OfferRules], OfferRules]:
    """The rules for offers from a queue now: of each workstream, and for conversations whose workstream is deleted."""
    schedule = instance.schedule(queue)
    is_open = schedule is None or opening_at(schedule, now).open
    method = RoutingMethod(instance.queues.get(queue, QueueSettings()).method)
    configured = {
        name: OfferRules(
            statuses=frozenset(AgentStatus(agent_status) for agent_status in workstream.allowed_statuses),
            method=method,
            offer_duration=workstream.offer_within,
            open=is_open and workstream.distribution == "push",
        )
        for name, workstream in instance.workstreams.items()
    }
    return configured, OfferRules(method=method, open=is_open)
