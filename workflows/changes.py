"""What a change of state does besides changing it: who gets the conversation, who leaves it, and how it ends."""

from __future__ import annotations

from collections.abc import Callable

from workflows.asking import TRIGGER as SURVEY
from workflows.asking import ask
from workflows.decision import Decision, announces, event_item, leaves, notifies
from workflows.events import AnyEvent, Assign, Resume, Transfer
from workflows.memory import OfferOver
from workflows.state import ConversationState, derived_id
from workflows.values import EndReason, EventType, Initiation, OfferOutcome, Participant, Presence, Role, State

Action = Callable[[ConversationState, AnyEvent | None], Decision]
"""What a change of state does besides changing it; the event is `None` when a timer brought it about."""


def seat_agent(state: ConversationState, event: AnyEvent | None) -> Decision:
    """An agent has the conversation. What another one had parked goes on as a new contact: each has one agent."""
    assert isinstance(event, Assign)
    return _seat(state, event.user, event.name)


def take_up(state: ConversationState, event: AnyEvent | None) -> Decision:
    """A parked conversation is worked on again, by the agent named, else by the one who parked it."""
    assert isinstance(event, Resume)
    before = state.parked_by
    assert before is not None
    assert before.user is not None
    user = event.user or before.user
    name = event.name or (before.name if user == before.user else user)
    return _seat(state, user, name, comes=True)


def _seat(state: ConversationState, user: str, name: str, *, comes: bool = False) -> Decision:
    if state.parked_by and state.parked_by.user != user:
        state = state.on_next_leg(_next_contact(state), Initiation.TRANSFER, state.queue, EndReason.TRANSFERRED)
    id = derived_id(state.id, f"agent/{user}")
    agent = Participant(id=id, role=Role.AGENT, name=name, user=user, since=state.clock)
    taken = state.offer is not None and state.offer.user == user
    seated = state.without_offer(OfferOutcome.ACCEPTED if taken else OfferOutcome.WITHDRAWN).but(
        agent=agent,
        ahead=False,
        agent_assigned_at=state.agent_assigned_at or state.clock,
        seated_at=state.clock,
        seated_after=state.seq,
        parked_by=None,
        took_it=taken or comes,
        told_position=None,
        former=tuple(leaver for leaver in state.former if leaver != id),
    )
    return announces(seated, "agent_assigned")


def accept(state: ConversationState, event: AnyEvent | None) -> Decision:
    """The agent takes what they were offered."""
    assert state.offer is not None
    return _seat(state, state.offer.user, state.offer.name)


def hand_on(state: ConversationState, event: AnyEvent | None) -> Decision:
    """The present contact ends and a new one begins. The customer notices nothing but that somebody left and joins."""
    assert isinstance(event, Transfer)
    leaver = state.agent
    handed = (leaves(state, leaver) if leaver else Decision(state)).then(
        lambda s: event_item(s, EventType.TRANSFERRED, leaver)
    )
    handed = handed.then(lambda s: announces(s, "transferred", QueueName=event.queue)).then(
        lambda s: Decision(s.on_next_leg(event.contact_id, Initiation.TRANSFER, event.queue, EndReason.TRANSFERRED))
    )
    if event.user is None:
        return handed
    user, name = event.user, event.name or event.user
    return handed.then(lambda s: _seat(s, user, name))


def park(state: ConversationState, event: AnyEvent | None) -> Decision:
    """The agent sets the conversation aside: it stays theirs, takes nothing of their time, and is the same contact."""
    assert state.agent is not None
    said = leaves(state, state.agent, trigger="parked").then(lambda s: announces(s, "parked"))
    agent = state.agent.model_copy(update={"left_at": state.clock})
    return said.then(lambda s: Decision(s.without_agent().but(parked_by=agent)))


def requeue(reason: EndReason, trigger: str) -> Action:
    """The conversation goes back to its queue, as a new contact."""

    def back(state: ConversationState, event: AnyEvent | None) -> Decision:
        assert state.agent is not None
        said = leaves(state, state.agent, trigger=trigger).then(lambda s: announces(s, trigger))
        return said.then(
            lambda s: Decision(
                _passed_over(s, reason)
                .on_next_leg(_next_contact(s), Initiation.TRANSFER, s.queue, reason)
                .but(ahead=True)
            )
        )

    return back


