"""The policy of a conversation, and the default policies of the two modes.

A new field is off by default, because running conversations have policies without it; `DEFAULTS` gives new conversations their
values. When a workstream is configured anew, its running conversations adopt the new policy at their next step, except the fixed
fields.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Literal, Self

from pydantic import Field

from domain.conversation import Mode
from domain.routing import DEFAULT_PRIORITY
from domain.value import Name, Value

MAX_MESSAGE_CHARACTERS = 2_000
"""Longest automated message, in characters (Dynamics 365 has the same limit)."""

LANGUAGE_ATTRIBUTE = "language"
"""The contact attribute with the customer's language, as a BCP 47 tag. Its value at the start of the conversation counts."""

SLUGS = ("AgentName", "CustomerName", "QueueName", "OpeningTime", "PeopleAhead", "WaitMinutes")
"""The names that automated messages can hold in braces, such as `{AgentName}`. An unknown value becomes the empty text."""


class AutomatedMessages(Value):
    """A workstream's automated messages by their triggers, in the customer's language; None switches one off."""

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
    """Replaces `out_of_hours` and `holiday` when the next opening is unknown."""
    position_in_queue: str | None = None
    next_in_line: str | None = None
    average_wait: str | None = None
    ended: str | None = None
    nobody_available: str | None = None
    """Replaces `ended` when the chat ends because no agent took it in time."""


class IdleAction(StrEnum):
    """The action of an idle rule."""

    REMIND = "remind"
    WARN = "warn"
    CLOSE = "close"
    RELEASE = "release"


class IdleRule(Value):
    """One step of a chain: acts when `silent` has written nothing for `after` since the other party's last message.

    A customer can be reminded and warned, and the chat closed. An agent can be reminded, and the chat released to its queue.
    The steps of a party's chain are in ascending order of `after`, and no two have the same.
    """

    silent: Literal["customer", "agent"]
    after: timedelta
    action: IdleAction
    text: str | None = None
    """Sent to the silent party (remind, warn) or to the customer (close, release); None sends nothing."""


class SameAgent(StrEnum):
    """Whether a returning conversation is offered to its last agent only, to its last agent first, or to any agent."""

    REQUIRED = "required"
    PREFERRED = "preferred"
    OFF = "off"


class SurveyQuestion(Value):
    """One question of a survey. With `choices`, only one of them is an answer; without, any text is."""

    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,100}$")]
    text: Annotated[str, Field(min_length=1, max_length=1_000)]
    choices: tuple[Name, ...] = ()


class Survey(Value):
    """The survey after a chat that the agent or a participant timer has ended.

    It ends after the last answer, when the customer ends it, or at the deadline. Without questions a bot that joins the contact
    conducts it; then it ends when the bot leaves.

    Attributes:
        questions: the questions, in order.
        deadline: how long the customer has for all answers.
        not_a_choice: sent before the repeated question, when an answer matches no choice.
        thanks: sent after the last answer; None sends nothing.
    """

    questions: Annotated[tuple[SurveyQuestion, ...], Field(max_length=20)] = ()
    deadline: timedelta = timedelta(minutes=10)
    not_a_choice: str = "Please answer with one of the choices."
    thanks: str | None = None


class Policy(Value):
    """The rules for one conversation. All limits are durations; None means never."""

    mode: Mode
    connect_within: timedelta | None = timedelta(minutes=5)
    reconnect_window: timedelta | None = timedelta(minutes=3)
    open_age: timedelta | None = timedelta(minutes=20)
    waiting_period: timedelta | None = None
    wrap_up: timedelta = timedelta(minutes=15)
    duration: timedelta | None = timedelta(hours=25)
    agent_grace: timedelta | None = None
    assigned_within: timedelta | None = None
    """How long an agent who was assigned, and did not take the conversation, may leave it without connecting."""
    customer_may_end: bool = True
    hours: bool = False
    """Whether any queue of the instance has opening hours, so that the conversation must query them."""
    texts: AutomatedMessages = AutomatedMessages()
    idle_rules: tuple[IdleRule, ...] = ()
    survey: Survey | None = None
    units: int = 1
    """Units of an agent's capacity that the conversation uses."""
    priority: int = DEFAULT_PRIORITY
    """Its place in the queue: lower goes first (Amazon Connect: QueuePriority)."""
    same_agent: SameAgent = SameAgent.OFF
    same_agent_wait: timedelta = timedelta(minutes=2)
    """How long a returning conversation waits for its preferred agent."""
    wrap_up_holds: timedelta | None = None
    """For how long the wrap-up uses capacity. None: until it ends. Zero: not at all."""
    missed_offers: int | None = None
    """After this many missed offers in a row an agent counts as away; None means never."""
    auto_accept: bool = False
    """Whether offers are accepted without the agent's answer."""
    archive: bool = False
    """Whether the transcripts of ended contacts are written to files."""
    interactive: bool = False
    """Whether the customer's client shows interactive messages."""
    duration_configured: bool = False
    """Whether the duration is that of the workstream and follows its configuration. False: the request set the duration."""

    @property
    def fixed(self) -> tuple[str, ...]:
        """The fields that keep their initial values when the workstream's configuration changes."""
        return FIXED if self.duration_configured else (*FIXED, "duration")

    def fingerprint(self, without: Iterable[str]) -> str:
        """A short digest of all fields except `without`; equal for equal policies."""
        return sha256(self.model_dump_json(exclude=set(without)).encode()).hexdigest()[:16]

    def adopt(self, other: Policy, fixed: Collection[str]) -> Self:
        """This policy with the values of another one, except the `fixed` fields."""
        return self._with_fields({name: value for name, value in other if name not in fixed})

    def differences(self, other: Policy) -> tuple[str, ...]:
        """The names of the fields in which another policy differs."""
        return tuple(name for name, value in other if value != getattr(self, name))


FIXED = ("mode", "archive", "interactive", "duration_configured")
"""The policy fields that the workstream does not set, or that would change the kind of the conversation."""


def _texts(
    position_in_queue: str | None = None, next_in_line: str | None = None, average_wait: str | None = None
) -> AutomatedMessages:
    """The default texts of a mode."""
    return AutomatedMessages(
        agent_disconnected="Your agent has lost the connection. You are in the queue again, ahead of the others.",
        out_of_hours="We are closed at the moment. We open again on {OpeningTime}.",
        holiday="We are closed for a holiday. We open again on {OpeningTime}.",
        closed="We are closed at the moment.",
        nobody_available="We are sorry, nobody could take your chat in time, so it ends now. Please try again later.",
        position_in_queue=position_in_queue,
        next_in_line=next_in_line,
        average_wait=average_wait,
    )


DEFAULTS = {
    Mode.LIVE: Policy(
        mode=Mode.LIVE,
        duration_configured=True,
        agent_grace=timedelta(seconds=150),
        texts=_texts(
            position_in_queue="People ahead of you: {PeopleAhead}",
            next_in_line="You're next in line.",
            average_wait="Average wait time: {WaitMinutes} minutes",
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
        assigned_within=timedelta(days=1),
        same_agent=SameAgent.PREFERRED,
        customer_may_end=False,
        texts=_texts(),
    ),
}
"""The defaults of a workstream by its mode (Dynamics 365 automatic closure; chat duration as in Amazon Connect)."""
