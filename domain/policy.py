"""How a conversation is to be treated: a workstream's policy, and the defaults of the two modes.

A field that brings behaviour which did not exist before is off by default: the conversations that run already have
policies without it. What new conversations get is in `DEFAULTS`. A policy that is configured otherwise while a
conversation runs takes the place of its own at its next step, but for what was fixed when it began.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Literal

from domain.conversation import Mode
from domain.survey import Survey
from domain.value import Value

MAX_MESSAGE_CHARACTERS = 2_000
"""Longest automated message, in characters (Dynamics 365 has the same limit)."""

LANGUAGE_ATTRIBUTE = "language"
"""The contact attribute that says in which language a customer reads, as a BCP 47 tag; what it says at the start counts."""

SLUGS = ("AgentName", "CustomerName", "QueueName", "OpeningTime", "PeopleAhead", "WaitMinutes")
"""What automated messages may name in braces: `{AgentName}`. One of which nothing is known becomes the empty text."""


class AutomatedMessages(Value):
    """A workstream's automated messages by their trigger, in the language of the customer; `None` switches one off."""

    greeting: str | None = None
    agent_assigned: str | None = None
    agent_joined: str | None = None
    agent_disconnected: str | None = None
    agent_ended: str | None = None
    parked: str | None = None
    released: str | None = None
    transferred: str | None = None
    customer_disconnected: str | None = "The customer has disconnected."
    out_of_hours: str | None = None
    holiday: str | None = None
    closed: str | None = None
    """Instead of the two before it, when nobody knows when the queue opens again."""
    position_in_queue: str | None = None
    next_in_line: str | None = None
    average_wait: str | None = None
    ended: str | None = None


class IdleAction(StrEnum):
    """What happens when somebody has been silent for long enough."""

    REMIND = "remind"
    WARN = "warn"
    CLOSE = "close"
    RELEASE = "release"


class IdleRule(Value):
    """One step of a chain: once `silent` has said nothing for `after`, counted from the other's last message.

    A silent customer can be reminded, warned, and have the chat closed; a silent agent can be reminded, and lose it to
    the queue. The steps of a party's chain stand in the order of `after`.
    """

    silent: Literal["customer", "agent"]
    after: timedelta
    action: IdleAction
    text: str | None = None
    """Said to who is silent (remind, warn), or to the customer (close, release)."""


class SameAgent(StrEnum):
    """Whether a conversation that returns goes to the agent who had it last: only to them, first to them, or to anybody."""

    REQUIRED = "required"
    PREFERRED = "preferred"
    OFF = "off"


class Policy(Value):
    """How a conversation is to be treated. All limits are durations; `None` means never."""

    mode: Mode
    connect_within: timedelta | None = timedelta(minutes=5)
    reconnect_window: timedelta | None = timedelta(minutes=3)
    open_age: timedelta | None = timedelta(minutes=20)
    waiting_period: timedelta | None = None
    wrap_up: timedelta = timedelta(minutes=15)
    duration: timedelta | None = timedelta(hours=25)
    agent_grace: timedelta | None = None
    customer_may_end: bool = True
    hours: bool = False
    """Whether its queues may have opening hours, so that it must ask."""
    texts: AutomatedMessages = AutomatedMessages()
    idle_rules: tuple[IdleRule, ...] = ()
    survey: Survey | None = None
    units: int = 1
    """What it takes of an agent's capacity."""
    priority: int = 5
    """Its place in the queue: lower goes first (Amazon Connect: QueuePriority)."""
    same_agent: SameAgent = SameAgent.OFF
    same_agent_wait: timedelta = timedelta(minutes=2)
    """How long a preferred agent is waited for."""
    wrap_up_holds: timedelta | None = None
    """For how long the wrap-up takes capacity: `None` as long as it lasts, nothing: not at all."""
    missed_offers: int | None = None
    """After so many missed offers in a row an agent counts as away."""
    auto_accept: bool = False
    """Whether an offer is accepted as it is made."""
    archive: bool = False
    """Whether contacts that have ended become files. Off for conversations that began before there were any."""
    interactive: bool = False
    """Whether the customer's client shows interactive messages."""
    duration_configured: bool = False
    """Whether the duration is the workstream's, and changes with it. Not so where the request gave one, or may have."""

    @property
    def fixed(self) -> tuple[str, ...]:
        """The fields that stay as they were at the start, however the workstream changes."""
        return FIXED if self.duration_configured else (*FIXED, "duration")

    def fingerprint(self, without: Iterable[str]) -> str:
        """A short text that differs for policies which differ in anything but these fields."""
        return sha256(self.model_dump_json(exclude=set(without)).encode()).hexdigest()[:16]


FIXED = ("mode", "archive", "interactive", "duration_configured")
"""The fields of a policy that are not the workstream's, or make another kind of conversation of it."""


_TEXTS = AutomatedMessages(
    agent_disconnected="Your agent has lost the connection. You are in the queue again, ahead of the others.",
    out_of_hours="We are closed at the moment. We open again on {OpeningTime}.",
    holiday="We are closed for a holiday. We open again on {OpeningTime}.",
    closed="We are closed at the moment.",
)

DEFAULTS = {
    Mode.LIVE: Policy(
        mode=Mode.LIVE,
        duration_configured=True,
        agent_grace=timedelta(seconds=150),
        texts=_TEXTS.model_copy(
            update={
                "position_in_queue": "People ahead of you: {PeopleAhead}",
                "next_in_line": "You're next in line.",
                "average_wait": "Average wait time: {WaitMinutes} minutes",
            }
        ),
    ),
    Mode.PERSISTENT: Policy(
        mode=Mode.PERSISTENT,
        duration_configured=True,
        reconnect_window=None,
        open_age=timedelta(days=30),
        waiting_period=timedelta(days=30),
        wrap_up=timedelta(days=1),
        duration=None,
        agent_grace=timedelta(seconds=150),
        same_agent=SameAgent.PREFERRED,
        customer_may_end=False,
        texts=_TEXTS,
    ),
}
"""What a workstream gets where it says nothing itself (Dynamics 365 automatic closure; chat duration as on Connect)."""
