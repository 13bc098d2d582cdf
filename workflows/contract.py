"""The contract of the workflow: its input, its results, and the signatures of the activities that it calls.

Recorded histories hold all these values. A field is never renamed or removed, and a new field needs a default. A new field of
`ConversationSnapshot` or `Placement` also needs a new rules version (`workflows.rules_version`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self, cast

from pydantic import Field, ModelWrapValidatorHandler, ValidationError, model_validator
from temporalio import activity
from temporalio.exceptions import ApplicationError

from domain.audit import OperatorSignal
from domain.checkpoints import Checkpoint, Conflict
from domain.contacts import Contact, EndReason
from domain.conversation import ConversationOpening, ConversationSnapshot, Mode, State
from domain.events import AnyEvent, Command, Message, OpeningHours, mistakes_of
from domain.participants import Role
from domain.policy import LANGUAGE_ATTRIBUTE, Policy, SameAgent
from domain.refusals import Refusal, RefusalCode
from domain.routing import FOREVER, Placement, RoutingStage
from domain.transcript import Notice, TranscriptItem
from domain.value import Value
from workflows.state import ConversationState
from workflows.state_parts import TrackedParticipant

WORKFLOW = "Conversation"
ASK = "ask"
STATUS = "status"

MAX_LANGUAGE = 100
"""Maximum stored characters of the customer's language. It can be any text; the longest BCP 47 tags have a third of this."""


class Predecessor(Value):
    """The run that made the latest commit before a run began, and how many events of its inbox are decided."""

    run_id: str
    consumed: int


