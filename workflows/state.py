"""All that a conversation must remember between two events, and nothing that can be derived."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Self
from uuid import UUID, uuid5

from workflows.policy import Policy
from workflows.values import EndReason, Initiation, Item, ItemType, Mode, Participant, Role, State, Value

REMEMBERED_IDS = 256
"""How many recent message ids guard against a repeated signal. Older repeats are caught by the store's unique key."""

MOST_BOTS = 5
"""How many bots may take part at once."""

REMEMBERED_LEAVERS = 20
"""How many agents who have left are still known as such, when something late comes from them."""

SHOWN_REJECTIONS = 10
"""How many refused signals an operator can still read; the count goes on."""


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


class ConversationState(Value):
    """The whole durable state of a conversation. Carried over continue-as-new; every later field needs a default."""

    version: int = 1
    id: str
    instance: str
    workstream: str
    queue: str
    policy: Policy
    contact_id: str
    state: State = State.OPEN
    since: datetime
    started_at: datetime
    clock: datetime
    customer: Participant
    agent: Participant | None = None
    agent_assigned_at: datetime | None = None
    initiation: Initiation = Initiation.API
    previous_contact_id: str | None = None
    contact_began_at: datetime | None = None
    unrecorded_legs: tuple[Leg, ...] = ()
    unrecorded_leavers: tuple[Participant, ...] = ()
    unrecorded_answers: tuple[tuple[str, str], ...] = ()
    former: tuple[str, ...] = ()
    bots: tuple[Participant, ...] = ()
    unarchived: tuple[Unarchived, ...] = ()
    worked_leg: Leg | None = None
    agent_done_at: datetime | None = None
    survey_step: int | None = None
    survey_since: datetime | None = None
    ended_at: datetime | None = None
    end_reason: EndReason | None = None
    closed_at: datetime | None = None
    revision: int = 0
    seq: int = 0
    last_item_at: datetime | None = None
    remembered: tuple[str, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    rejected: int = 0

    @property
    def mode(self) -> Mode:
        """The workstream's mode."""
        return self.policy.mode

    @property
    def ended(self) -> bool:
        """Whether the customer's side is over."""
        return self.ended_at is not None

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
    def leg(self) -> Leg:
        """The present contact."""
        return Leg(
            id=self.contact_id,
            initiation=self.initiation,
            previous=self.previous_contact_id,
            queue=self.queue,
            began_at=self.contact_began_at or self.started_at,
            agent_user=self.agent.user if self.agent else None,
            agent_assigned_at=self.agent_assigned_at,
            ended_at=self.ended_at,
            end_reason=None if self.initiation is Initiation.DISCONNECT else self.end_reason,
            wrapped_up_at=self.closed_at if self.agent else None,
        )

    def on_next_leg(self, contact_id: str, initiation: Initiation, queue: str) -> Self:
        """This state with its contact ended and a new one begun; whoever had it as an agent has left."""
        transferred = initiation is Initiation.TRANSFER
        ended = self.leg.model_copy(
            update={
                "ended_at": self.clock,
                "end_reason": EndReason.TRANSFERRED if transferred else EndReason.AGENT_ENDED,
                "last_seq": self.seq,
                "wrapped_up_at": self.clock if transferred else None,
            }
        )
        leavers = () if self.agent is None else (self.agent.model_copy(update={"left_at": self.clock}),)
        return self.to_archive().but(
            unrecorded_legs=(*self.unrecorded_legs, ended),
            worked_leg=None if transferred else ended,
            unrecorded_leavers=(*self.unrecorded_leavers, *leavers),
            former=(*self.former, *(leaver.id for leaver in leavers))[-REMEMBERED_LEAVERS:],
            contact_id=contact_id,
            initiation=initiation,
            previous_contact_id=self.contact_id,
            queue=queue,
            contact_began_at=self.clock,
            agent=None,
            agent_assigned_at=None,
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
        seq = self.seq + 1
        item = Item(
            id=id or derived_id(self.id, f"item/{seq}"),
            seq=seq,
            at=self._next_item_time(),
            contact_id=self.contact_id,
            type=type,
            content_type=content_type,
            content=content,
            participant_id=who.id if who else None,
            role=who.role if who else Role.SYSTEM,
            name=who.name if who else "SYSTEM_MESSAGE",
            trigger=trigger,
        )
        return self.but(seq=seq, last_item_at=item.at), item

    def _next_item_time(self) -> datetime:
        at = self.clock.replace(microsecond=self.clock.microsecond // 1000 * 1000)
        return at if self.last_item_at is None else max(at, self.last_item_at + timedelta(milliseconds=1))


def derived_id(conversation: str, name: str) -> str:
    """An id that is the same whenever it is derived again: for what the machine mints without a source of randomness."""
    return str(uuid5(UUID(int=0), f"{conversation}/{name}"))
