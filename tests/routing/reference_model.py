"""A reference model of routing in plain Python: it scans and sorts everything. Tests compare the store with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import select, text

from domain.routing import FOREVER, AgentStatus, OfferOutcome, RoutingStage
from routing.records import OfferRules, RoutingMethod
from store import schema
from store.database import Database

NEVER = datetime(1, 1, 1, tzinfo=UTC)


@dataclass
class ReferenceAgent:
    capacity: int
    queues: frozenset[str]
    status: str = AgentStatus.OFFLINE
    status_since: datetime = NEVER
    next_status: str | None = None
    last_assigned_at: datetime = NEVER
    idle_since: datetime = NEVER
    missed_offers: int = 0


@dataclass
class ReferenceContact:
    id: str
    queue: str
    workstream: str
    stage: RoutingStage
    enqueued_at: datetime
    units: int = 1
    ahead: bool = False
    priority: int = 5
    agent: str | None = None
    bound_to: str | None = None
    bound_until: datetime | None = None
    wrap_up_until: datetime | None = None
    offered_to: str | None = None
    passed_at: dict[str, datetime] = field(default_factory=dict[str, datetime])

    def capacity_holder(self, now: datetime) -> str | None:
        """The agent whose capacity the contact takes, or None."""
        if self.offered_to:
            return self.offered_to
        if self.stage is RoutingStage.WRAP_UP and self.wrap_up_until and self.wrap_up_until > now:
            return self.agent
        return self.agent if self.stage is RoutingStage.WORKING else None

    @property
    def rank(self) -> tuple[bool, int, datetime, str]:
        return not self.ahead, self.priority, self.enqueued_at, self.id


@dataclass
class ReferenceRouting:
    agents: dict[str, ReferenceAgent] = field(default_factory=dict[str, ReferenceAgent])
    contacts: dict[str, ReferenceContact] = field(default_factory=dict[str, ReferenceContact])

    def load(self, user: str, now: datetime) -> int:
        return sum(contact.units for contact in self.contacts.values() if contact.capacity_holder(now) == user)

    def waiting(self, queue: str) -> list[ReferenceContact]:
        contacts = self.contacts.values()
        queued = [c for c in contacts if c.queue == queue and c.stage is RoutingStage.QUEUED and not c.offered_to]
        return sorted(queued, key=lambda contact: contact.rank)

    def next_offer(self, queue: str, rules: Mapping[str, OfferRules], now: datetime) -> tuple[str, str] | None:
        """The next contact to offer and the best agent for it, or None. Drops affinities that have ended."""
        for contact in self.waiting(queue):
            if contact.bound_to and not self._affinity_holds(contact, rules[contact.workstream], now):
                contact.bound_to = contact.bound_until = None
        for contact in self.waiting(queue):
            rule = rules[contact.workstream]
            candidates = [user for user in self.agents if rule.open and self._can_take(contact, user, rule, now)]
            if candidates:
                return contact.id, min(candidates, key=lambda user: self._preference(user, rule, now))
        return None

    def _can_take(self, contact: ReferenceContact, user: str, rule: OfferRules, now: datetime) -> bool:
        agent = self.agents[user]
        return (
            contact.queue in agent.queues
            and agent.status in rule.statuses
            and agent.next_status is None
            and agent.capacity - self.load(user, now) >= contact.units
            and contact.bound_to in (None, user)
            and not (user in contact.passed_at and contact.passed_at[user] > now - rule.pause)
        )

    def _preference(self, user: str, rule: OfferRules, now: datetime) -> tuple[float, datetime, str]:
        agent = self.agents[user]
        if rule.method is RoutingMethod.MOST_FREE:
            return self.load(user, now) - agent.capacity, agent.idle_since, user
        return (agent.last_assigned_at - NEVER).total_seconds(), agent.idle_since, user

    def _affinity_holds(self, contact: ReferenceContact, rule: OfferRules, now: datetime) -> bool:
        agent = self.agents.get(contact.bound_to or "")
        if agent is None or contact.queue not in agent.queues:
            return False
        if contact.bound_until is not None and contact.bound_until <= now:
            return False
        if agent.status not in rule.statuses and agent.status_since <= now - rule.required_agent_timeout:
            return False
        return contact.bound_until is None or (agent.status in rule.statuses and agent.next_status is None)

    def offer(self, contact: ReferenceContact, user: str, now: datetime) -> None:
        contact.offered_to = user
        self.agents[user].last_assigned_at = self.agents[user].idle_since = now

    def end_offer(
        self, contact: ReferenceContact, outcome: OfferOutcome, now: datetime, missed_offer_limit: int
    ) -> None:
        """End the offer: the agent works on the contact, or the contact waits as before."""
        user = contact.offered_to
        assert user
        contact.offered_to, agent = None, self.agents.get(user, ReferenceAgent(0, frozenset()))
        if outcome is OfferOutcome.ACCEPTED:
            contact.stage, contact.agent, contact.passed_at, agent.missed_offers = RoutingStage.WORKING, user, {}, 0
            contact.bound_to = contact.bound_until = None
            return
        if outcome in (OfferOutcome.REJECTED, OfferOutcome.MISSED):
            contact.passed_at[user] = now
            if contact.bound_to == user and contact.bound_until is not None:
                contact.bound_to = contact.bound_until = None
        if outcome is OfferOutcome.MISSED:
            agent.missed_offers += 1
            if agent.missed_offers >= missed_offer_limit and agent.status not in (
                AgentStatus.AWAY,
                AgentStatus.OFFLINE,
            ):
                agent.status, agent.status_since, agent.next_status = AgentStatus.AWAY, now, None
        if user in self.agents:
            self.release(user, now)

    def release(self, user: str, now: datetime) -> None:
        """Apply the deferred status of an agent who has lost a contact, once nothing takes their capacity."""
        agent = self.agents[user]
        if agent.next_status and not self.load(user, now):
            agent.status, agent.status_since, agent.next_status = agent.next_status, now, None


async def read_reference(db: Database) -> ReferenceRouting:
    """Read the routing tables in one consistent snapshot into a reference model."""
    tables = (schema.agents, schema.agent_queues, schema.routing, schema.routing_rejections)
    async with db.read() as connection:
        if db.is_postgres:
            await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        agents, served, rows, passes = [(await connection.execute(select(table))).mappings().all() for table in tables]
    routing = ReferenceRouting()
    for agent in agents:
        queues = frozenset(place["queue"] for place in served if place["user"] == agent["user"])
        routing.agents[agent["user"]] = ReferenceAgent(
            agent["capacity"], queues, agent["status"], agent["status_since"], agent["next_status"]
        )
    for row in rows:
        routing.contacts[row["conversation_id"]] = ReferenceContact(
            row["conversation_id"],
            row["queue"],
            row["workstream"],
            RoutingStage(row["stage"]),
            row["enqueued_at"],
            units=row["units"],
            ahead=not row["in_turn"],
            priority=row["priority"],
            agent=row["agent"],
            bound_to=row["bound_to"] or None,
            bound_until=None if row["bound_until"] == FOREVER else row["bound_until"],
            wrap_up_until=row["holds_until"],
            offered_to=row["holder"] if row["offer_id"] else None,
            passed_at={
                found["user"]: found["at"] for found in passes if found["conversation_id"] == row["conversation_id"]
            },
        )
    return routing
