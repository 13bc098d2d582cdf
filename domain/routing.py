"""Routing (work distribution): agent status, routing stages, offers, and the placement of a conversation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum

from domain.value import Value

FOREVER = datetime(9999, 12, 31, tzinfo=UTC)
"""The instant that means "without end" in values that are compared."""

DEFAULT_PRIORITY = 5
"""Priority of conversations whose workstream sets none; a lower number goes first (Amazon Connect: QueuePriority)."""

OFFER_DURATION = timedelta(seconds=120)
"""Default time in which an agent can accept an offer."""


class AgentStatus(StrEnum):
    """Whether an agent takes chats (Amazon Connect: agent status). A full load does not change it; a status
    requested with `when_free` follows once the load is zero.

    Not the participant presence, which says whether a client is connected to one chat.
    """

    AVAILABLE = "available"
    BUSY = "busy"
    DO_NOT_DISTURB = "busy-do-not-disturb"
    AWAY = "away"
    OFFLINE = "offline"

    @property
    def is_absent(self) -> bool:
        """Whether the agent is not at work. Offers to an absent agent are withdrawn."""
        return self in ABSENT_STATUSES


ABSENT_STATUSES = frozenset({AgentStatus.AWAY, AgentStatus.OFFLINE})
"""The statuses of an agent who is not at work."""


class RoutingStage(StrEnum):
    """The stage of a conversation in routing. `OFF`: routing has no record of it."""

    QUEUED = "queued"
    WORKING = "working"
    PARKED = "parked"
    WRAP_UP = "wrap_up"
    OFF = "off"


class OfferOutcome(StrEnum):
    """How an offer ended.

    `WITHDRAWN`: neither accepted, rejected nor missed; it does not count as missed.
    `ABSENT`: the agent accepted and never connected to the chat.
    """

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    MISSED = "missed"
    WITHDRAWN = "withdrawn"
    ABSENT = "absent"


class EndedOffer(Value):
    """An offer that has ended. A released or missed assignment without an offer has the contact's id as `id`."""

    id: str
    user: str
    outcome: OfferOutcome


class Offer(Value):
    """A conversation that is offered to an agent. It uses the agent's capacity until the offer ends or expires."""

    id: str
    conversation_id: str
    contact_id: str
    instance: str
    queue: str
    workstream: str
    user: str
    offered_at: datetime
    until: datetime


class Placement(Value):
    """The place of a conversation in routing, as its workflow decides. An older revision never replaces a newer one.

    Attributes:
        agent: the agent who works on it, has parked it or wraps it up; None without such an agent.
        units: capacity that it uses while an agent works on it, 1 or more.
        ahead: it goes before all others of its queue, because it has returned or lost its agent.
        priority: 1 to 99; a lower number goes first (Amazon Connect: QueuePriority).
        enqueued_at: start of this stage. With queue and contact it identifies one wait.
        bound_to: the only agent who may be offered it (agent affinity); None for any agent.
        bound_until: end of the affinity; None: it is required and lasts as long as the agent serves the queue.
        wrap_up_holds_until: until when its wrap-up uses capacity; None: not at all; `FOREVER`: until it ends.
        ended_offers: offers that have ended since the last write. Any other offer stays until its wait ends.
        missed_offer_limit: after this many missed offers in a row the agent's status becomes away; None: never.
    """

    conversation_id: str
    revision: int
    instance: str
    workstream: str
    queue: str
    contact_id: str
    stage: RoutingStage
    enqueued_at: datetime
    agent: str | None = None
    units: int = 1
    ahead: bool = False
    priority: int = DEFAULT_PRIORITY
    bound_to: str | None = None
    bound_until: datetime | None = None
    wrap_up_holds_until: datetime | None = None
    ended_offers: tuple[EndedOffer, ...] = ()
    missed_offer_limit: int | None = None
