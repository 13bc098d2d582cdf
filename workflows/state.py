"""The durable state of a conversation: all data that it needs between two events, and no derived data."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Self, Unpack
from uuid import UUID, uuid5

from domain.contacts import Contact, EndReason, InitiationMethod
from domain.conversation import Mode, State
from domain.events import TimerSetting
from domain.participants import ParticipantTimer, Role
from domain.policy import Policy
from domain.refusals import Refusal
from domain.routing import EndedOffer, OfferOutcome
from domain.value import Value
from workflows.state_changes import StateChanges
from workflows.state_parts import (
    ChangeNote,
    DecidedCommand,
    DroppedDeadline,
    PendingOffer,
    QueueHours,
    RecordedRefusal,
    SpeechRecord,
    TrackedParticipant,
    UnarchivedContact,
)

KEPT_MESSAGE_IDS = 256
"""How many recent message ids are kept, to recognise repeated signals. The unique key of the store rejects older repeats."""

KEPT_FORMER = 20
"""How many former participants, and how many earlier contacts, are kept, to recognise late events about them."""

KEPT_OFFERS = 20
"""How many ended offers are kept, to recognise late and repeated events about them."""

KEPT_REFUSALS = 10
"""How many refusals operators can read; `refused_count` counts all."""

KEPT_COMMANDS = 20
"""How many decided commands are kept, to recognise those that Temporal delivers again."""

KEPT_CHANGE_NOTES = 12
"""How many of the latest changes operators can read."""

MAX_BOTS = 5
"""How many bots can take part at once."""


class ConversationState(Value):
    """The whole durable state of a conversation. Continue-as-new carries it over, so a new field needs a default."""

    rules_version: int = 1
    """The version of the rules of the present run, see `workflows.rules_version`."""
    id: str
    instance: str
    workstream: str
    queue: str
    policy: Policy
    contact_id: str
    customer_id: str | None = None
    """The customer's id in the instance; None for an anonymous customer."""
    is_customer_signed: bool = False
    """See `ConversationOpening`."""
    state: State = State.OPEN
    since: datetime
    started_at: datetime
    clock: datetime
    """The instant of the latest decision. It never goes back."""
    customer: TrackedParticipant
    agent: TrackedParticipant | None = None
    agent_assigned_at: datetime | None = None
    """When the present contact first had an agent."""
    agent_since: datetime | None = None
    """When the present agent was assigned."""
    agent_since_seq: int = 0
    """The number of the last item before the assignment. Messages of the present agent have higher numbers."""
    parked_by: TrackedParticipant | None = None
    """The agent who parked the conversation, until the next assignment."""
    initiation: InitiationMethod = InitiationMethod.API
    previous_contact_id: str | None = None
    past_contact_ids: tuple[str, ...] = ()
    contact_began_at: datetime | None = None
    unrecorded_contacts: tuple[Contact, ...] = ()
    """Ended contacts that are not stored yet. The next three fields hold other values that are not stored yet."""
    unrecorded_departures: tuple[TrackedParticipant, ...] = ()
    unrecorded_answers: tuple[tuple[str, str], ...] = ()
    unrecorded_offers: tuple[EndedOffer, ...] = ()
    former_participants: tuple[str, ...] = ()
    """The ids of agents, bots and supervisors who have left."""
    bots: tuple[TrackedParticipant, ...] = ()
    supervisors: tuple[TrackedParticipant, ...] = ()
    """The supervisors who take part in the present contact. Those who monitor it silently are not known here."""
    found_connected: tuple[str, ...] = ()
    """The ids of participants who count as away, but have an open socket. Only until the next write."""
    unarchived: tuple[UnarchivedContact, ...] = ()
    served_contact: Contact | None = None
    """During and after a survey: the contact before it, whose agent wraps up."""
    agent_done_at: datetime | None = None
    """When the agent finished the wrap-up while the survey was still open."""
    survey_step: int | None = None
    """The index of the present question; None before the survey and after the end of the chat."""
    survey_since: datetime | None = None
    last_speaker: Role | None = None
    """The role that spoke last: the customer or the agent."""
    last_message_at: datetime | None = None
    customer_speech: SpeechRecord = SpeechRecord()
    agent_speech: SpeechRecord = SpeechRecord()
    participant_timers: tuple[TimerSetting, ...] = ()
    hours: QueueHours | None = None
    offer: PendingOffer | None = None
    past_offers: tuple[EndedOffer, ...] = ()
    agent_accepted: bool = False
    """Whether the agent took the conversation by an offer or by resuming it. Such an agent must connect within the grace."""
    ahead: bool = False
    """Whether it precedes the others in its queue, because it returned or lost its agent."""
    announced_position: int | None = None
    wait_announced: bool = False
    dropped_deadlines: tuple[DroppedDeadline, ...] = ()
    """The last dropped deadlines of all timers, at most `KEPT_DROPPED` of `workflows.timers`."""
    ended_at: datetime | None = None
    end_reason: EndReason | None = None
    closed_at: datetime | None = None
    commits: int = 0
    """The number of the latest commit."""
    decided_commands: tuple[DecidedCommand, ...] = ()
    revision: int = 0
    seq: int = 0
    last_item_at: datetime | None = None
    recent_message_ids: tuple[str, ...] = ()
    refusals: tuple[RecordedRefusal, ...] = ()
    refused_count: int = 0
    change_notes: tuple[ChangeNote, ...] = ()
    notice_count: int = 0
    language: str = ""
    """The customer's language when the conversation began, as a BCP 47 tag; empty: unknown."""

    @property
    def mode(self) -> Mode:
        """The mode of the workstream."""
        return self.policy.mode

    @property
    def ended(self) -> bool:
        """Whether the chat has ended for the customer."""
        return self.ended_at is not None

    @property
    def fixed(self) -> tuple[str, ...]:
        """The policy fields that do not follow the workstream's configuration. Once a survey has begun, it does not change."""
        return (*self.policy.fixed, "survey") if self.survey_step is not None else self.policy.fixed

    @property
    def survey_open(self) -> bool:
        """Whether the agent or a participant timer has ended the chat, and the survey that follows is not over."""
        return self.survey_step is not None and not self.ended

    @property
    def survey_by_bot(self) -> bool:
        """Whether a bot conducts the survey: the survey has no questions of its own."""
        return self.policy.survey is not None and not self.policy.survey.questions

    @property
    def survey_answered(self) -> bool:
        """Whether the customer has answered every question."""
        survey = self.policy.survey
        return survey is not None and self.survey_step is not None and 0 < len(survey.questions) <= self.survey_step

    @property
    def participants(self) -> tuple[TrackedParticipant, ...]:
        """The present participants, the customer first."""
        agents = () if self.agent is None else (self.agent,)
        return (self.customer, *agents, *self.bots, *self.supervisors)

    @property
    def contact_ids(self) -> tuple[str, ...]:
        """The ids of its latest contacts, the present one last."""
        return (*self.past_contact_ids, self.contact_id)

    @property
    def owner(self) -> TrackedParticipant | None:
        """The agent of the conversation: the present one or, without one, the agent who parked it."""
        return self.agent or self.parked_by

    @property
    def queue_closed(self) -> bool:
        """Whether its queue is known to be closed."""
        return self.hours is not None and self.hours.queue == self.queue and not self.hours.open

    @property
    def needs_opening_hours(self) -> bool:
        """Whether it waits in a queue whose opening hours must be queried."""
        known = self.hours is not None and self.hours.queue == self.queue and not self.hours.stale
        # also when the policy says that no queue has hours: the known hours may have been removed from the configuration
        may_have_hours = self.policy.hours or self.hours is not None
        return may_have_hours and self.state is State.OPEN and not known

    @property
    def contact(self) -> Contact:
        """The present contact."""
        owner = self.owner
        return Contact(
            id=self.contact_id,
            initiation_method=self.initiation,
            previous_contact_id=self.previous_contact_id,
            queue=self.queue,
            initiated_at=self.contact_began_at or self.started_at,
            enqueued_at=self.contact_began_at or self.started_at,
            agent_user=owner.user if owner else None,
            agent_connected_at=self.agent_assigned_at,
            ended_at=self.ended_at,
            end_reason=None if self.initiation is InitiationMethod.DISCONNECT else self.end_reason,
            wrapped_up_at=self.closed_at if owner else None,
        )

    def speech(self, role: Role) -> SpeechRecord:
        """The speech record of the customer or the agent."""
        return self.customer_speech if role is Role.CUSTOMER else self.agent_speech

    def participant_timer(self, role: Role, kind: ParticipantTimer) -> timedelta | None:
        """The limit of a participant timer, None without one."""
        return next((t.limit for t in self.participant_timers if (t.role, t.kind) == (role, kind)), None)

    def participant(self, by: str) -> TrackedParticipant | None:
        """The participant with this id, or with this role in lower case (`customer`, `agent`); None without a match."""
        return next((p for p in self.participants if by == p.id or by == p.role.lower()), None)

    def past_offer(self, id: str) -> EndedOffer | None:
        """An ended offer; None when it is unknown, open or no longer kept."""
        return next((offer for offer in self.past_offers if offer.id == id), None)

    def replace(self, **changes: Unpack[StateChanges]) -> Self:
        """This state with some fields changed.

        Raises:
            TypeError: a name is not a field of the state.
        """
        return self._with_fields(changes)

    def with_participant(self, participant: TrackedParticipant) -> Self:
        """This state with the entry of a present participant replaced."""
        match participant.role:
            case Role.CUSTOM_BOT:
                return self.replace(bots=_replaced(self.bots, participant))
            case Role.SUPERVISOR:
                return self.replace(supervisors=_replaced(self.supervisors, participant))
            case Role.CUSTOMER:
                return self.replace(customer=participant)
            case _:
                return self.replace(agent=participant)

    def with_speech(self, role: Role, record: SpeechRecord) -> Self:
        """This state with the speech record of the customer or the agent replaced."""
        return self.replace(customer_speech=record) if role is Role.CUSTOMER else self.replace(agent_speech=record)

    def with_policy(self, policy: Policy) -> Self:
        """This state with the present policy of its workstream, except the fixed fields. A note lists what changed."""
        adopted = self.policy.adopt(policy, self.fixed)
        changed = self.policy.differences(adopted)
        if not changed:
            return self
        return self.replace(policy=adopted).with_change_note(f"the workstream has changed: {', '.join(changed)}")

    def with_refusal(self, what: str, refusal: Refusal, at: datetime) -> Self:
        """This state with one more refusal on record."""
        recorded = RecordedRefusal(at=at, what=what[:100], code=refusal.code, text=refusal.text[:300])
        return self.replace(refusals=(*self.refusals, recorded)[-KEPT_REFUSALS:], refused_count=self.refused_count + 1)

    def decided_command(self, id: str) -> DecidedCommand | None:
        """The result of a command; None when it is not decided, or no longer kept."""
        return next((command for command in self.decided_commands if command.id == id), None)

    def with_decided_command(self, command: DecidedCommand) -> Self:
        """This state with one more decided command."""
        return self.replace(decided_commands=(*self.decided_commands, command)[-KEPT_COMMANDS:])

    def with_change_note(self, what: str) -> Self:
        """This state with one more change on record."""
        notes = (*self.change_notes, ChangeNote(at=self.clock, what=what))
        return self.replace(change_notes=notes[-KEPT_CHANGE_NOTES:])

    def with_offer_ended(self, outcome: OfferOutcome) -> Self:
        """This state with its open offer, if there is one, ended."""
        if self.offer is None:
            return self
        ended = EndedOffer(id=self.offer.id, user=self.offer.user, outcome=outcome)
        return self.replace(offer=None)._with_past_offer(ended)

    def with_claim_accepted(self, offer_id: str, user: str) -> Self:
        """This state after an agent has accepted the offer that they had claimed. The store refuses it if the offer is over."""
        if self.offer and self.offer.id == offer_id:
            return self.with_offer_ended(OfferOutcome.ACCEPTED)
        return self._with_past_offer(EndedOffer(id=offer_id, user=user, outcome=OfferOutcome.ACCEPTED))

    def _with_past_offer(self, ended: EndedOffer) -> Self:
        return self.replace(
            unrecorded_offers=(*self.unrecorded_offers, ended),
            past_offers=(*self.past_offers, ended)[-KEPT_OFFERS:],
        )

    def with_offer_over(self, offer: EndedOffer) -> Self:
        """This state after routing has ended an offer. An offer that has not arrived yet is over when it arrives."""
        if self.offer and self.offer.id == offer.id:
            return self.with_offer_ended(offer.outcome)
        return self.replace(past_offers=(*self.past_offers, offer)[-KEPT_OFFERS:])


def _replaced(
    participants: tuple[TrackedParticipant, ...], changed: TrackedParticipant
) -> tuple[TrackedParticipant, ...]:
    return tuple(changed if each.id == changed.id else each for each in participants)


def derived_id(conversation: str, name: str) -> str:
    """Derive an id: the same conversation and name give the same id, so that a replay needs no randomness."""
    return str(uuid5(UUID(int=0), f"{conversation}/{name}"))
