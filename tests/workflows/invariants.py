"""The invariants of every conversation: its state, each decision, its transcript and its contacts."""

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

SOCKET_ONLY = {EventType.IDLE.content_type, EventType.RETURNED.content_type, EventType.AUTO_DISCONNECTED.content_type}
QUEUE_TRIGGERS = {"position_in_queue", "next_in_line", "average_wait"}


class ItemLike(Protocol):
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


class ContactLike(Protocol):
    """A contact, of the machine or of the store."""

    @property
    def id(self) -> str: ...
    @property
    def last_seq(self) -> int | None: ...


def check_state(state: ConversationState) -> None:
    """Check a state."""
    stage, agent = state.state, state.agent
    has_ended = state.ended or state.survey_open
    assert has_ended == (stage in (State.WRAP_UP, State.CLOSED))
    assert not (state.survey_open and stage is State.CLOSED)
    assert (state.closed_at is not None) == (stage is State.CLOSED)
    assert (state.end_reason is not None) == has_ended
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
    ids = [participant.id for participant in snapshot_of(state).participants]
    assert len(ids) == len(set(ids))
    assert not set(state.former_participants) & {participant.id for participant in state.participants}
    instants = [
        state.since,
        *(participant.since for participant in state.participants),
        state.last_message_at,
        state.agent_since,
    ]
    assert all(instant <= state.clock for instant in instants if instant)
    _check_offer(state)
    _check_placement(state)
    _check_sizes(state)
    _check_timers(state)


def _check_offer(state: ConversationState) -> None:
    """An offer is open only in the queue, and an ended offer never reopens."""
    assert state.offer is None or state.state is State.OPEN
    ended = [offer.id for offer in state.past_offers]
    assert len(ended) == len(set(ended))
    assert state.offer is None or state.offer.id not in ended
    unrecorded = [offer.id for offer in state.unrecorded_offers]
    assert len(unrecorded) == len(set(unrecorded))


def holds_capacity(placement: Placement) -> bool:
    """Whether the conversation uses capacity of its agent."""
    return placement.stage is RoutingStage.WORKING or placement.wrap_up_holds_until is not None


def _check_placement(state: ConversationState) -> None:
    """The placement has the stage of the conversation, its agent, and whether it takes capacity."""
    placement = placement_of(state)
    assert (placement.instance, placement.queue, placement.contact_id) == (
        state.instance,
        state.queue,
        state.contact_id,
    )
    assert placement.enqueued_at == state.since
    match state.state:
        case State.OPEN:
            assert (placement.stage, placement.agent, holds_capacity(placement)) == (RoutingStage.QUEUED, None, False)
        case State.ACTIVE:
            assert (placement.stage, placement.agent, holds_capacity(placement)) == (
                RoutingStage.WORKING,
                state.agent and state.agent.user,
                True,
            )
        case State.WAITING:
            assert (placement.stage, placement.agent) == (RoutingStage.PARKED, state.parked_by and state.parked_by.user)
            assert not holds_capacity(placement)
        case State.WRAP_UP if state.agent_done_at is None:
            assert (placement.stage, holds_capacity(placement)) == (RoutingStage.WRAP_UP, True)
            assert placement.agent in {contact.agent_user for contact in snapshot_of(state).contacts}
        case State.WRAP_UP | State.CLOSED:
            assert (placement.stage, placement.agent, holds_capacity(placement)) == (RoutingStage.OFF, None, False)
    assert placement.stage in (RoutingStage.QUEUED, RoutingStage.OFF) or placement.agent
    assert placement.bound_to is None or (placement.stage is RoutingStage.QUEUED and state.parked_by)


def _check_sizes(state: ConversationState) -> None:
    assert len(state.recent_message_ids) <= KEPT_MESSAGE_IDS
    assert len(state.refusals) <= KEPT_REFUSALS
    assert len(state.change_notes) <= KEPT_CHANGE_NOTES
    assert len(state.former_participants) <= KEPT_FORMER
    assert len(state.past_contact_ids) <= KEPT_FORMER
    assert len(state.past_offers) <= KEPT_OFFERS
    assert len(state.bots) <= MAX_BOTS
    assert len(state.participant_timers) <= 2 * len(ParticipantTimer)
    assert len(state.participant_timers) == len({(timer.role, timer.kind) for timer in state.participant_timers})


def _check_timers(state: ConversationState) -> None:
    """In every state the timer of that state runs, unless the policy has no limit for it."""
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
    if state.state is State.ACTIVE and policy.assigned_within and awaited:
        assert (Timer.ASSIGNED in running) != state.agent_accepted
    assert (Timer.OFFER in running) == (state.offer is not None)
    if state.state is State.CLOSED:
        assert not running


