"""Which conversation of a queue comes next, and who is to be offered it.

Conversations of the same workstream, binding and units are of one kind: whoever may have one of them may have all, except for
those that they passed on. So of each kind only the first has to be looked at, and behind it only where everybody who is free
has passed on it: what that costs grows with the kinds and the passes, not with the length of the queue.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from heapq import heapify, heappop, heappush
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from routing import selection_queries
from routing.records import OfferRules, RoutingMethod
from routing.rows import ANY_AGENT, lock_agents, try_to_lock_agent
from store.database import Database

DEFAULT_RULES = OfferRules()


@dataclass(frozen=True, slots=True)
class QueuedCandidate:
    """A conversation that may be next; see `store.schema.routing`."""

    conversation_id: str
    workstream: str
    bound_to: str
    units: int
    in_turn: bool
    priority: int
    enqueued_at: datetime

    @property
    def place(self) -> tuple[bool, int, datetime, str]:
        """Its place in the queue."""
        return self.in_turn, self.priority, self.enqueued_at, self.conversation_id


@dataclass(frozen=True, slots=True)
class AffinityAgent:
    """An agent of the queue to whom something is bound. `free` is the capacity that they have left."""

    user: str
    status: str
    status_since: datetime
    leaving: bool
    free: int


@dataclass(frozen=True, slots=True)
class FirstOfKind:
    """The first conversation of a kind.

    If the kind is bound: when the first binding of it runs out, and to whom; None if no such agent serves the queue.
    """

    first: QueuedCandidate
    first_until: datetime | None
    agent: AffinityAgent | None


@dataclass(frozen=True, slots=True)
class Selection:
    """A conversation and the agent whom it is to be offered to."""

    conversation: QueuedCandidate
    user: str


@dataclass(frozen=True, slots=True)
class QueueView:
    """A queue at a moment, and how each workstream is offered from it."""

    instance: str
    name: str
    rules: Mapping[str, OfferRules]
    now: datetime
    others: OfferRules = DEFAULT_RULES

    @property
    def turn(self) -> str:
        """What whoever offers from this queue has to have to themselves."""
        return f"offers of {self.instance} {self.name}"

    def rules_of(self, workstream: str) -> OfferRules:
        """Of a workstream, be it one that was taken out of the configuration."""
        return self.rules.get(workstream) or self.others


async def first_of_each_kind(connection: AsyncConnection, queue: QueueView) -> list[FirstOfKind]:
    """The first conversation of each kind that waits in a queue."""
    here = {"instance": queue.instance, "queue": queue.name}
    found = [
        (QueuedCandidate(*row[:-1]), row[-1])
        for row in await connection.execute(selection_queries.FIRST_OF_EACH_KIND, here)
    ]
    users = {first.bound_to for first, _ in found} - {ANY_AGENT}
    agents: dict[str, AffinityAgent] = {}
    if users:
        asked = {**here, "users": sorted(users), "now": queue.now}
        known = (AffinityAgent(*row) for row in await connection.execute(selection_queries.AFFINITY_AGENTS, asked))
        agents = {agent.user: agent for agent in known}
    return [FirstOfKind(first, first_until, agents.get(first.bound_to)) for first, first_until in found]


async def select_offer(connection: AsyncConnection, queue: QueueView, kinds: Sequence[FirstOfKind]) -> Selection | None:
    """The first conversation that somebody may be offered now, and the best of these agents."""
    line = [(head.first.place, head.first) for head in kinds if _may_be_offered(queue, head)]
    heapify(line)
    nobody: set[tuple[frozenset[str], int]] = set()
    while line:
        _, candidate = heappop(line)
        wanted = (queue.rules_of(candidate.workstream).statuses, candidate.units)
        if wanted in nobody:
            continue
        best = await _best_agent(connection, queue, candidate)
        if best is None:
            if candidate.bound_to == ANY_AGENT:
                nobody.add(wanted)
            continue
        user, has_passed = best
        if not has_passed:
            return Selection(candidate, user)
        later = await _behind(connection, queue, candidate)
        if later is not None:
            heappush(line, (later.place, later))
    return None


def _may_be_offered(queue: QueueView, head: FirstOfKind) -> bool:
    """False where it is certain without a look at the agents."""
    rules, agent = queue.rules_of(head.first.workstream), head.agent
    if not rules.open or head.first.bound_to == ANY_AGENT:
        return rules.open
    return agent is not None and is_available(agent, rules) and agent.free >= head.first.units


def is_available(agent: AffinityAgent, rules: OfferRules) -> bool:
    """Whether an agent may be offered something, as far as their status goes."""
    return agent.status in rules.statuses and not agent.leaving


async def lock_selected_agent(
    db: Database, connection: AsyncConnection, queue: QueueView, choice: Selection
) -> Selection:
    """Locks the chosen agent, or the next best if somebody else is just giving them something.

    Were everybody to wait for the same best agent, all but one would have waited in vain and have to choose anew.
    """
    if not db.is_postgres or await try_to_lock_agent(connection, queue.instance, choice.user):
        return choice
    another = await _best_agent(connection, queue, choice.conversation, at_hand=True)
    if another and not another[1]:
        return replace(choice, user=another[0])
    await lock_agents(db, connection, queue.instance, [choice.user])
    return choice


async def _best_agent(
    connection: AsyncConnection, queue: QueueView, candidate: QueuedCandidate, *, at_hand: bool = False
) -> tuple[str, bool] | None:
    """The best of the agents who could be offered a conversation, and whether even they have passed on it lately."""
    most_free = queue.rules_of(candidate.workstream).method is RoutingMethod.MOST_FREE
    best = selection_queries.best_unlocked_agent if at_hand else selection_queries.best_agent
    asked = {**_asked(queue, candidate), "conversation_id": candidate.conversation_id}
    query = best(most_free=most_free, bound=candidate.bound_to != ANY_AGENT)
    row = (await connection.execute(query, asked)).one_or_none()
    return None if row is None else (row[0], bool(row[1]))


async def _behind(connection: AsyncConnection, queue: QueueView, candidate: QueuedCandidate) -> QueuedCandidate | None:
    """The first conversation of the same kind on which not everybody who could be offered it has passed lately."""
    query = selection_queries.first_not_rejected_by_all(bound=candidate.bound_to != ANY_AGENT)
    row = (await connection.execute(query, _asked(queue, candidate))).one_or_none()
    return None if row is None else QueuedCandidate(*row)


def _asked(queue: QueueView, candidate: QueuedCandidate) -> dict[str, Any]:
    rules = queue.rules_of(candidate.workstream)
    return {
        "instance": queue.instance,
        "queue": queue.name,
        "now": queue.now,
        "statuses": sorted(rules.statuses),
        "passed_after": queue.now - rules.pause,
        "workstream": candidate.workstream,
        "bound_to": candidate.bound_to,
        "units": candidate.units,
    }
