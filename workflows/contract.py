"""What crosses the border of the workflow: its input, its answers, and the signatures of the activities that it calls.

Everything here stands in recorded histories: fields are added with a default, never renamed or removed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field
from temporalio import activity
from temporalio.exceptions import ApplicationError

from workflows.events import AnyEvent, Command, Hours, Message
from workflows.memory import OfferOver
from workflows.policy import LANGUAGE, Policy, SameAgent
from workflows.state import ConversationState, Leg
from workflows.values import EndReason, Item, Mode, Notice, Participant, Role, Stage, State, Value

WORKFLOW = "Conversation"
ASK = "ask"

MOST_LANGUAGE = 100
"""So much is kept of the language that a customer names, which can be any text; the longest tag is a third of it."""


class Past(Value):
    """What a conversation continues; see `store.records.Past`."""

    contact_id: str
    association_id: str
    conversation_id: str
    seq: int
    items: int


class Opening(Value):
    """What is known of a conversation before it begins, and does not change by itself afterwards."""

    contact_id: str
    instance: str
    workstream: str
    queue: str
    mode: Mode
    started_at: datetime
    customer_participant_id: str
    customer_name: str
    customer_id: str | None = None
    attributes: dict[str, str] = Field(default_factory=dict)
    segment_attributes: dict[str, object] = Field(default_factory=dict)
    content_types: tuple[str, ...] = ()
    related_contact_id: str | None = None
    past: Past | None = None


class StartConversation(Value):
    """Input of a conversation: what it begins with or, on later runs, what the earlier run carried over."""

    opening: Opening | None = None
    policy: Policy
    initial_message: Message | None = None
    recycle_after: int = 2_000
    """Continue-as-new once a run's history holds about this many events (Temporal's own suggestion comes at 4,096)."""
    state: ConversationState | None = None
    inbox: tuple[Annotated[AnyEvent, Field(discriminator="kind")], ...] = ()
    runs: int = 1


class Placement(Value):
    """Where a conversation stands on the board, and what the board must know to offer it."""

    stage: Stage
    instance: str
    workstream: str
    contact_id: str
    queue: str
    agent: str | None = None
    units: int = 1
    priority: int = 5
    ahead: bool = False
    since: datetime
    missed_offers: int | None = None
    bound_to: str | None = None
    bound_until: datetime | None = None
    """The agent who alone may be offered it, and until when; without an instant for as long as there is this agent."""
    holds: bool = False
    holds_until: datetime | None = None
    """Whether it takes capacity of its agent, and until when; without an instant as long as it stands so."""


class Facts(Value):
    """A conversation's record as it stands now, whole: writing it twice is writing it once, and the latest revision wins."""

    revision: int
    state: State
    legs: tuple[Leg, ...] = ()
    participants: tuple[Participant, ...]
    answers: dict[str, str] = Field(default_factory=dict)
    """What a survey has brought since the last write; written once, so that a backend may correct it."""
    ended_at: datetime | None = None
    end_reason: EndReason | None = None
    closed_at: datetime | None = None
    placement: Placement
    offers_over: tuple[OfferOver, ...] = ()


class Rules(Value):
    """By which policy a conversation goes: its workstream's, but for what is fixed. `fingerprint` is `Policy.fingerprint`."""

    instance: str
    workstream: str
    mode: Mode
    language: str = ""
    fixed: tuple[str, ...] = ()
    fingerprint: str


class Commit(Value):
    """One write of a conversation's news: transcript items, and its record if that has changed."""

    conversation_id: str
    opening: Opening | None = None
    facts: Facts | None = None
    items: tuple[Item, ...] = ()
    notices: tuple[Notice, ...] = ()
    rules: Rules | None = None
    """None for a closed conversation, whose policy no longer changes."""


class Recorded(Value):
    """What a conversation learns of its write.

    Where its transcript ends, if items have got other numbers because a task that was done before had written others; and the
    policy that its workstream amounts to now, if that is another.
    """

    seq: int | None = None
    at: datetime | None = None
    policy: Policy | None = None


class HoursQuestion(Value):
    """Whether a queue is open at an instant."""

    instance: str
    queue: str
    at: datetime


class Ask(Value):
    """A command whose sender waits for the answer."""

    command: Command


class Answer(Value):
    """The machine's answer, given once its consequences are in the store. `refused` says why nothing changed."""

    refused: str | None = None
    state: State


class Outcome(Value):
    """What a closed conversation leaves as its workflow's result."""

    reason: EndReason | None
    items: int
    started_at: datetime
    closed_at: datetime | None
    runs: int


