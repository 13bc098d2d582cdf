"""The conversation's decisions: `decide(state, event, now) -> Decision`. Pure; never raises on input.

Changes of state are rows of `TABLE`, numbered as in the project's design. What no row covers is refused and changes
nothing. Messages, connections and what is told to those who wait happen within a state and have a function each.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from workflows.asking import reply
from workflows.decision import Decision, announces, refuse
from workflows.events import (
    Accept,
    AnyEvent,
    Assign,
    Close,
    Configure,
    Connect,
    Disconnect,
    End,
    Hours,
    Invite,
    Leave,
    Message,
    Offer,
    Park,
    Position,
    Reject,
    Release,
    Resume,
    Transfer,
    Withdraw,
    instant,
)
from workflows.policy import IdleAction
from workflows.silence import goes_idle, reminds, step_is
from workflows.state import ConversationState
from workflows.table import TABLE, Trigger, always, is_persistent
from workflows.talk import configure, connect, disconnect, hours, invite, leave, offer, offer_over, position, say
from workflows.timers import Timer, next_deadline
from workflows.values import Mode, OfferOutcome, Presence, Role, State


def begin(state: ConversationState, greeting: Message | None) -> Decision:
    """The first decision of a conversation: its initial message, if it has one. It does not prove that anybody is there."""
    begun = say(state, greeting, proves_presence=False) if greeting else Decision(state)
    return begun.then(lambda s: announces(s, "greeting"))


def decide(state: ConversationState, event: AnyEvent, now: datetime) -> Decision:
    """What `event` leads to. Deadlines that passed before it happened come first, each at its own instant.

    Args:
        state: the conversation as it stands.
        event: what happened.
        now: the present instant; an event that names a later one counts as happening now.
    """
    at = instant(event, now)
    return catch_up(state, at).then(lambda s: _apply(_at(s, at), event))


def catch_up(state: ConversationState, now: datetime) -> Decision:
    """What the deadlines that have passed until `now` lead to."""
    decision = Decision(state)
    while (deadline := next_deadline(decision.state)) and deadline.due <= now:
        decision = decision.then(lambda s, due=deadline.due, timer=deadline.timer: _ring(_at(s, due), timer))
    return decision


def _at(state: ConversationState, instant: datetime) -> ConversationState:
    return state if instant <= state.clock else state.but(clock=instant.astimezone(UTC))


def _apply(state: ConversationState, event: AnyEvent) -> Decision:
    match event:
        case Message():
            return _said(state, event)
        case Connect():
            return connect(state, event)
        case Disconnect():
            return disconnect(state, event)
        case Invite():
            return invite(state, event)
        case Leave():
            return _left(state, event)
        case Assign():
            return _change(state, Trigger.ASSIGNED, event)
        case Offer():
            return _offered(state, event)
        case Accept():
            return _accepted(state, event)
        case Reject():
            return offer_over(state, event.offer_id, OfferOutcome.REJECTED)
        case Withdraw():
            return offer_over(state, event.offer_id, OfferOutcome.WITHDRAWN)
        case Transfer():
            return _handed_on(state, event)
        case Release():
            return _by_an_agent(state, Trigger.RELEASED, event)
        case Park():
            return _by_an_agent(state, Trigger.PARKED, event)
        case Resume():
            return _by_an_agent(state, Trigger.RESUMED, event)
        case End() if event.by in state.former:
            return refuse(state, "end", "they have left the conversation")
        case End() if event.by == "agent" and state.agent is None:
            return refuse(state, "end", "by: there is no agent; an operator gives their own name")
        case End():
            return _change(state, _who_ends(state, event), event)
        case Close():
            return _change(state, Trigger.CLOSED, event)
        case Configure():
            return configure(state, event)
        case Position():
            return position(state, event)
        case Hours():
            return hours(state, event)


def _said(state: ConversationState, message: Message) -> Decision:
    """A message; from the customer of a survey it is also an answer, and of a parked conversation their return."""
    who, surveying = state.participant(message.by), state.surveying
    recorded = say(state, message)
    if recorded.refused or not recorded.items or who is None or who.role is not Role.CUSTOMER:
        return recorded
    if state.state is State.WAITING:
        return recorded.then(lambda s: _change(s, Trigger.CUSTOMER_RETURNED, message))
    if not surveying or state.survey_from_outside:
        return recorded
    replied = recorded.then(lambda s: reply(s, message))
    return replied.then(_survey_over) if replied.state.answered else replied


def _left(state: ConversationState, event: Leave) -> Decision:
    """A bot leaves; when it ran the survey, that is over with it."""
    gone = leave(state, event)
    if gone.refused or not (state.surveying and state.survey_from_outside):
        return gone
    return gone.then(_survey_over)


def _survey_over(state: ConversationState) -> Decision:
    return _change(state, Trigger.SURVEY_OVER, None)


def _offered(state: ConversationState, event: Offer) -> Decision:
    made = offer(state, event)
    stands = made.state.offer is not None and made.state.offer.id == event.offer_id
    # one that is heard of only after its time, the board has taken back and may have made to others
    if not stands or not made.state.policy.auto_accept or event.until <= state.clock:
        return made
    return made.then(lambda s: _accepted(s, Accept(offer_id=event.offer_id, by=event.by)))


def _accepted(state: ConversationState, event: Accept) -> Decision:
    """The agent takes it, if it is still theirs to take. To have taken it already is no news."""
    if state.offer and state.offer.id == event.offer_id:
        return _change(state, Trigger.ACCEPTED, event)
    over = state.past_offer(event.offer_id)
    if over and over.outcome is OfferOutcome.ACCEPTED and state.agent and state.agent.user == over.user:
        return refuse(state, Trigger.ACCEPTED, "the conversation has ended") if state.ended else Decision(state)
    return refuse(state, Trigger.ACCEPTED, "the offer is over")


def _handed_on(state: ConversationState, event: Transfer) -> Decision:
    """A transfer; one that has been made already is no news, whatever has happened since."""
    trigger = Trigger.HANDED_OVER if event.user else Trigger.TRANSFERRED
    return Decision(state) if event.contact_id in state.contacts else _by_an_agent(state, trigger, event)


def _by_an_agent(state: ConversationState, trigger: Trigger, event: Park | Release | Resume | Transfer) -> Decision:
    """What the agent does, or an operator for them, but nobody else who takes part."""
    who = state.participant(event.by)
    if who is not None and who.role is not Role.AGENT:
        return refuse(state, trigger, f"by: only an agent can {trigger}")
    if event.by in state.former and trigger is not Trigger.RESUMED:
        return refuse(state, trigger, "by: they have left the conversation")
    return _change(state, trigger, event)


def _ring(state: ConversationState, timer: Timer) -> Decision:
    """A timer has ended: something happens within the state, or a row of the table says where it leads."""
    for within, applies, action in WITHIN:
        if within is timer and applies(state):
            return action(state)
    return _change(state, Trigger(timer), None)


def _change(state: ConversationState, trigger: Trigger, event: AnyEvent | None) -> Decision:
    for row in TABLE:
        if (row.source, row.trigger) == (state.state, trigger) and row.applies(state):
            return row.action(_moved(state, row.target, trigger, event), event)
    if isinstance(event, Transfer) and event.contact_id == state.contact_id:
        return Decision(state)  # a repeated transfer is no news
    if isinstance(event, Assign) and state.agent and state.agent.user == event.user and not state.ended:
        return Decision(state)  # a repeated assignment to the same agent is no news
    if isinstance(event, Park) and state.state is State.WAITING:
        return Decision(state)  # nor is parking what is parked
    return refuse(state, trigger, _why_not(state, trigger))


def _moved(state: ConversationState, target: State, trigger: Trigger, event: AnyEvent | None) -> ConversationState:
    what = f"{trigger}{_whither(event)}" + (f" by {_known(state, event.by)}" if event else "")
    if target is state.state:
        return state.noting(what)
    if target is not State.ACTIVE:
        state = state.without_offer(OfferOutcome.WITHDRAWN)
    return state.but(state=target, since=state.clock).noting(f"{what}: {state.state} → {target}")


def _whither(event: AnyEvent | None) -> str:
    match event:
        case Assign(user=user) | Transfer(user=str(user)) | Resume(user=str(user)):
            return f" ({user})"
        case Transfer(queue=queue):
            return f" ({queue})"
        case _:
            return ""


def _known(state: ConversationState, by: str) -> str:
    """Who did it, for operators: participants by their role, anybody else as they call themselves."""
    who = state.participant(by)
    if who is not None:
        return f"agent {who.user}" if who.user else f"the {who.role.lower()}"
    return "an agent who has left" if by in state.former else by


def _who_ends(state: ConversationState, event: End) -> Trigger:
    who = state.participant(event.by)
    if who is None:
        return Trigger.STOPPED
    return Trigger.CUSTOMER_ENDS if who.role is Role.CUSTOMER else Trigger.AGENT_ENDS


def _why_not(state: ConversationState, trigger: Trigger) -> str:
    if state.ended and trigger is not Trigger.CLOSED:
        return "the conversation has ended"
    if trigger is Trigger.CUSTOMER_ENDS and not state.policy.customer_may_end:
        return "the customer may leave this conversation, but only the agent may end it"
    if trigger in (Trigger.PARKED, Trigger.RESUMED) and state.mode is Mode.LIVE:
        return "not in this mode: only a persistent conversation can be parked"
    return f"not possible for a {state.mode} conversation in state {state.state}"


def _counts_as_away(state: ConversationState) -> Decision:
    """The customer of a persistent conversation has never come: they are away, and nothing ends."""
    away = {"presence": Presence.AWAY, "since": state.clock}
    return Decision(state.with_participant(state.customer.model_copy(update=away)))


def _looks_again(state: ConversationState) -> Decision:
    """What is known of the opening hours is no longer true; the engine asks."""
    assert state.hours is not None
    return Decision(
        state.but(hours=state.hours.model_copy(update={"stale": True, "until": None, "lapsed_at": state.hours.until}))
    )


WITHIN: tuple[tuple[Timer, Callable[[ConversationState], bool], Callable[[ConversationState], Decision]], ...] = (
    (Timer.CONNECT, is_persistent, _counts_as_away),
    (Timer.HOURS, always, _looks_again),
    (Timer.OFFER, always, lambda s: offer_over(s, s.offer.id if s.offer else "", OfferOutcome.MISSED)),
    (Timer.CUSTOMER_IDLE, always, lambda s: goes_idle(s, Role.CUSTOMER)),
    (Timer.AGENT_IDLE, always, lambda s: goes_idle(s, Role.AGENT)),
    (
        Timer.CUSTOMER_SILENT,
        step_is(Role.CUSTOMER, IdleAction.REMIND, IdleAction.WARN),
        lambda s: reminds(s, Role.CUSTOMER),
    ),
    (Timer.AGENT_SILENT, step_is(Role.AGENT, IdleAction.REMIND, IdleAction.WARN), lambda s: reminds(s, Role.AGENT)),
)
"""Timers whose end changes no state."""