class StartConversation(Value):
    """Input of a conversation: its opening and, for a later run, the state and the inbox of the previous run."""

    opening: ConversationOpening | None = None
    policy: Policy
    initial_message: Message | None = None
    recycle_after: int = 2_000
    """A run continues as new once its history has about this many events (Temporal suggests it at 4,096); in a quiet moment a
    quarter of them."""
    state: ConversationState | None = None
    inbox: tuple[Annotated[AnyEvent, Field(discriminator="kind")], ...] = ()
    runs: int = 1
    predecessor: Predecessor | None = None
    """None for the first run."""
    whole: bool = False
    """Whether the run begins with a commit of its whole record, because the store can lack some of it."""
    signals: tuple[OperatorSignal, ...] = ()
    """Operators' signals of the previous run that no commit has yet."""

    @model_validator(mode="wrap")
    @classmethod
    def _fail_first_run(cls, body: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        # a workflow whose input cannot be decoded would stand still for ever: an operator may have started it by hand
        try:
            return validate(body)
        except ValidationError as error:
            if isinstance(body, dict) and cast("dict[str, object]", body).get("state"):
                raise
            raise ApplicationError(mistakes_of(error), type=RefusalCode.MALFORMED, non_retryable=True) from None


class PolicyReference(Value):
    """The policy of a conversation: its workstream's, except the fixed fields. `fingerprint` is `Policy.fingerprint`."""

    instance: str
    workstream: str
    mode: Mode
    language: str = ""
    fixed: tuple[str, ...] = ()
    fingerprint: str


class Commit(Value):
    """One write of a conversation: new transcript items, notices, and the record if it has changed."""

    conversation_id: str
    opening: ConversationOpening | None = None
    snapshot: ConversationSnapshot | None = None
    items: tuple[TranscriptItem, ...] = ()
    notices: tuple[Notice, ...] = ()
    policy: PolicyReference | None = None
    """None for a closed conversation, whose policy no longer changes."""
    checkpoint: Checkpoint | None = None
    """Where the run stands after the commit. None: the store takes the commit as it comes."""
    before: str = ""
    """The run that made the latest commit of which this run knows; empty for the first commit."""
    whole: bool = False
    """Whether the commit carries all that the conversation knows of its record, because the store lacks some of it."""
    absent: tuple[str, ...] = ()
    """The ids of participants for whose absence the state changes. The store does not take it while one has an open socket."""
    signals: tuple[OperatorSignal, ...] = ()
    """The operators' signals on which the run has decided since the commit before."""


class CommitResult(Value):
    """The corrections that a conversation must apply after its write.

    Attributes:
        seq: the number of the last stored item, when the store gave the items other numbers (see `store.transcript_writes`).
        at: the instant of that item.
        policy: the present policy of the workstream, when it differs from the conversation's.
        conflict: what the store has instead of the commit, which it did not write; None when it is written.
    """

    seq: int | None = None
    at: datetime | None = None
    policy: Policy | None = None
    conflict: Conflict | None = None


class OpeningHoursQuery(Value):
    """Query for the opening hours of a queue at an instant."""

    instance: str
    queue: str
    at: datetime


class CommandRequest(Value):
    """The input of the update `ask`: a command whose sender waits for the result."""

    command: Command


class CommandResult(Value):
    """The result of a command, returned once its effects are in the store. `refused`: the refusal; None if it is done."""

    refused: Refusal | None = None
    state: State


class ConversationResult(Value):
    """The result of a closed conversation's workflow."""

    reason: EndReason | None
    items: int
    started_at: datetime
    closed_at: datetime | None
    runs: int


class ArchiveJob(Value):
    """The job to write the transcript file of an ended contact."""

    conversation_id: str
    instance: str
    contact_id: str


class ConversationActivities:
    """The signatures of the activities that a conversation calls; `activities/` implements them."""

    @activity.defn
    async def record(self, commit: Commit) -> CommitResult | None:
        """Write the commit to the store and announce it. Idempotent.

        Returns:
            The corrections that the conversation must apply; None without any.
        """
        raise NotImplementedError

    @activity.defn
    async def opening_hours(self, question: OpeningHoursQuery) -> OpeningHours:
        """The opening hours of a queue at an instant. A queue without opening hours is always open."""
        raise NotImplementedError

    @activity.defn
    async def archive(self, job: ArchiveJob) -> str:
        """Write the transcript of a contact to a file and return its URL. Idempotent: it replaces the file."""
        raise NotImplementedError


def snapshot_of(state: ConversationState) -> ConversationSnapshot:
    """The record of a state."""
    # a participant who left may have joined again: then the present entry counts
    participants = {each.id: each for each in (*state.unrecorded_departures, *state.participants)}
    return ConversationSnapshot(
        revision=state.revision,
        state=state.state,
        contacts=(*state.unrecorded_contacts, *_served_contact(state), state.contact),
        answers=dict(state.unrecorded_answers),
        participants=tuple(participants.values()),
        ended_at=state.ended_at,
        end_reason=state.end_reason,
        closed_at=state.closed_at,
        placement=placement_of(state),
    )


def policy_reference(state: ConversationState) -> PolicyReference | None:
    """The policy of a state, for a commit; None once the conversation is closed."""
    if state.state is State.CLOSED:
        return None
    return PolicyReference(
        instance=state.instance,
        workstream=state.workstream,
        mode=state.mode,
        language=state.language,
        fixed=state.fixed,
        fingerprint=state.policy.fingerprint(state.fixed),
    )


def placement_of(state: ConversationState) -> Placement:
    """The placement of a state in routing."""
    policy, stage, owner, wrap_up_holds_until = state.policy, RoutingStage.OFF, None, None
    match state.state:
        case State.OPEN:
            stage = RoutingStage.QUEUED
        case State.ACTIVE:
            stage, owner = RoutingStage.WORKING, state.agent and state.agent.user
        case State.WAITING:
            stage, owner = RoutingStage.PARKED, state.parked_by and state.parked_by.user
        case State.WRAP_UP:
            served_by = state.served_contact.agent_user if state.served_contact else None
            owner = (state.owner.user if state.owner else served_by) if state.agent_done_at is None else None
            stage = RoutingStage.WRAP_UP if owner else RoutingStage.OFF
            wrap_up_holds_until = FOREVER if policy.wrap_up_holds is None else state.since + policy.wrap_up_holds
        case State.CLOSED:
            pass
    bound_to = state.parked_by.user if stage is RoutingStage.QUEUED and state.parked_by else None
    if policy.same_agent is SameAgent.OFF:
        bound_to = None
    waits = policy.same_agent is SameAgent.PREFERRED
    return Placement(
        conversation_id=state.id,
        revision=state.revision,
        stage=stage,
        instance=state.instance,
        workstream=state.workstream,
        contact_id=state.contact_id,
        queue=state.queue,
        agent=owner,
        units=policy.units,
        priority=policy.priority,
        ahead=state.ahead,
        enqueued_at=state.since,
        missed_offer_limit=policy.missed_offers,
        bound_to=bound_to,
        bound_until=state.since + policy.same_agent_wait if bound_to and waits else None,
        wrap_up_holds_until=wrap_up_holds_until if owner else None,
        ended_offers=state.unrecorded_offers,
    )


def _served_contact(state: ConversationState) -> tuple[Contact, ...]:
    """The contact before a survey, with the end of its agent's wrap-up; empty without a survey."""
    if state.served_contact is None:
        return ()
    return (state.served_contact.wrapped_up(state.agent_done_at or state.closed_at),)


def initial_state(start: StartConversation) -> ConversationState:
    """The state with which a conversation begins.

    Raises:
        ApplicationError: the input has no opening; an operator may have started the workflow by hand.
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
        is_customer_signed=opening.is_customer_signed,
        since=opening.started_at,
        language=opening.attributes.get(LANGUAGE_ATTRIBUTE, "")[:MAX_LANGUAGE],
        started_at=opening.started_at,
        clock=opening.started_at,
        customer=TrackedParticipant(
            id=opening.customer_participant_id,
            role=Role.CUSTOMER,
            name=opening.customer_name,
            since=opening.started_at,
        ),
    )