def check_decision(
    before: ConversationState, event: AnyEvent, decision: Decision, caught_up: Decision, now: datetime
) -> None:
    """Check a decision. `caught_up` is the decision of the deadlines before the event."""
    after = decision.state
    check_progress(before, after)
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
        own_items = [item for item in new if item.id == event.id]
        accepted = event.role is not None or caught_up.state.participant(event.by) is not None
        assert len(own_items) == int(accepted and event.id not in caught_up.state.recent_message_ids)
        assert [item.content for item in own_items] == [event.content] * len(own_items)
    _check_ended_offers(before, event, decision, caught_up)
    for item in decision.items:
        assert item.content_type not in SOCKET_ONLY
        if item.trigger in QUEUE_TRIGGERS:
            assert (before.mode, caught_up.state.state) == (Mode.LIVE, State.OPEN)
    for notice in decision.notices:
        _check_notice(notice, before, after)


def _check_ended_offers(before: ConversationState, event: AnyEvent, decision: Decision, caught_up: Decision) -> None:
    """The agent of an accepted offer has the chat, a missed offer is past its deadline, and an open offer can be accepted."""
    after, known = decision.state, len(before.unrecorded_offers)
    assert after.unrecorded_offers[:known] == before.unrecorded_offers
    for ended in after.unrecorded_offers[known:]:
        if ended.outcome is OfferOutcome.ACCEPTED:
            assert after.agent
            assert (after.state, after.agent.user, after.agent_accepted) == (State.ACTIVE, ended.user, True)
        if ended.outcome is OfferOutcome.MISSED:
            assert before.offer
            assert before.offer.id == ended.id
            assert before.offer.until <= after.clock
    offer = caught_up.state.offer
    if offer and after.agent and not isinstance(event, MakeOffer):
        ended = after.past_offer(offer.id)
        assert ended
        assert (ended.outcome is OfferOutcome.ACCEPTED) == (after.agent.user == ended.user)
    if isinstance(event, AcceptOffer):
        if offer and offer.id == event.offer_id:
            assert decision.refused is None
        elif decision.refused is None:
            accepted = caught_up.state.past_offer(event.offer_id)
            assert accepted
            assert accepted.outcome is OfferOutcome.ACCEPTED
            assert after.replace(clock=before.clock) == caught_up.state.replace(clock=before.clock)


def check_progress(before: ConversationState, after: ConversationState) -> None:
    """Check what never goes backwards."""
    assert after.clock >= before.clock
    assert after.seq >= before.seq
    if before.ended:
        frozen = ("ended_at", "end_reason", "contact_id", "parked_by", "agent", "survey_step")
        assert [getattr(after, name) for name in frozen] == [getattr(before, name) for name in frozen]
    if before.state is State.CLOSED:
        may_change = (
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
        assert after.replace(**{name: getattr(before, name) for name in may_change}) == before


def _check_notice(notice: Notice, before: ConversationState, after: ConversationState) -> None:
    assert notice.item.seq == 0
    if notice.item.content_type == EventType.CHAT_ENDED.content_type:
        assert notice.to  # sent to a participant who leaves a chat that goes on
    else:
        assert notice.item.type is ItemType.MESSAGE or notice.item.content_type in SOCKET_ONLY
    present = {participant.id for state in (before, after) for participant in state.participants}
    assert notice.to is None or notice.to in present
    assert not before.ended


def check_nothing_overdue(state: ConversationState, now: datetime) -> None:
    """Check that no deadline lies in the past."""
    deadline = next_deadline(state)
    assert deadline is None or deadline.due > now


def check_transcript(items: Sequence[ItemLike], state: ConversationState) -> None:
    """Check a transcript: consecutive numbers, at most one end, and a departure for every joined participant."""
    assert [item.seq for item in items] == list(range(1, state.seq + 1))
    assert all(one.at < other.at for one, other in pairwise(items))
    assert len({item.id for item in items}) == len(items)
    names = [item.content_type.removeprefix(EVENT_PREFIX) for item in items]
    assert names.count(EventType.CHAT_ENDED) == int(state.ended)
    if state.ended:
        assert all(item.type == ItemType.MESSAGE for item in items[names.index(EventType.CHAT_ENDED) + 1 :])
    present: set[str | None] = set()
    for name, item in zip(names, items, strict=True):
        if name == EventType.JOINED:
            assert item.participant_id not in present
            present.add(item.participant_id)
        if name == EventType.LEFT:
            present.remove(item.participant_id)
    assert present == (
        set() if state.ended else {participant.id for participant in state.participants if participant.joined_at}
    )
    assert [item.trigger for item in items].count("average_wait") <= 1


def check_contacts(contacts: Sequence[ContactLike], items: Sequence[ItemLike]) -> None:
    """Check contacts, oldest first: ids are unique, and each contact holds consecutive items without a gap to the next."""
    assert len({contact.id for contact in contacts}) == len(contacts)
    assert all(contact.last_seq is not None for contact in contacts[:-1])
    seq = 0
    for contact in contacts:
        last = len(items) if contact.last_seq is None else contact.last_seq
        assert last >= seq
        assert {item.contact_id for item in items[seq:last]} <= {contact.id}
        seq = last
