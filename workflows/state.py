"""All that a conversation must remember between two events, and nothing that can be derived."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Self
from uuid import UUID, uuid5

from workflows.events import TimerSetting
from workflows.memory import Leg, Note, Offered, OfferOver, QueueHours, Rejection, Unarchived, Voice
from workflows.policy import Policy
from workflows.values import (
    EndReason,
    Initiation,
    Item,
    ItemType,
    Mode,
    OfferOutcome,
    Participant,
    ParticipantTimer,
    Role,
    State,
    Value,
)

REMEMBERED_IDS = 256
"""How many recent message ids guard against a repeated signal. Older repeats are caught by the store's unique key."""

MOST_BOTS = 5
"""How many bots may take part at once."""

REMEMBERED_LEAVERS = 20
"""How many agents who have left are still known as such, when something late comes from them; contacts likewise."""

REMEMBERED_OFFERS = 20
"""How many offers that are over are still known as such: the board may tell of one twice, and late."""

SHOWN_REJECTIONS = 10
"""How many refused signals an operator can still read; the count goes on."""


SHOWN_NOTES = 12
"""How many of the latest changes an operator can still read."""


class ConversationState(Value):
    """The whole durable state of a conversation. Carried over continue-as-new; every later field needs a default."""

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
    state: State = State.OPEN
    since: datetime
    started_at: datetime
    clock: datetime
    customer: Participant
    agent: Participant | None = None
    agent_assigned_at: datetime | None = None
    """When the present contact first had an agent; `seated_at` is when its present agent got it."""
    seated_at: datetime | None = None
    seated_after: int = 0
    """The number of the last item before that: what an agent said is after it, whatever the clock says."""
    parked_by: Participant | None = None
    """The agent who set it aside, until somebody has it again."""
    initiation: Initiation = Initiation.API
    previous_contact_id: str | None = None
    past_contacts: tuple[str, ...] = ()
    contact_began_at: datetime | None = None
    unrecorded_legs: tuple[Leg, ...] = ()
    unrecorded_leavers: tuple[Participant, ...] = ()
    unrecorded_answers: tuple[tuple[str, str], ...] = ()
    unrecorded_offers: tuple[OfferOver, ...] = ()
    former: tuple[str, ...] = ()
    bots: tuple[Participant, ...] = ()
    unarchived: tuple[Unarchived, ...] = ()
    worked_leg: Leg | None = None
    agent_done_at: datetime | None = None
    survey_step: int | None = None
    survey_since: datetime | None = None
    last_word: Role | None = None
    """Whose turn it is not: the customer's or the agent's, who spoke last."""
    spoken_at: datetime | None = None
    customer_voice: Voice = Voice()
    agent_voice: Voice = Voice()
    participant_timers: tuple[TimerSetting, ...] = ()
    hours: QueueHours | None = None
    offer: Offered | None = None
    past_offers: tuple[OfferOver, ...] = ()
    took_it: bool = False
    """Whether its agent has taken it themselves, by an offer or out of parking, and so is about to come."""
    ahead: bool = False
    """Whether it goes before the others in its queue: it has returned, or lost its agent."""
    told_position: int | None = None
    told_wait: bool = False
    ended_at: datetime | None = None
    end_reason: EndReason | None = None
    closed_at: datetime | None = None
    revision: int = 0
    seq: int = 0
    last_item_at: datetime | None = None
    remembered: tuple[str, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    rejected: int = 0
    notes: tuple[Note, ...] = ()
    noticed: int = 0
    language: str = ""
    """The customer's language when the conversation began, as a BCP 47 tag; empty when they named none."""

    @property
    def mode(self) -> Mode:
        """The workstream's mode."""
        return self.policy.mode

    @property
    def ended(self) -> bool:
        """Whether the customer's side is over."""
        return self.ended_at is not None

    @property
    def fixed(self) -> tuple[str, ...]:
        """The fields of its policy that stay, however its workstream changes. A survey that has begun stays as it is."""
        survey = ("survey",) if self.survey_step is not None else ()
        return (*self.policy.fixed, *survey)

    @property
    def surveying(self) -> bool:
        """Whether the customer is being asked after the agent has ended."""
        return self.survey_step is not None and not self.ended

    @property
    def survey_from_outside(self) -> bool:
        """Whether a bot asks instead of the system: a survey without questions."""
        return self.policy.survey is not None and not self.policy.survey.questions

    @property
    def answered(self) -> bool:
        """Whether nothing is left to ask."""
        survey = self.policy.survey
        return survey is not None and self.survey_step is not None and 0 < len(survey.questions) <= self.survey_step

    @property
    def participants(self) -> tuple[Participant, ...]:
        """Everybody who takes part, the customer first."""
        agents = () if self.agent is None else (self.agent,)
        return (self.customer, *agents, *self.bots)

    @property
    def contacts(self) -> tuple[str, ...]:
        """The ids of its contacts, the latest last; of very many the earlier ones are forgotten here."""
        return (*self.past_contacts, self.contact_id)

    @property
    def owner(self) -> Participant | None:
        """The agent whose conversation it is: who works on it or, while nobody does, who parked it."""
        return self.agent or self.parked_by

    @property
    def closed_queue(self) -> bool:
        """Whether it stands in a queue that is closed."""
        return self.hours is not None and self.hours.queue == self.queue and not self.hours.open

    @property
    def must_ask_hours(self) -> bool:
        """Whether it stands in a queue of which it does not know whether it is open."""
        known = self.hours is not None and self.hours.queue == self.queue and not self.hours.stale
        # what it once knew it must go on asking, though no queue may have hours any more
        asks = self.policy.hours or self.hours is not None
        return asks and self.state is State.OPEN and not known

    @property
    def leg(self) -> Leg:
        """The present contact."""
        owner = self.owner
        return Leg(
            id=self.contact_id,
            initiation=self.initiation,
            previous=self.previous_contact_id,
            queue=self.queue,
            began_at=self.contact_began_at or self.started_at,
            agent_user=owner.user if owner else None,
            agent_assigned_at=self.agent_assigned_at,
            ended_at=self.ended_at,
            end_reason=None if self.initiation is Initiation.DISCONNECT else self.end_reason,
            wrapped_up_at=self.closed_at if owner else None,
        )

    def on_next_leg(self, contact_id: str, initiation: Initiation, queue: str, reason: EndReason) -> Self:
        """This state with its contact ended and a new one begun; whoever had it as an agent has left."""
        handed_on = initiation is Initiation.TRANSFER
        ended = self.leg.model_copy(
            update={
                "ended_at": self.clock,
                "end_reason": reason,
                "last_seq": self.seq,
                "wrapped_up_at": self.clock if handed_on else None,
            }
        )
        return (
            self.to_archive()
            .without_agent()
            .but(
                unrecorded_legs=(*self.unrecorded_legs, ended),
                worked_leg=None if handed_on else ended,
                contact_id=contact_id,
                initiation=initiation,
                previous_contact_id=self.contact_id,
                past_contacts=self.contacts[-REMEMBERED_LEAVERS:],
                queue=queue,
                contact_began_at=self.clock,
                agent_assigned_at=None,
                parked_by=None,
            )
        )

    def without_agent(self) -> Self:
        """This state without its agent, who has left."""
        leavers = () if self.agent is None else (self.agent.model_copy(update={"left_at": self.clock}),)
        return self.but(
            agent=None,
            seated_at=None,
            unrecorded_leavers=(*self.unrecorded_leavers, *leavers),
            former=(*self.former, *(leaver.id for leaver in leavers))[-REMEMBERED_LEAVERS:],
        )

    def without_bot(self, bot: Participant) -> Self:
        """This state without a bot, who has left."""
        return self.but(
            bots=tuple(other for other in self.bots if other.id != bot.id),
            unrecorded_leavers=(*self.unrecorded_leavers, bot.model_copy(update={"left_at": self.clock})),
            former=(*self.former, bot.id)[-REMEMBERED_LEAVERS:],
        )

    def to_archive(self) -> Self:
        """This state with its present contact, which has ended, still to be written to a file."""
        if not self.policy.archive:
            return self
        return self.but(unarchived=(*self.unarchived, Unarchived(contact_id=self.contact_id, seq=self.seq)))

    def without_offer(self, outcome: OfferOutcome) -> Self:
        """This state with its offer over."""
        if self.offer is None:
            return self
        over = OfferOver(id=self.offer.id, user=self.offer.user, outcome=outcome)
        return self.but(
            offer=None,
            unrecorded_offers=(*self.unrecorded_offers, over),
            past_offers=(*self.past_offers, over)[-REMEMBERED_OFFERS:],
        )

    def past_offer(self, id: str) -> OfferOver | None:
        """What became of an offer, if it is over and still remembered."""
        return next((over for over in self.past_offers if over.id == id), None)

    def under(self, policy: Policy) -> Self:
        """This state with the policy as it is configured now, as far as it can change; operators read what did."""
        names = [name for name in Policy.model_fields if name not in self.fixed]
        changes = {name: new for name in names if (new := getattr(policy, name)) != getattr(self.policy, name)}
        if not changes:
            return self
        changed = self.but(policy=self.policy.model_copy(update=changes))
        return changed.noting(f"the workstream has changed: {', '.join(changes)}")

    def voice(self, role: Role) -> Voice:
        """What is known of when the customer, or the agent, spoke."""
        return self.customer_voice if role is Role.CUSTOMER else self.agent_voice

    def with_voice(self, role: Role, **changes: object) -> Self:
        """This state with that changed."""
        name = "customer_voice" if role is Role.CUSTOMER else "agent_voice"
        return self.but(**{name: self.voice(role).model_copy(update=changes)})

    def participant_timer(self, role: Role, kind: ParticipantTimer) -> timedelta | None:
        """How long a participant timer runs, None where there is none."""
        return next((t.limit for t in self.participant_timers if (t.role, t.kind) == (role, kind)), None)

    def participant(self, by: str) -> Participant | None:
        """Finds a participant by id or by the word `customer` or `agent`; `None` for anybody else."""
        return next((p for p in self.participants if by == p.id or by == p.role.lower()), None)

    def but(self, **changes: object) -> Self:
        """This state with some fields changed."""
        return self.model_copy(update=changes)

    def with_participant(self, who: Participant) -> Self:
        """This state with a participant's entry replaced."""
        if who.role is Role.CUSTOM_BOT:
            return self.but(bots=tuple(who if bot.id == who.id else bot for bot in self.bots))
        return self.but(**{"customer" if who.role is Role.CUSTOMER else "agent": who})

    def rejecting(self, what: str, why: str, at: datetime) -> Self:
        """This state with one more refused input on record."""
        kept = (*self.rejections, Rejection(at=at, what=what[:100], why=why[:300]))[-SHOWN_REJECTIONS:]
        return self.but(rejections=kept, rejected=self.rejected + 1)

    def with_item(
        self,
        *,
        type: ItemType,
        content_type: str,
        content: str | None = None,
        who: Participant | None = None,
        id: str | None = None,
        trigger: str | None = None,
    ) -> tuple[Self, Item]:
        """Mints the next transcript item; without `who` it is the system's. Returns the state that counts it, and it."""
        seq, at = self.seq + 1, self._next_item_time()
        item = self._item(id or derived_id(self.id, f"item/{seq}"), seq, at, type, content_type, content, who, trigger)
        return self.but(seq=seq, last_item_at=at), item

    def with_passing_item(
        self, *, type: ItemType, content_type: str, content: str | None, who: Participant | None, trigger: str | None
    ) -> tuple[Self, Item]:
        """Mints an item that no transcript keeps and that has no number."""
        count = self.noticed + 1
        id = derived_id(self.id, f"notice/{count}")
        return self.but(noticed=count), self._item(id, 0, self.clock, type, content_type, content, who, trigger)

    def noting(self, what: str) -> Self:
        """This state with one more change on record for operators."""
        return self.but(notes=(*self.notes, Note(at=self.clock, what=what))[-SHOWN_NOTES:])

    def _item(
        self,
        id: str,
        seq: int,
        at: datetime,
        type: ItemType,
        content_type: str,
        content: str | None,
        who: Participant | None,
        trigger: str | None,
    ) -> Item:
        return Item(
            id=id,
            seq=seq,
            at=at,
            contact_id=self.contact_id,
            type=type,
            content_type=content_type,
            content=content,
            participant_id=who.id if who else None,
            role=who.role if who else Role.SYSTEM,
            name=who.name if who else "SYSTEM_MESSAGE",
            trigger=trigger,
        )

    def _next_item_time(self) -> datetime:
        at = self.clock.replace(microsecond=self.clock.microsecond // 1000 * 1000)
        return at if self.last_item_at is None else max(at, self.last_item_at + timedelta(milliseconds=1))


def derived_id(conversation: str, name: str) -> str:
    """An id that is the same whenever it is derived again: for what the machine mints without a source of randomness."""
    return str(uuid5(UUID(int=0), f"{conversation}/{name}"))