class ArchiveJob(Value):
    """A contact that has ended, to be written to a file."""

    conversation_id: str
    instance: str
    contact_id: str


class ConversationActivities:
    """The activities a conversation calls, by signature; `activities/` implements them."""

    @activity.defn
    async def record(self, commit: Commit) -> Recorded | None:
        """Writes the commit to the store and announces it. Repeating it changes nothing.

        Returns:
            What the conversation must know of it, if anything.
        """
        raise NotImplementedError

    @activity.defn
    async def opening_hours(self, question: HoursQuestion) -> Hours:
        """What the queue's opening hours say. A queue without any is always open."""
        raise NotImplementedError

    @activity.defn
    async def archive(self, job: ArchiveJob) -> str:
        """Writes the transcript of a contact to a file and returns its address. Repeating it writes the same file."""
        raise NotImplementedError


def facts(state: ConversationState) -> Facts:
    """The record that a state amounts to."""
    return Facts(
        revision=state.revision,
        state=state.state,
        legs=(*state.unrecorded_legs, *_worked(state), state.leg),
        answers=dict(state.unrecorded_answers),
        # each once: who left may be back already
        participants=tuple({who.id: who for who in (*state.unrecorded_leavers, *state.participants)}.values()),
        ended_at=state.ended_at,
        end_reason=state.end_reason,
        closed_at=state.closed_at,
        placement=placement(state),
        offers_over=state.unrecorded_offers,
    )


def rules(state: ConversationState) -> Rules | None:
    """What a commit says of the policy."""
    if state.state is State.CLOSED:
        return None
    return Rules(
        instance=state.instance,
        workstream=state.workstream,
        mode=state.mode,
        language=state.language,
        fixed=state.fixed,
        fingerprint=state.policy.fingerprint(state.fixed),
    )


def placement(state: ConversationState) -> Placement:
    """Where a conversation stands on the board."""
    policy, stage, owner, holds_until = state.policy, Stage.OFF, None, None
    match state.state:
        case State.OPEN:
            stage = Stage.QUEUED
        case State.ACTIVE:
            stage, owner = Stage.WORKING, state.agent and state.agent.user
        case State.WAITING:
            stage, owner = Stage.PARKED, state.parked_by and state.parked_by.user
        case State.WRAP_UP:
            worked = state.worked_leg.agent_user if state.worked_leg else None
            owner = (state.owner.user if state.owner else worked) if state.agent_done_at is None else None
            stage = Stage.WRAP_UP if owner else Stage.OFF
            holds_until = state.since + policy.wrap_up_holds if policy.wrap_up_holds is not None else None
        case State.CLOSED:
            pass
    bound_to = state.parked_by.user if stage is Stage.QUEUED and state.parked_by else None
    if policy.same_agent is SameAgent.OFF:
        bound_to = None
    waits = policy.same_agent is SameAgent.PREFERRED
    return Placement(
        stage=stage,
        instance=state.instance,
        workstream=state.workstream,
        contact_id=state.contact_id,
        queue=state.queue,
        agent=owner,
        units=policy.units,
        priority=policy.priority,
        ahead=state.ahead,
        since=state.since,
        missed_offers=policy.missed_offers,
        bound_to=bound_to,
        bound_until=state.since + policy.same_agent_wait if bound_to and waits else None,
        holds=stage in (Stage.WORKING, Stage.WRAP_UP),
        holds_until=holds_until,
    )


def _worked(state: ConversationState) -> tuple[Leg, ...]:
    """The contact whose agent's wrap-up outlasts it, while a survey follows it."""
    if state.worked_leg is None:
        return ()
    done = state.agent_done_at or state.closed_at
    return (state.worked_leg.model_copy(update={"wrapped_up_at": done}),)


def fresh(start: StartConversation) -> ConversationState:
    """The state that a conversation begins with.

    Raises:
        ApplicationError: the input has no opening; somebody started the workflow by hand.
    """
    opening = start.opening
    if opening is None:
        raise ApplicationError("a new conversation needs its opening", non_retryable=True)
    return ConversationState(
        id=opening.contact_id,
        instance=opening.instance,
        workstream=opening.workstream,
        queue=opening.queue,
        policy=start.policy,
        contact_id=opening.contact_id,
        customer_id=opening.customer_id,
        since=opening.started_at,
        language=opening.attributes.get(LANGUAGE, "")[:MOST_LANGUAGE],
        started_at=opening.started_at,
        clock=opening.started_at,
        customer=Participant(
            id=opening.customer_participant_id,
            role=Role.CUSTOMER,
            name=opening.customer_name,
            since=opening.started_at,
        ),
    )
