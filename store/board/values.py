"""What the board takes and gives: frozen records in the words of the domain, instants aware UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

DEFAULT_PRIORITY = 5
OFFER_FOR = timedelta(seconds=120)
"""How long an offer stands by default."""


class Presence(StrEnum):
    """What agents say of themselves. It never follows from their load."""

    AVAILABLE = "available"
    BUSY = "busy"
    DO_NOT_DISTURB = "busy-do-not-disturb"
    AWAY = "away"
    OFFLINE = "offline"


class Stage(StrEnum):
    """Where a conversation on the board says that it stands."""

    QUEUED = "queued"
    WORKING = "working"
    PARKED = "parked"
    WRAP_UP = "wrap_up"


class Method(StrEnum):
    """Whom of those who could take a conversation it is offered to."""

    MOST_FREE = "most-free"
    """Who has the most free capacity; of these the longest idle."""
    ROUND_ROBIN = "round-robin"
    """Whose last assignment is the longest ago; of these the longest idle."""


class Outcome(StrEnum):
    """How an offer ended."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    MISSED = "missed"
    WITHDRAWN = "withdrawn"
    """Neither side's doing: nothing is held against the agent."""


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent as configured. `capacity` is in units, `queues` are all queues that they may be offered from."""

    user: str
    name: str
    capacity: int
    queues: frozenset[str]


@dataclass(frozen=True, slots=True)
class AgentState:
    """An agent at this moment: `load` of their `capacity` is taken.

    `next_presence` is what they become once their load is zero, `missed` how many offers they missed in a row.
    """

    user: str
    name: str
    capacity: int
    load: int
    presence: Presence
    presence_since: datetime
    next_presence: Presence | None
    last_assigned_at: datetime | None
    idle_since: datetime
    missed: int


@dataclass(frozen=True, slots=True)
class Rules:
    """How a workstream is offered.

    Attributes:
        presences: in which an agent may be offered it.
        method: whom of these.
        offer_for: how long an offer stands.
        pause: after which an agent who rejected or missed a conversation may be offered it again.
        patience: how long a conversation that *must* go to one agent waits for one whose presence is not among `presences`.
        open: whether it may be offered at this moment; false outside its operating hours.
    """

    presences: frozenset[Presence] = frozenset({Presence.AVAILABLE, Presence.BUSY})
    method: Method = Method.MOST_FREE
    offer_for: timedelta = OFFER_FOR
    pause: timedelta = timedelta(minutes=5)
    patience: timedelta = timedelta(minutes=15)
    open: bool = True


@dataclass(frozen=True, slots=True)
class Settled:
    """An offer that is over, as the conversation says."""

    offer_id: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a conversation says that it stands, at a revision of it; an older revision never overwrites a newer one.

    Attributes:
        stage: None takes it off the board.
        agent: who works on it, has parked it or wraps it up.
        units: how much of an agent's capacity it takes, 1 or more.
        ahead: before those whose turn it is: a conversation that returns or was given back.
        priority: lower goes first.
        enqueued_at: since when it waits; with queue and contact, this tells one spell of waiting from the next.
        bound_to: the only agent who may be offered it, as long as that binding stands.
        bound_until: when the binding runs out at the latest; None: it *must* be that agent, as long as there is one.
        wrap_up_holds_until: until when a conversation in wrap-up takes capacity: `store.schema.FOREVER` until it leaves the
            board, None not at all.
        settled: offers that are over. All others stand as long as the spell does.
        passed_by: who has given it away, and is not to be offered it again soon.
        absent: who took it and never came: nor are they, and they count as away, unless there is no `miss_limit`.
        miss_limit: after so many missed offers in a row an agent becomes away; None: never.
    """

    conversation_id: str
    revision: int
    instance: str
    queue: str
    workstream: str
    contact_id: str
    stage: Stage | None
    enqueued_at: datetime
    agent: str | None = None
    units: int = 1
    ahead: bool = False
    priority: int = DEFAULT_PRIORITY
    bound_to: str | None = None
    bound_until: datetime | None = None
    wrap_up_holds_until: datetime | None = None
    settled: tuple[Settled, ...] = ()
    passed_by: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    miss_limit: int | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """A conversation that is offered to an agent and takes their capacity, until it is answered or the time is over."""

    id: str
    conversation_id: str
    contact_id: str
    instance: str
    queue: str
    workstream: str
    user: str
    offered_at: datetime
    until: datetime


class Waiting(NamedTuple):
    """A conversation that waits in a queue and is not offered to anybody. `bound_to` is '' if anybody may have it."""

    conversation_id: str
    contact_id: str
    workstream: str
    units: int
    ahead: bool
    priority: int
    enqueued_at: datetime
    bound_to: str