def _passed_over(state: ConversationState, reason: EndReason) -> ConversationState:
    """Who has given it away, or has taken it and never come, is not the next to be asked; who was lost may be, once back."""
    agent = state.agent
    if agent is None or agent.user is None:
        return state
    never_came = reason is EndReason.AGENT_LOST and agent.presence is Presence.AWAITED
    if not never_came and reason is not EndReason.RELEASED:
        return state
    outcome = OfferOutcome.ABSENT if never_came else OfferOutcome.REJECTED
    over = OfferOver(id=state.contact_id, user=agent.user, outcome=outcome)
    return state.but(unrecorded_offers=(*state.unrecorded_offers, over))


def returned(state: ConversationState, event: AnyEvent | None) -> Decision:
    """The customer of a parked conversation has written again: it stands in the queue, and is still its agent's."""
    return Decision(state.but(ahead=True))


def ends(reason: EndReason) -> Action:
    """The end for the customer: who left is recorded, whoever ended it first, then `chat.ended`, the last they see."""

    def end(state: ConversationState, event: AnyEvent | None) -> Decision:
        decision = Decision(state)
        if reason is EndReason.CUSTOMER_LOST:
            decision = decision.then(lambda s: announces(s, "customer_disconnected"))
        decision = decision.then(lambda s: announces(s, "ended"))
        leaver = Role.AGENT if reason in (EndReason.AGENT_ENDED, EndReason.AUTO_DISCONNECTED) else Role.CUSTOMER
        for who in sorted(state.participants, key=lambda p: p.role is not leaver):
            decision = decision.then(lambda s, who=who: _left_for_good(s, who)).then(lambda s, who=who: _gone(s, who))
        ended = decision.then(lambda s: event_item(s, EventType.CHAT_ENDED, None, once=True))
        return ended.then(lambda s: _ended(s, reason))

    return end


def _left_for_good(state: ConversationState, who: Participant) -> Decision:
    return Decision(state) if who.joined_at is None else event_item(state, EventType.LEFT, who, once=True)


def _gone(state: ConversationState, who: Participant) -> Decision:
    gone = {"presence": Presence.AWAY, "since": state.clock, "left_at": state.clock}
    return Decision(state.with_participant(who.model_copy(update=gone)))


def _ended(state: ConversationState, reason: EndReason) -> Decision:
    ended = state.but(
        ended_at=state.clock,
        end_reason=state.end_reason or reason,
        closed_at=state.clock if state.state is State.CLOSED else None,
        survey_step=None,
    )
    return Decision(ended.to_archive())


def close(state: ConversationState, event: AnyEvent | None) -> Decision:
    """Nothing is left to do."""
    return Decision(state.but(closed_at=state.clock))


def agent_is_done(state: ConversationState, event: AnyEvent | None) -> Decision:
    """The agent's part is over while the customer still answers: the end of the survey will close."""
    return Decision(state.but(agent_done_at=state.clock))


def agent_ends(state: ConversationState, event: AnyEvent | None) -> Decision:
    """The agent ends the chat."""
    return announces(state, "agent_ended").then(lambda s: _or_survey(s, event, EndReason.AGENT_ENDED))


def disconnects_others(state: ConversationState, event: AnyEvent | None) -> Decision:
    """A participant timer leaves nobody but the customer (Amazon Connect: then the disconnect flow runs, the survey)."""
    told = notifies(state, EventType.AUTO_DISCONNECTED, state.agent or next(iter(state.bots), None))
    return told.then(lambda s: _or_survey(s, event, EndReason.AUTO_DISCONNECTED))


def _or_survey(state: ConversationState, event: AnyEvent | None, reason: EndReason) -> Decision:
    """The end, or the survey before it, which a customer who has never been there is spared."""
    agent, survey = state.agent, state.policy.survey
    if survey is None or agent is None or state.customer.joined_at is None:
        return ends(reason)(state, event)
    contact_id = derived_id(state.id, f"survey/{state.contact_id}")
    left = leaves(state, agent, trigger=SURVEY).then(
        lambda s: Decision(
            s.on_next_leg(contact_id, Initiation.DISCONNECT, s.queue, reason).but(
                end_reason=reason, survey_since=s.clock, survey_step=0
            )
        )
    )
    return left if state.survey_from_outside else left.then(ask)


def _next_contact(state: ConversationState) -> str:
    return derived_id(state.id, f"leg/{state.contact_id}")
