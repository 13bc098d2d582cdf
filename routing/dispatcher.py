"""The dispatcher: offers waiting conversations to agents and notifies the conversations.

It runs in every API process. One of them serves an instance, the others stand by (`served_instances`). If two serve it for a
moment, the store still guarantees that a conversation is offered once and that no agent gets more than their capacity.

Announcements name the queues to serve at once. A full check, once per second, finds changes without an announcement: unfinished
work of a dead process, an affinity that has expired, a queue that has opened, an agent whose wrap-up no longer uses capacity.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from functools import partial

from configuration.current import Configuration
from configuration.schema.instances import InstanceSettings, QueueSettings
from configuration.schema.opening_hours import opening_at
from domain.errors import ConversationEnded, StoreUnavailable, Unavailable
from domain.events import MakeOffer
from domain.routing import AgentStatus, Offer, OfferOutcome
from engine.client import ConversationClient
from routing import agent_status, offers, queues
from routing.agent_configuration import AgentConfiguration
from routing.offer_withdrawal import withdraw_offers
from routing.placement import remove_from_routing
from routing.records import OfferRules, RoutingMethod
from routing.served_instances import ServedInstances
from runtime.bus import AGENT_EVENTS_WRITTEN, ANNOUNCEMENTS_LOST, ROUTING, Announcement, Bus
from runtime.metrics import ApiMetrics
from runtime.periodic import PeriodicTask, PeriodicTasks
from store.database import Database

logger = logging.getLogger(__name__)

CHECK_INTERVAL = timedelta(seconds=1)
NOTIFY_AGAIN_AFTER = timedelta(seconds=2)
"""Age at which an offer is sent to its conversation again: the process died, or the engine was unavailable."""

QUEUES_AT_ONCE = 4
"""How many queues are served at the same time."""

OVERDUE_AFTER = timedelta(seconds=10)
"""Time after the deadline of an offer in which its conversation must report the end. After that it is ended as missed."""


class Dispatcher(PeriodicTasks):
    """The dispatcher of one API process."""

    def __init__(
        self,
        db: Database,
        bus: Bus,
        engine: ConversationClient,
        configuration: Configuration,
        metrics: ApiMetrics | None = None,
    ) -> None:
        self._db = db
        self._offers_made = (metrics or ApiMetrics()).offers_made
        self._bus = bus
        self._engine = engine
        self._configuration = configuration
        self._changed_queues: set[tuple[str, str]] = set()
        self._changed_agents: set[tuple[str, str]] = set()
        self._agents = AgentConfiguration(db, configuration)
        self._notifications: dict[str, asyncio.Task[None]] = {}
        self._lock = asyncio.Lock()
        # no longer delay after failures: customers wait for the store, and a failed look costs it no more than another one
        every_second = partial(PeriodicTask, interval=CHECK_INTERVAL, max_retry_delay=CHECK_INTERVAL)
        self._checks = every_second("check queues, agents and offers", self._run_check)
        self._assignments = every_second("offer waiting conversations", self._run_assignments)
        self._served = ServedInstances(db, bus, configuration, taken=self._checks.wake)
        super().__init__(self._checks, self._assignments)
        bus.subscribe(self._receive)

    @property
    def loops(self) -> tuple[PeriodicTask, ...]:
        """See `PeriodicTasks`."""
        return *super().loops, *self._served.loops

    async def start(self) -> None:
        """Dispatch as soon as this process serves an instance."""
        await super().start()
        await self._served.start()

    async def stop(self) -> None:
        """Stop dispatching. Another process, or the next start, finishes the notifications that are under way."""
        await super().stop()
        for task in self._notifications.values():
            task.cancel()
        await self._served.stop()

    async def notify_conversation(self, offer: Offer) -> None:
        """Notify a conversation of an offer. At least once: if the engine is unavailable, a later check notifies it again."""
        instance = self._configuration.instances.get(offer.instance)
        agent = instance.agents.get(offer.user) if instance else None
        try:
            name = agent.name if agent else offer.user
            made = MakeOffer(offer_id=offer.id, user=offer.user, name=name, until=offer.until)
            await self._engine.signal(offer.conversation_id, made)
            await offers.mark_delivered(self._db, offer)
        except ConversationEnded:
            # a conversation that is closed regularly removes its placement before its workflow ends
            logger.warning("%s waits in a queue, but has no workflow: removed from routing", offer.conversation_id)
            await remove_from_routing(self._db, offer.conversation_id, datetime.now(UTC))
        except Unavailable:
            logger.warning("cannot notify %s of an offer; a later check tries again", offer.conversation_id)

    def _receive(self, announcement: Announcement) -> None:
        if announcement == ANNOUNCEMENTS_LOST:
            self._checks.wake()
        if announcement.conversation_id != ROUTING or announcement.frame is None:
            return
        instance, agent = announcement.frame["instance"], announcement.frame["agent"]
        if not self._served.serves(instance):
            return
        self._changed_queues.add((instance, announcement.frame["queue"]))
        if agent:
            self._changed_agents.add((instance, agent))
        self._assignments.wake()

    async def _run_check(self) -> None:
        if not self._served.serves_any:
            return
        async with self._lock:
            await self._check_everything()
        self._assignments.wake()

    async def _run_assignments(self) -> None:
        async with self._lock:
            await self._serve_changed_queues()

    async def _check_everything(self) -> None:
        now, with_work = datetime.now(UTC), set(await queues.queues_with_work(self._db))
        for name in filter(self._served.serves, self._configuration.instances):
            queues_of_instance = (queue for instance, queue in with_work if instance == name)
            await self._agents.write(name, queues_of_instance, self._served)
        await agent_status.apply_next_statuses(self._db, now)
        await withdraw_offers(self._db, self._bus, self._engine, await offers.offers_to_absent_agents(self._db))
        for offer in await offers.undelivered_offers(self._db, now - NOTIFY_AGAIN_AFTER):
            self._start_notification(offer)
        await self._end_overdue_offers(now)
        self._changed_queues |= with_work

    async def _end_overdue_offers(self, now: datetime) -> None:
        for offer in await offers.overdue_offers(self._db, now - OVERDUE_AFTER):
            await offers.end_offer(self._db, offer, OfferOutcome.MISSED, now)

    async def _serve_changed_queues(self) -> None:
        # announcements that arrive meanwhile wait for the next run: otherwise a run would not end in a busy hour
        changed_agents, self._changed_agents = self._changed_agents, set()
        for instance, user in changed_agents:
            self._changed_queues |= {
                (instance, queue) for queue in await queues.queues_with_work_for(self._db, instance, user)
            }
        changed_queues, self._changed_queues = list(self._changed_queues), set()
        slots = asyncio.Semaphore(QUEUES_AT_ONCE)
        served = (self._serve_queue(instance, queue, slots) for instance, queue in changed_queues)
        outcomes = await asyncio.gather(*served, return_exceptions=True)
        for (instance, queue), outcome in zip(changed_queues, outcomes, strict=True):
            if isinstance(outcome, Exception) and not isinstance(outcome, StoreUnavailable):  # the store has logged it
                text = "cannot make offers from queue %s of instance %s; the next check tries again"
                logger.error(text, queue, instance, exc_info=outcome)

    async def _serve_queue(self, instance_name: str, queue: str, slots: asyncio.Semaphore) -> None:
        instance = self._configuration.instances.get(instance_name)
        if instance is None or not self._served.serves(instance_name):
            return
        async with slots:
            rules, unconfigured = _rules(instance, queue, datetime.now(UTC))
            while offer := await offers.offer_next(
                self._db, instance_name, queue, rules, datetime.now(UTC), rules_of_unconfigured=unconfigured
            ):
                self._offers_made.labels(instance_name, instance.label_of_queue(queue)).inc()
                self._start_notification(offer)
                await self._bus.announce(AGENT_EVENTS_WRITTEN)

    def _start_notification(self, offer: Offer) -> None:
        if offer.id in self._notifications:
            return
        task = asyncio.create_task(self.notify_conversation(offer))
        self._notifications[offer.id] = task
        task.add_done_callback(lambda _: self._notifications.pop(offer.id))


def _rules(instance: InstanceSettings, queue: str, now: datetime) -> tuple[dict[str, OfferRules], OfferRules]:
    """The present offer rules of a queue: those of each workstream, and those for workstreams that are no longer configured."""
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
