"""Random actions on the store and on the reference model: both must agree after every step."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

import pytest

from domain.refusals import RefusalCode
from domain.routing import FOREVER, AgentStatus, EndedOffer, Offer, OfferOutcome, RoutingStage
from routing.agent_status import apply_next_statuses, set_agent_status
from routing.agents import agent_states, configure_agents
from routing.offers import claim_offer
from routing.queues import contacts_ahead, queued_contacts, queues_with_work, queues_with_work_for
from routing.records import OfferRules, RoutedAgent, RoutingMethod
from store.database import Database
from tests.routing.reference_model import ReferenceAgent, ReferenceContact, ReferenceRouting
from tests.routing.routing_records import ROUTING_OUTCOMES, load_by_agent, next_offer, placement, put, routing_row
from tests.store.sample_records import INSTANCE, START

pytestmark = pytest.mark.slow

QUEUES = ("north", "south")
USERS = ("ann", "bob", "cid", "dan")
MISS_LIMIT = 2
RULES = {
    "free": OfferRules(pause=timedelta(seconds=40), required_agent_timeout=timedelta(seconds=90)),
    "robin": OfferRules(
        frozenset({AgentStatus.AVAILABLE}),
        RoutingMethod.ROUND_ROBIN,
        pause=timedelta(seconds=20),
        required_agent_timeout=timedelta(seconds=30),
    ),
}
STEPS = 150


class Scenario:
    """A sequence of random actions, applied to the store and to the reference model."""

    def __init__(self, db: Database, seed: int) -> None:
        self.db, self.random, self.reference = db, Random(seed), ReferenceRouting()
        self.now, self.number, self.revision = START, 0, 0
        self.offers: dict[str, str] = {}

    async def staff(self) -> None:
        served = {user: frozenset(self.random.sample(QUEUES, self.random.choice([1, 2, 2]))) for user in USERS}
        agents = [RoutedAgent(user, user, self.random.randint(1, 4), served[user]) for user in USERS]
        agents = [agent for agent in agents if self.random.random() < 0.9]
        await configure_agents(self.db, INSTANCE, agents, self.now)
        before = self.reference.agents
        self.reference.agents = {
            agent.user: before.get(
                agent.user, ReferenceAgent(agent.capacity, agent.queues, status_since=self.now, idle_since=self.now)
            )
            for agent in agents
        }
        for agent in agents:
            self.reference.agents[agent.user].capacity, self.reference.agents[agent.user].queues = (
                agent.capacity,
                agent.queues,
            )

    async def step(self) -> None:
        self.now += timedelta(milliseconds=self.random.randint(1, 20_000))
        actions = [
            self.enqueue,
            self.end_offer,
            self.end_offer,
            self.end_offer,
            self.advance,
            self.advance,
            self.set_status,
            self.claim,
        ]
        await self.random.choice(actions)()
        if self.random.random() < 0.03:
            await self.staff()
        for queue in self.random.sample(QUEUES, 2):
            await self.offer_all(queue)

    async def enqueue(self) -> None:
        self.number += 1
        bound_to = self.random.choice([None, None, *USERS])
        until = self.random.choice([None, self.now + timedelta(seconds=self.random.randint(0, 120))])
        contact = ReferenceContact(
            f"c{self.number:04}",
            self.random.choice(QUEUES),
            self.random.choice(list(RULES)),
            RoutingStage.QUEUED,
            self.now - timedelta(seconds=self.random.randint(0, 3)),
            units=self.random.choice([1, 1, 1, 2, 3]),
            ahead=self.random.random() < 0.2,
            priority=self.random.choice([5, 5, 5, 1, 9]),
            bound_to=bound_to if until != self.now else None,
            bound_until=until if bound_to and until != self.now else None,
        )
        self.reference.contacts[contact.id] = contact
        await self.update(contact)

    async def end_offer(self) -> None:
        contact = self.pick(lambda contact: contact.offered_to is not None)
        if contact:
            user, outcome = (
                contact.offered_to or "",
                self.random.choice([*ROUTING_OUTCOMES, OfferOutcome.ACCEPTED, OfferOutcome.ACCEPTED]),
            )
            bound = (contact.bound_to, contact.bound_until)
            self.reference.end_offer(contact, outcome, self.now, MISS_LIMIT)
            ended_offers = (EndedOffer(id=self.offers.pop(contact.id), user=user, outcome=outcome),)
            await self.update(
                contact,
                ended_offers=ended_offers,
                bound=bound if contact.stage is RoutingStage.QUEUED else (None, None),
            )
            assert outcome is not OfferOutcome.ACCEPTED or contact.agent == user

    async def advance(self) -> None:
        """A contact ends, is parked, returns to the queue or is closed."""
        contact = self.pick(lambda contact: contact.offered_to is None and contact.stage is not RoutingStage.QUEUED)
        if contact is None:
            return
        before = await routing_row(self.db, contact.id)
        assert before
        assert before.holder == contact.capacity_holder(START)
        if contact.stage is RoutingStage.WORKING and self.random.random() < 0.7:
            contact.stage = self.random.choice([RoutingStage.PARKED, RoutingStage.WRAP_UP])
            contact.wrap_up_until = self.random.choice([None, FOREVER, self.now + timedelta(seconds=30)])
        elif contact.stage is RoutingStage.WRAP_UP:
            del self.reference.contacts[contact.id]
        else:
            contact.bound_to, contact.bound_until = (
                contact.agent,
                self.random.choice([None, self.now + timedelta(seconds=50)]),
            )
            contact.stage, contact.agent, contact.ahead, contact.enqueued_at = RoutingStage.QUEUED, None, True, self.now
            contact.passed_at = {}
        await self.update(contact, removed=contact.id not in self.reference.contacts)
        after = await routing_row(self.db, contact.id)
        if before.holder in self.reference.agents and (after is None or after.holder != before.holder):
            self.reference.agents[before.holder].idle_since = self.now
            self.reference.release(before.holder, self.now)

    async def set_status(self) -> None:
        user, status = self.random.choice(USERS), self.random.choice([*AgentStatus, *[AgentStatus.AVAILABLE] * 5])
        when_free = self.random.random() < 0.3
        exists = await set_agent_status(self.db, INSTANCE, user, status, self.now, when_free=when_free)
        assert exists == (user in self.reference.agents)
        if not exists:
            return
        agent = self.reference.agents[user]
        agent.missed_offers, agent.next_status = 0, None
        if when_free and self.reference.load(user, self.now):
            agent.next_status = status
        elif agent.status != status:
            agent.idle_since = self.now if agent.status == AgentStatus.OFFLINE else agent.idle_since
            agent.status, agent.status_since = status, self.now

    async def claim(self) -> None:
        contact, user = self.pick(lambda _: True), self.random.choice(USERS)
        if contact is None:
            return
        result = await claim_offer(self.db, contact.id, user, self.now)
        agent = self.reference.agents.get(user)
        is_their_parked_contact = contact.stage is RoutingStage.PARKED and contact.agent == user
        can_claim = agent is not None and (
            is_their_parked_contact or (contact.stage is RoutingStage.QUEUED and contact.queue in agent.queues)
        )
        free = agent.capacity - self.reference.load(user, self.now) if agent else 0
        if contact.offered_to == user:
            assert isinstance(result, Offer)
            assert result.id == self.offers[contact.id]
        elif can_claim and contact.offered_to is None and free >= contact.units:
            assert isinstance(result, Offer)
            self.reference.offer(contact, user, self.now)
            self.offers[contact.id] = result.id
        else:
            assert isinstance(result, RefusalCode)

    async def offer_all(self, queue: str) -> None:
        expected = self.reference.next_offer(queue, RULES, self.now)
        while found := await next_offer(self.db, self.now, RULES, queue):
            assert found == expected
            contact = self.reference.contacts[found[0]]
            self.reference.offer(contact, found[1], self.now)
            row = await routing_row(self.db, contact.id)
            assert row
            assert row.offer_id
            self.offers[contact.id] = row.offer_id
            expected = self.reference.next_offer(queue, RULES, self.now)
        assert expected is None

    async def update(
        self,
        contact: ReferenceContact,
        *,
        removed: bool = False,
        ended_offers: tuple[EndedOffer, ...] = (),
        bound: tuple[str | None, datetime | None] = (None, None),
    ) -> None:
        self.revision += 1
        written = placement(
            contact.id,
            revision=self.revision,
            queue=contact.queue,
            workstream=contact.workstream,
            stage=RoutingStage.OFF if removed else contact.stage,
            enqueued_at=contact.enqueued_at,
            agent=contact.agent,
            units=contact.units,
            ahead=contact.ahead,
            priority=contact.priority,
            bound_to=contact.bound_to or bound[0],
            bound_until=contact.bound_until or bound[1],
            wrap_up_holds_until=contact.wrap_up_until,
            ended_offers=ended_offers,
            missed_offer_limit=MISS_LIMIT,
        )
        await put(self.db, written, self.now)
        # a repeated placement changes nothing
        await put(self.db, written, self.now)

    def pick(self, matches: Callable[[ReferenceContact], bool]) -> ReferenceContact | None:
        found = [contact for contact in self.reference.contacts.values() if matches(contact)]
        return self.random.choice(found) if found else None

    async def compare(self) -> None:
        """Compare every routing query of the store with the reference model."""
        await self.apply_deferred_statuses()
        loads = {user: self.reference.load(user, self.now) for user in USERS}
        assert await load_by_agent(self.db, INSTANCE, USERS, self.now) == loads
        for state in await agent_states(self.db, INSTANCE, self.now):
            agent = self.reference.agents[state.user]
            assert (state.status, state.next_status, state.missed_offers) == (
                agent.status,
                agent.next_status,
                agent.missed_offers,
            )
            assert (state.status_since, state.idle_since, state.load) == (
                agent.status_since,
                agent.idle_since,
                loads[state.user],
            )
        for queue in QUEUES:
            waiting_ids = [contact.id for contact in self.reference.waiting(queue)]
            assert [found.conversation_id for found in await queued_contacts(self.db, INSTANCE, queue)] == waiting_ids
            assert [await contacts_ahead(self.db, id) for id in waiting_ids] == list(range(len(waiting_ids)))
        queues = [queue for queue in QUEUES if self.reference.waiting(queue)]
        assert await queues_with_work(self.db) == [(INSTANCE, queue) for queue in queues]
        for user, agent in self.reference.agents.items():
            expected = sorted(agent.queues & set(queues), key=lambda queue: self.reference.waiting(queue)[0].rank)
            assert await queues_with_work_for(self.db, INSTANCE, user) == expected

    async def apply_deferred_statuses(self) -> None:
        changed = {user for _, user in await apply_next_statuses(self.db, self.now)}
        for user, agent in self.reference.agents.items():
            assert (user in changed) == (agent.next_status is not None and not self.reference.load(user, self.now))
            self.reference.release(user, self.now)


@pytest.mark.parametrize("seed", range(4))
async def test_store_makes_the_same_offers_as_the_reference_model(db: Database, seed: int) -> None:
    scenario = Scenario(db, seed)
    await scenario.staff()
    for step in range(STEPS):
        await scenario.step()
        if step % 10 == 0:
            await scenario.compare()
    await scenario.compare()
