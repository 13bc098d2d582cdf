"""What must hold of every conversation, whatever happens: of its state, of each decision, and of what is recorded of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Protocol

from domain.conversation import Mode, State
from domain.events import AcceptOffer, AnyEvent, MakeOffer, Message
from domain.participants import ParticipantPresence, ParticipantTimer, Role
from domain.routing import OfferOutcome, Placement, RoutingStage
from domain.transcript import EVENT_PREFIX, EventType, ItemType, Notice
from workflows.contract import placement_of, snapshot_of
from workflows.decision import Decision
from workflows.state import (
    KEPT_CHANGE_NOTES,
    KEPT_FORMER,
    KEPT_MESSAGE_IDS,
    KEPT_OFFERS,
    KEPT_REFUSALS,
    MAX_BOTS,
    ConversationState,
)
from workflows.state_changes import StateChanges
from workflows.timers import Timer, deadlines, next_deadline

FOR_SOCKETS = {EventType.IDLE.content_type, EventType.RETURNED.content_type, EventType.AUTO_DISCONNECTED.content_type}
FOR_WHO_WAITS = {"position_in_queue", "next_in_line", "average_wait"}


class Entry(Protocol):
    """A transcript item, of the machine or of the store."""

    @property
    def id(self) -> str: ...
    @property
    def seq(self) -> int: ...
    @property
    def at(self) -> datetime: ...
    @property
    def contact_id(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def content_type(self) -> str: ...
    @property
    def participant_id(self) -> str | None: ...
    @property
    def trigger(self) -> str | None: ...


class Stretch(Protocol):
    """A contact, of the machine or of the store."""

    @property
    def id(self) -> str: ...
    @property
    def last_seq(self) -> int | None: ...


def state_holds(state: ConversationState) -> None:
    """What is true of a conversation at any time."""
    stage, agent = state.state, state.agent
    over = state.ended or state.survey_open
    assert over == (stage in (State.WRAP_UP, State.CLOSED))
    assert not (state.survey_open and stage is State.CLOSED)
    assert (state.closed_at is not None) == (stage is State.CLOSED)
    assert (state.end_reason is not None) == over
    assert (agent is not None) >= (stage is State.ACTIVE)
    assert (agent is None) >= (stage in (State.OPEN, State.WAITING) or state.survey_open)
    assert (agent is None) == (state.agent_since is None)
    if stage is State.WAITING:
        assert state.mode is Mode.PERSISTENT
        assert state.parked_by
    if state.parked_by:
        assert stage is not State.ACTIVE
        assert state.mode is Mode.PERSISTENT
        assert state.parked_by.role is Role.AGENT
    people = [who.id for who in snapshot_of(state).participants]
    assert len(people) == len(set(people))
    assert not set(state.former_participants) & {who.id for who in state.participants}
    instants = [state.since, *(who.since for who in state.participants), state.last_message_at, state.agent_since]
    assert all(instant <= state.clock for instant in instants if instant)
    _offer_holds(state)
    _placement_agrees(state)
    _is_small(state)
    _can_go_on(state)


def _offer_holds(state: ConversationState) -> None:
    """An offer stands in the queue alone, and none that is over comes back."""
    assert state.offer is None or state.state is State.OPEN
    over = [offer.id for offer in state.past_offers]
    assert len(over) == len(set(over))
    assert state.offer is None or state.offer.id not in over
    unrecorded = [offer.id for offer in state.unrecorded_offers]
    assert len(unrecorded) == len(set(unrecorded))


def holds_capacity(placement: Placement) -> bool:
    """Whether the conversation uses capacity of its agent."""
    return placement.stage is RoutingStage.WORKING or placement.wrap_up_holds_until is not None


def _placement_agrees(state: ConversationState) -> None:
    """The board is told where the conversation stands, whose it is, and whether it takes their capacity."""
    here = placement_of(state)
    assert (here.instance, here.queue, here.contact_id) == (state.instance, state.queue, state.contact_id)
    assert here.enqueued_at == state.since
    match state.state:
        case State.OPEN:
            assert (here.stage, here.agent, holds_capacity(here)) == (RoutingStage.QUEUED, None, False)
        case State.ACTIVE:
            assert (here.stage, here.agent, holds_capacity(here)) == (
                RoutingStage.WORKING,
                state.agent and state.agent.user,
                True,
            )
        case State.WAITING:
            assert (here.stage, here.agent) == (RoutingStage.PARKED, state.parked_by and state.parked_by.user)
            assert not holds_capacity(here)
        case State.WRAP_UP if state.agent_done_at is None:
            assert (here.stage, holds_capacity(here)) == (RoutingStage.WRAP_UP, True)
            assert here.agent in {leg.agent_user for leg in snapshot_of(state).contacts}
        case State.WRAP_UP | State.CLOSED:
            assert (here.stage, here.agent, holds_capacity(here)) == (RoutingStage.OFF, None, False)
    assert here.stage in (RoutingStage.QUEUED, RoutingStage.OFF) or here.agent
    assert here.bound_to is None or (here.stage is RoutingStage.QUEUED and state.parked_by)


def _is_small(state: ConversationState) -> None:
    assert len(state.recent_message_ids) <= KEPT_MESSAGE_IDS
    assert len(state.refusals) <= KEPT_REFUSALS
    assert len(state.change_notes) <= KEPT_CHANGE_NOTES
    assert len(state.former_participants) <= KEPT_FORMER
    assert len(state.past_contact_ids) <= KEPT_FORMER
    assert len(state.past_offers) <= KEPT_OFFERS
    assert len(state.bots) <= MAX_BOTS
    assert len(state.participant_timers) <= 2 * len(ParticipantTimer)
    assert len(state.participant_timers) == len({(timer.role, timer.kind) for timer in state.participant_timers})


def _can_go_on(state: ConversationState) -> None:
    """No conversation stands still for ever, unless its policy has no limit for where it stands."""
    running, policy = {deadline.timer for deadline in deadlines(state)}, state.policy
    if state.survey_open:
        assert Timer.SURVEY in running
    if state.state is State.WRAP_UP and not state.survey_open:
        assert Timer.WRAP_UP in running
    if state.state is State.WAITING and policy.waiting_period:
        assert Timer.WAITING in running
    if state.state is State.OPEN and policy.open_age and not (state.mode is Mode.LIVE and state.queue_closed):
        assert Timer.OPEN_AGE in running
    if state.state in (State.OPEN, State.ACTIVE, State.WAITING) and policy.duration:
        assert Timer.DURATION in running
    if (
        state.state is State.ACTIVE
        and policy.agent_grace
        and state.agent
        and state.agent.presence is ParticipantPresence.AWAY
    ):
        assert Timer.AGENT_GRACE in running
    awaited = state.agent is not None and state.agent.presence is ParticipantPresence.AWAITED
    if state.state is State.ACTIVE and policy.agent_grace and awaited:
        assert (Timer.AGENT_GRACE in running) == state.agent_accepted
    assert (Timer.OFFER in running) == (state.offer is not None)
    if state.state is State.CLOSED:
        assert not running


def decision_holds(
    before: ConversationState, event: AnyEvent, decision: Decision, caught_up: Decision, now: datetime
) -> None:
    """What is true of each decision; `caught_up` is what the deadlines before it led to."""
    after = decision.state
    goes_on(before, after)
    assert after.clock <= max(now, before.clock)
    new = decision.items[len(caught_up.items) :]
    assert decision.items[: len(caught_up.items)] == caught_up.items
    if decision.refused is not None:
        assert decision.refused
        assert after.refused_count == caught_up.state.refused_count + 1
        record = StateChanges(refusals=(), refused_count=0, clock=before.clock)
        assert after.replace(**record) == caught_up.state.replace(**record)
        assert (decision.items, decision.notices) == (caught_up.items, caught_up.notices)
    if isinstance(event, Message) and event.id:
        mine = [item for item in new if item.id == event.id]
        accepted = event.role is not None or caught_up.state.participant(event.by) is not None
        assert len(mine) == int(accepted and event.id not in caught_up.state.recent_message_ids)
        assert [item.content for item in mine] == [event.content] * len(mine)
    _offers_end(before, event, decision, caught_up)
    for item in decision.items:
        assert item.content_type not in FOR_SOCKETS
        if item.trigger in FOR_WHO_WAITS:
            assert (before.mode, caught_up.state.state) == (Mode.LIVE, State.OPEN)
    for notice in decision.notices:
        _is_heard(notice, before, after)


def _offers_end(before: ConversationState, event: AnyEvent, decision: Decision, caught_up: Decision) -> None:
    """Who is said to have accepted has it; what is said to be missed had its time; what stands can be accepted."""
    after, known = decision.state, len(before.unrecorded_offers)
    assert after.unrecorded_offers[:known] == before.unrecorded_offers
    for over in after.unrecorded_offers[known:]:
        if over.outcome is OfferOutcome.ACCEPTED:
            assert after.agent
            assert (after.state, after.agent.user, after.agent_accepted) == (State.ACTIVE, over.user, True)
        if over.outcome is OfferOutcome.MISSED:
            assert before.offer
            assert before.offer.id == over.id
            assert before.offer.until <= after.clock
    standing = caught_up.state.offer
    if standing and after.agent and not isinstance(event, MakeOffer):
        over = after.past_offer(standing.id)
        assert over
        assert (over.outcome is OfferOutcome.ACCEPTED) == (after.agent.user == over.user)
    if isinstance(event, AcceptOffer):
        if standing and standing.id == event.offer_id:
            assert decision.refused is None
        elif decision.refused is None:
            taken = caught_up.state.past_offer(event.offer_id)
            assert taken
            assert taken.outcome is OfferOutcome.ACCEPTED
            assert after.replace(clock=before.clock) == caught_up.state.replace(clock=before.clock)


def goes_on(before: ConversationState, after: ConversationState) -> None:
    """What never goes backwards."""
    assert after.clock >= before.clock
    assert after.seq >= before.seq
    if before.ended:
        frozen = ("ended_at", "end_reason", "contact_id", "parked_by", "agent", "survey_step")
        assert [getattr(after, name) for name in frozen] == [getattr(before, name) for name in frozen]
    if before.state is State.CLOSED:
        late = (
            "clock",
            "seq",
            "last_item_at",
            "recent_message_ids",
            "last_message_at",
            "unarchived",
            "hours",
            "unrecorded_offers",
            "past_offers",
            "refusals",
            "refused_count",
        )
        assert after.replace(**{name: getattr(before, name) for name in late}) == before


def _is_heard(notice: Notice, before: ConversationState, after: ConversationState) -> None:
    assert notice.item.seq == 0
    if notice.item.content_type == EventType.CHAT_ENDED.content_type:
        assert notice.to  # the part of one who leaves is over, not the chat
    else:
        assert notice.item.type is ItemType.MESSAGE or notice.item.content_type in FOR_SOCKETS
    present = {who.id for state in (before, after) for who in state.participants}
    assert notice.to is None or notice.to in present
    assert not before.ended


def nothing_is_overdue(state: ConversationState, now: datetime) -> None:
    """After everything has taken effect, no deadline lies in the past."""
    deadline = next_deadline(state)
    assert deadline is None or deadline.due > now


def transcript_holds(items: Sequence[Entry], state: ConversationState) -> None:
    """What is true of a transcript: every number once and in order, one end, who has joined leaves."""
    assert [item.seq for item in items] == list(range(1, state.seq + 1))
    assert all(one.at < other.at for one, other in pairwise(items))
    assert len({item.id for item in items}) == len(items)
    names = [item.content_type.removeprefix(EVENT_PREFIX) for item in items]
    assert names.count(EventType.CHAT_ENDED) == int(state.ended)
    if state.ended:
        assert all(item.type == ItemType.MESSAGE for item in items[names.index(EventType.CHAT_ENDED) + 1 :])
    there: set[str | None] = set()
    for name, item in zip(names, items, strict=True):
        if name == EventType.JOINED:
            assert item.participant_id not in there
            there.add(item.participant_id)
        if name == EventType.LEFT:
            there.remove(item.participant_id)
    assert there == (set() if state.ended else {who.id for who in state.participants if who.joined_at})
    assert [item.trigger for item in items].count("average_wait") <= 1


def legs_hold(legs: Sequence[Stretch], items: Sequence[Entry]) -> None:
    """Contacts, the first one first, each a stretch of the transcript: no id twice, and no item between two of them."""
    assert len({leg.id for leg in legs}) == len(legs)
    assert all(leg.last_seq is not None for leg in legs[:-1])
    seq = 0
    for leg in legs:
        last = len(items) if leg.last_seq is None else leg.last_seq
        assert last >= seq
        assert {item.contact_id for item in items[seq:last]} <= {leg.id}
        seq = last
