"""Selects the conversation of a queue that is offered next, and the agent who is offered it.

Queued conversations with the same workstream, affinity and units are of one kind. An agent who can take one of a kind can take
all of that kind, except those that the agent rejected or missed during `OfferRules.pause`. So the selection reads the first of
each kind. It reads a later one only when every agent with free capacity rejected the first. The cost grows with the number of
kinds and rejections, not with the length of the queue.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from heapq import heapify, heappop, heappush
from typing import Any, NamedTuple

from routing import selection_queries
from routing.records import OfferRules, RoutingMethod
from routing.rows import ANY_AGENT, lock_agents, try_to_lock_agent
from store.database import Database
from store.transaction import Transaction

DEFAULT_RULES = OfferRules()


@dataclass(frozen=True, slots=True)
class QueuedCandidate:
    """A queued conversation that may be offered next; `store.schema.routing` describes the fields."""

    conversation_id: str
    workstream: str
    bound_to: str
    units: int
    in_turn: bool
    priority: int
    queued_since: datetime

    @property
    def rank(self) -> tuple[bool, int, datetime, str]:
        """The sort key in the queue, as `rows.queue_order`."""
        return self.in_turn, self.priority, self.queued_since, self.conversation_id


@dataclass(frozen=True, slots=True)
class AffinityAgent:
    """The agent of an affinity, who serves the queue.

    Attributes:
        offers_paused: whether the agent receives no offers, because another status follows or the client has no connection.
        free_units: the capacity that is not in use.
    """

    user: str
    status: str
    status_since: datetime
    offers_paused: bool
    free_units: int


@dataclass(frozen=True, slots=True)
class FirstOfKind:
    """The first conversation of a kind.

    Attributes:
        first_until: the earliest `bound_until` of the affinities in this kind; None without affinity.
        agent: the agent of the affinity; None without affinity, or when that agent does not serve the queue.
    """

    first: QueuedCandidate
    first_until: datetime | None
    agent: AffinityAgent | None


@dataclass(frozen=True, slots=True)
class Selection:
    """A conversation, and the agent who is offered it.

    Attributes:
        last_assigned_at: the agent's last assignment before this one. If it has changed, another agent may be better now.
    """

    conversation: QueuedCandidate
    user: str
    last_assigned_at: datetime | None


class _BestAgent(NamedTuple):
    """The best agent for a conversation, and whether this agent rejected or missed it during the pause."""

    user: str
    last_assigned_at: datetime | None
    has_rejected: bool


@dataclass(frozen=True, slots=True)
class QueueView:
    """A queue at an instant, with the offer rules of the workstreams.

    Attributes:
        rules: the offer rules by workstream.
        rules_of_unconfigured: those of the other workstreams, which the configuration no longer has.
    """

    instance: str
    name: str
    rules: Mapping[str, OfferRules]
    now: datetime
    rules_of_unconfigured: OfferRules = DEFAULT_RULES

    @property
    def offer_lock(self) -> str:
        """The key of the advisory lock that a transaction holds while it offers from this queue."""
        return f"offers of {self.instance} {self.name}"

    def rules_of(self, workstream: str) -> OfferRules:
        """The offer rules of a workstream, also of one that the configuration no longer has."""
        return self.rules.get(workstream) or self.rules_of_unconfigured


async def first_of_each_kind(connection: Transaction, queue: QueueView) -> list[FirstOfKind]:
    """Reads the first conversation of each kind in a queue, in no particular order."""
    queue_key = {"instance": queue.instance, "queue": queue.name}
    found = [
        (QueuedCandidate(*row[:-1]), row[-1])
        for row in await connection.execute(selection_queries.FIRST_OF_EACH_KIND, queue_key)
    ]
    users = {first.bound_to for first, _ in found} - {ANY_AGENT}
    agents: dict[str, AffinityAgent] = {}
    if users:
        parameters = {**queue_key, "users": sorted(users), "now": queue.now}
        rows = (AffinityAgent(*row) for row in await connection.execute(selection_queries.AFFINITY_AGENTS, parameters))
        agents = {agent.user: agent for agent in rows}
    return [FirstOfKind(first, first_until, agents.get(first.bound_to)) for first, first_until in found]


async def select_offer(connection: Transaction, queue: QueueView, kinds: Sequence[FirstOfKind]) -> Selection | None:
    """Selects the first conversation in queue order that an agent can be offered now, and the best agent for it.

    Takes no locks. None when no conversation can be offered.
    """
    candidates = [(kind.first.rank, kind.first) for kind in kinds if _can_be_offered(queue, kind)]
    heapify(candidates)
    without_agent: set[tuple[frozenset[str], int]] = set()
    while candidates:
        _, candidate = heappop(candidates)
        requirements = (queue.rules_of(candidate.workstream).statuses, candidate.units)
        if requirements in without_agent:
            continue
        best = await _best_agent(connection, queue, candidate)
        if best is None:
            if candidate.bound_to == ANY_AGENT:
                without_agent.add(requirements)
            continue
        if not best.has_rejected:
            return Selection(candidate, best.user, best.last_assigned_at)
        later = await _first_not_rejected(connection, queue, candidate)
        if later is not None:
            heappush(candidates, (later.rank, later))
    return None


def _can_be_offered(queue: QueueView, kind: FirstOfKind) -> bool:
    """Whether a kind can be offered, according to the data that is already read."""
    rules, agent = queue.rules_of(kind.first.workstream), kind.agent
    if not rules.open or kind.first.bound_to == ANY_AGENT:
        return rules.open
    return agent is not None and is_available(agent, rules) and agent.free_units >= kind.first.units


def is_available(agent: AffinityAgent, rules: OfferRules) -> bool:
    """Whether an agent receives offers under these rules. Capacity is not considered."""
    return agent.status in rules.statuses and not agent.offers_paused


async def lock_selected_agent(
    db: Database, connection: Transaction, queue: QueueView, selection: Selection
) -> Selection:
    """Locks the selected agent or, when another transaction locks that agent, the next best one.

    If all transactions waited for the same best agent, all but one would then have to select again. Without a next best agent it
    waits for the lock. On SQLite it does nothing.

    Returns:
        The selection, with the agent that is locked now.
    """
    if not db.is_postgres or await try_to_lock_agent(connection, queue.instance, selection.user):
        return selection
    next_best = await _best_agent(connection, queue, selection.conversation, unlocked=True)
    if next_best and not next_best.has_rejected:
        return Selection(selection.conversation, next_best.user, next_best.last_assigned_at)
    await lock_agents(db, connection, queue.instance, [selection.user])
    # the transaction that had the lock assigned the agent, perhaps. No other agent is free, so this one stays the best
    this_agent = {"instance": queue.instance, "user": selection.user}
    last_assigned_at = (await connection.execute(selection_queries.LAST_ASSIGNMENT, this_agent)).scalar_one_or_none()
    return replace(selection, last_assigned_at=last_assigned_at)


async def _best_agent(
    connection: Transaction, queue: QueueView, candidate: QueuedCandidate, *, unlocked: bool = False
) -> _BestAgent | None:
    """Returns the best agent for a conversation; None without an agent.

    Args:
        unlocked: whether agents that another transaction locks are left out, and the best of the others is locked.
    """
    most_free = queue.rules_of(candidate.workstream).method is RoutingMethod.MOST_FREE
    best = selection_queries.best_unlocked_agent_query if unlocked else selection_queries.best_agent_query
    parameters = {**_kind_parameters(queue, candidate), "conversation_id": candidate.conversation_id}
    query = best(most_free=most_free, bound=candidate.bound_to != ANY_AGENT)
    row = (await connection.execute(query, parameters)).one_or_none()
    return None if row is None else _BestAgent(*row)


async def _first_not_rejected(
    connection: Transaction, queue: QueueView, candidate: QueuedCandidate
) -> QueuedCandidate | None:
    """Returns the first conversation of a kind that at least one agent with free capacity did not reject during the pause."""
    query = selection_queries.first_not_rejected_by_all(bound=candidate.bound_to != ANY_AGENT)
    row = (await connection.execute(query, _kind_parameters(queue, candidate))).one_or_none()
    return None if row is None else QueuedCandidate(*row)


def _kind_parameters(queue: QueueView, candidate: QueuedCandidate) -> dict[str, Any]:
    rules = queue.rules_of(candidate.workstream)
    return {
        "instance": queue.instance,
        "queue": queue.name,
        "now": queue.now,
        "statuses": sorted(rules.statuses),
        "rejected_after": queue.now - rules.pause,
        "workstream": candidate.workstream,
        "bound_to": candidate.bound_to,
        "units": candidate.units,
    }
