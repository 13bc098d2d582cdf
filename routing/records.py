"""Records of routing: agents, how conversations are offered, and queued contacts. Instants are aware UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from domain.routing import OFFER_DURATION, AgentStatus


class RoutingMethod(StrEnum):
    """Whom of those who could take a conversation it is offered to."""

    MOST_FREE = "most-free"
    """Who has the most free capacity; of these the longest idle."""
    ROUND_ROBIN = "round-robin"
    """Whose last assignment is the longest ago; of these the longest idle."""


@dataclass(frozen=True, slots=True)
class RoutedAgent:
    """An agent as configured. `capacity` is in units, `queues` are all queues that they may be offered from."""

    user: str
    name: str
    capacity: int
    queues: frozenset[str]


@dataclass(frozen=True, slots=True)
class AgentState:
    """An agent at this moment: `load` of their `capacity` is taken.

    `next_status` is what they become once their load is zero, `missed_offers` how many offers they missed in a row.
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
    """How a workstream is offered.

    Attributes:
        statuses: in which an agent may be offered it.
        method: whom of these.
        offer_duration: how long an offer stands.
        pause: after which an agent who rejected or missed a conversation may be offered it again.
        patience: how long a conversation that *must* go to one agent waits for one whose status is not among `statuses`.
        open: whether it may be offered at this moment; false outside its operating hours.
    """

    statuses: frozenset[AgentStatus] = frozenset({AgentStatus.AVAILABLE, AgentStatus.BUSY})
    method: RoutingMethod = RoutingMethod.MOST_FREE
    offer_duration: timedelta = OFFER_DURATION
    pause: timedelta = timedelta(minutes=5)
    patience: timedelta = timedelta(minutes=15)
    open: bool = True


class QueuedContact(NamedTuple):
    """A conversation that waits in a queue and is not offered to anybody. `bound_to` is '' if anybody may have it."""

    conversation_id: str
    contact_id: str
    workstream: str
    units: int
    ahead: bool
    priority: int
    enqueued_at: datetime
    bound_to: str
