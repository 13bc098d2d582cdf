"""Records of routing: agents, offer rules, and queued contacts. Instants are aware UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from domain.routing import OFFER_DURATION, AgentStatus


class RoutingMethod(StrEnum):
    """The choice among the agents who can take a conversation."""

    MOST_FREE = "most-free"
    """The agent with the most free capacity; among equals, the one with the longest idle time."""
    ROUND_ROBIN = "round-robin"
    """The agent whose last assignment is the oldest; among equals, the one with the longest idle time."""


@dataclass(frozen=True, slots=True)
class RoutedAgent:
    """An agent as configured.

    Attributes:
        capacity: the maximum load, in units.
        queues: the names of all queues that the agent serves.
    """

    user: str
    name: str
    capacity: int
    queues: frozenset[str]


@dataclass(frozen=True, slots=True)
class AgentState:
    """An agent's present state.

    Attributes:
        load: the part of the capacity that is in use, in units.
        next_status: the status that follows once the load is zero; None when no other follows.
        last_assigned_at: when the agent last received a contact or an offer; None: never.
        idle_since: the last time the agent gained or finished work.
        missed_offers: the number of offers that the agent missed in a row.
    """

    user: str
    name: str
    capacity: int
    load: int
    status: AgentStatus
    status_since: datetime
    next_status: AgentStatus | None
    last_assigned_at: datetime | None
    idle_since: datetime
    missed_offers: int


@dataclass(frozen=True, slots=True)
class OfferRules:
    """How conversations of a workstream are offered.

    Attributes:
        statuses: the agent statuses in which an agent receives offers.
        method: which of these agents receives the offer.
        offer_duration: the time in which an agent can accept an offer.
        pause: the time until an agent who rejected or missed a conversation may be offered it again.
        required_agent_timeout: how long a required affinity lasts while its agent has a status that is not among `statuses`.
        open: whether conversations may be offered now; False outside the operating hours.
    """

    statuses: frozenset[AgentStatus] = frozenset({AgentStatus.AVAILABLE, AgentStatus.BUSY})
    method: RoutingMethod = RoutingMethod.MOST_FREE
    offer_duration: timedelta = OFFER_DURATION
    pause: timedelta = timedelta(minutes=5)
    required_agent_timeout: timedelta = timedelta(minutes=15)
    open: bool = True


class QueuedContact(NamedTuple):
    """A contact in a queue that is not offered to an agent.

    Attributes:
        units: the capacity that it will use.
        ahead: whether it goes before all contacts that are not `ahead`.
        priority: 1 to 99; a lower number goes first.
        bound_to: the only agent who may be offered it (agent affinity); '' for any agent.
    """

    conversation_id: str
    contact_id: str
    workstream: str
    units: int
    ahead: bool
    priority: int
    enqueued_at: datetime
    bound_to: str
