"""The small values that a conversation's state is made of."""

from __future__ import annotations

from datetime import datetime

from workflows.values import EndReason, Initiation, OfferOutcome, Value


class Note(Value):
    """A change that happened, for the operator to see: without names or words of people."""

    at: datetime
    what: str


class Voice(Value):
    """When a party last spoke, since when it counts as idle, and how far the chain of its idle rules has come."""

    said_at: datetime | None = None
    said_after: int = 0
    """The number of the last item before."""
    idle_at: datetime | None = None
    silent_since: datetime | None = None
    rules_done: int = 0


class QueueHours(Value):
    """What is known of the opening hours of a queue, and until when. `opened_at` is when it opened while one waited.

    It is `stale` once that instant, `lapsed_at`, has passed, and until the hours have been asked again.
    """

    queue: str
    open: bool
    until: datetime | None = None
    opened_at: datetime | None = None
    stale: bool = False
    lapsed_at: datetime | None = None


class Offered(Value):
    """An agent has been asked to take the conversation, and has until then to say so."""

    id: str
    user: str
    name: str
    until: datetime


class OfferOver(Value):
    """What became of an offer."""

    id: str
    user: str
    outcome: OfferOutcome


class Rejection(Value):
    """Input that changed nothing, kept for the operator to see."""

    at: datetime
    what: str
    why: str


class Leg(Value):
    """One contact of a conversation: who had it, from when to when, and up to which item. A later one follows it."""

    id: str
    initiation: Initiation = Initiation.API
    previous: str | None = None
    queue: str
    began_at: datetime
    agent_user: str | None = None
    agent_assigned_at: datetime | None = None
    ended_at: datetime | None = None
    end_reason: EndReason | None = None
    wrapped_up_at: datetime | None = None
    last_seq: int | None = None


class Unarchived(Value):
    """A contact that has ended and whose file is to be written, with all its items up to `seq`."""

    contact_id: str
    seq: int
