"""The decisions of a conversation: `decide(state, event, now) -> Decision`. Pure; never raises on input.

The rows of `TRANSITIONS` change the state. An event without a row is refused and changes nothing. Messages, connections, offers
and queue events happen within a state and have a function each.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from domain.conversation import Mode, State
from domain.events import (
    AcceptOffer,
    AnyEvent,
    Assign,
    Barge,
    Close,
    Configure,
    Connect,
    Disconnect,
    End,
    Invite,
    Leave,
    MakeOffer,
    Message,
    OpeningHours,
    Park,
    QueuePosition,
    RejectOffer,
    Release,
    Resume,
    Transfer,
    WithdrawOffer,
    instant_of,
)
from domain.participants import Role
from domain.policy import IdleAction
from domain.refusals import RefusalCode, refusal
from domain.routing import OfferOutcome
from workflows.change_notes import transition_note
from workflows.decision import Decision, automated_message, refuse
from workflows.idle_rules import next_action_is, remind
from workflows.participant_timers import configure_timers, mark_idle
from workflows.participation import barge, connect, connect_found, disconnect, invite_bot, leave, record_message
from workflows.queueing import announce_position, end_offer, make_offer, record_opening_hours
from workflows.state import ConversationState
from workflows.survey import record_answer
from workflows.timers import Deadline, Timer, absent_for, drop_deadline, next_deadline
from workflows.transitions import TRANSITIONS, TransitionCause, always, is_persistent


def begin(state: ConversationState, greeting: Message | None) -> Decision:
    """The first decision of a conversation: its initial message, which does not prove that the customer is connected."""
    begun = record_message(state, greeting, proves_presence=False) if greeting else Decision(state)
    return begun.then(lambda s: automated_message(s, "greeting"))


def decide(state: ConversationState, event: AnyEvent, now: datetime) -> Decision:
    """Decide on an event. Deadlines that passed before it happened take effect first, each at its own instant.

    Args:
        state: the present state.
        event: the event.
        now: the present instant. An event that names a later one counts as happening now.
    """
    at = instant_of(event, now)
    caught_up = catch_up(state, at)
    return caught_up.followed_by(_apply(_at(caught_up.state, at), event))


def catch_up(state: ConversationState, now: datetime) -> Decision:
    """Apply the effects of the deadlines until `now`, in order.

    A deadline whose effect is refused, or that is due again after its effect, would be due for ever. It is dropped, and a
    refusal is recorded for operators.
    """
    decision, ended = Decision(state), set[Deadline]()
    while (deadline := next_deadline(decision.state)) and deadline.due <= now:
        before = _at(decision.state, deadline.due)
        effect = _apply_timer(before, deadline.timer) if deadline not in ended else None
        if effect is None or effect.refused:
            cause = effect.refused.text if effect and effect.refused else "it came up again"
            effect = _drop(before, deadline, cause)
        decision = decision.followed_by(effect)
        ended.add(deadline)
    return decision


def _drop(state: ConversationState, deadline: Deadline, cause: str) -> Decision:
    """Drop a deadline, and record the refusal of its timer. Events and other deadlines are not refused."""
    refused = refusal(RefusalCode.TIMER_WITHOUT_EFFECT, cause=cause)
    return Decision(drop_deadline(state, deadline).with_refusal(deadline.timer, refused, state.clock))


def _at(state: ConversationState, instant: datetime) -> ConversationState:
    return state if instant <= state.clock else state.replace(clock=instant.astimezone(UTC))


def _apply(state: ConversationState, event: AnyEvent) -> Decision:
    match event:
        case Message():
            return _receive_message(state, event)
        case Connect():
            return connect(state, event)
        case Disconnect():
            return disconnect(state, event)
        case Invite():
            return invite_bot(state, event)
        case Barge():
            return barge(state, event)
        case Leave():
            return _leave(state, event)
        case Assign():
            return _assign(state, event)
        case MakeOffer():
            return _offer(state, event)
        case AcceptOffer():
            return _accept(state, event)
        case RejectOffer():
            return end_offer(state, event.offer_id, OfferOutcome.REJECTED)
        case WithdrawOffer():
            return end_offer(state, event.offer_id, OfferOutcome.WITHDRAWN)
        case Transfer():
            return _transfer(state, event)
        case Release():
            return _agent_command(state, TransitionCause.RELEASED, event)
        case Park():
            return _agent_command(state, TransitionCause.PARKED, event)
        case Resume():
            return _resume(state, event)
        case End():
            return _end(state, event)
        case Close():
            return _transition(state, TransitionCause.CLOSED, event)
        case Configure():
            return configure_timers(state, event)
        case QueuePosition():
            return announce_position(state, event)
        case OpeningHours():
            return record_opening_hours(state, event)


def _receive_message(state: ConversationState, message: Message) -> Decision:
    """A message. A message of the customer also answers the survey, or returns a parked conversation to its queue.

    A file is no answer: it is recorded, and the question stays.
    """
    sender, survey_open = state.participant(message.by), state.survey_open
    recorded = record_message(state, message)
    if not recorded.items or sender is None or sender.role is not Role.CUSTOMER:
        return recorded
    if state.state is State.WAITING:
        return recorded.then(lambda s: _transition(s, TransitionCause.CUSTOMER_RETURNED, message))
    if not survey_open or state.survey_by_bot or message.attachment:
        return recorded
    answered = recorded.then(lambda s: record_answer(s, message))
    return answered.then(_end_survey) if answered.state.survey_answered else answered


def _leave(state: ConversationState, event: Leave) -> Decision:
    """A bot or a supervisor leaves. If the bot conducted the survey, the survey ends. No supervisor is part of a survey."""
    left = leave(state, event)
    return left.then(_end_survey) if state.survey_open and state.survey_by_bot else left


def _end_survey(state: ConversationState) -> Decision:
    return _transition(state, TransitionCause.SURVEY_OVER, None)


def _offer(state: ConversationState, event: MakeOffer) -> Decision:
    """An offer; with automatic acceptance, the assignment too."""
    made = make_offer(state, event)
    is_open = made.state.offer is not None and made.state.offer.id == event.offer_id
    # an offer that arrives after its time may already be withdrawn and made to another agent
    if not is_open or not made.state.policy.auto_accept or event.until <= state.clock:
        return made
    return made.then(lambda s: _accept(s, AcceptOffer(offer_id=event.offer_id, by=event.by)))


def _accept(state: ConversationState, event: AcceptOffer) -> Decision:
    """The agent accepts the open offer. Repeating the acceptance changes nothing while the agent has the conversation."""
    if state.offer and state.offer.id == event.offer_id:
        return _transition(state, TransitionCause.ACCEPTED, event)
    over = state.past_offer(event.offer_id)
    if over and over.outcome is OfferOutcome.ACCEPTED and state.agent and state.agent.user == over.user:
        return (
            refuse(state, TransitionCause.ACCEPTED, RefusalCode.CONVERSATION_ENDED) if state.ended else Decision(state)
        )
    return refuse(state, TransitionCause.ACCEPTED, RefusalCode.OFFER_OVER)


def _resume(state: ConversationState, event: Resume) -> Decision:
    """A parked conversation goes on with an agent, unless the agent's capacity is no longer reserved for it."""
    over = state.past_offer(event.offer_id) if event.offer_id else None
    if over and over.outcome is not OfferOutcome.ACCEPTED:
        return refuse(state, TransitionCause.RESUMED, RefusalCode.OFFER_OVER)
    return _agent_command(state, TransitionCause.RESUMED, event)


def _assign(state: ConversationState, event: Assign) -> Decision:
    """An assignment. Idempotent for the present agent."""
    repeated = state.agent is not None and state.agent.user == event.user and not state.ended
    return Decision(state) if repeated else _transition(state, TransitionCause.ASSIGNED, event)


def _transfer(state: ConversationState, event: Transfer) -> Decision:
    """A transfer. Idempotent: a repeated transfer changes nothing, also after later changes."""
    if event.contact_id in state.contact_ids:
        return Decision(state)
    return _agent_command(
        state, TransitionCause.TRANSFERRED_TO_AGENT if event.user else TransitionCause.TRANSFERRED_TO_QUEUE, event
    )


def _agent_command(
    state: ConversationState, trigger: TransitionCause, event: Park | Release | Resume | Transfer
) -> Decision:
    """A command of the agent, or of an operator for the agent; other participants are refused."""
    participant = state.participant(event.by)
    if participant is not None and participant.role is not Role.AGENT:
        return refuse(state, trigger, RefusalCode.AGENT_ONLY, action=trigger)
    if (
        event.by in state.former_participants
        and trigger is not TransitionCause.RESUMED
        and not _is_transfer_by_owner(state, event)
    ):
        return refuse(state, trigger, RefusalCode.PARTICIPANT_LEFT)
    if isinstance(event, Park) and state.state is State.WAITING:
        return Decision(state)
    return _transition(state, trigger, event)


def _is_transfer_by_owner(state: ConversationState, event: Park | Release | Resume | Transfer) -> bool:
    """Whether the agent who parked the conversation transfers it. Since version 3 of the rules."""
    owns = state.parked_by is not None and state.parked_by.id == event.by
    return owns and isinstance(event, Transfer) and state.rules_version >= 3


def _end(state: ConversationState, event: End) -> Decision:
    """The end of the chat: by the customer, by the agent, a bot or a supervisor, or stopped by any other sender."""
    if event.by in state.former_participants:
        return refuse(state, "end", RefusalCode.PARTICIPANT_LEFT)
    participant = state.participant(event.by)
    if participant is None and event.by == "agent":
        return refuse(state, "end", RefusalCode.NO_AGENT)
    if participant is None:
        return _transition(state, TransitionCause.STOPPED, event)
    by_customer = participant.role is Role.CUSTOMER
    return _transition(state, TransitionCause.CUSTOMER_ENDS if by_customer else TransitionCause.AGENT_ENDS, event)


def _apply_timer(state: ConversationState, timer: Timer) -> Decision:
    """The effect of a timer: within the state, or by a transition."""
    for within, applies, action in TIMERS_WITHIN_STATE:
        if within is timer and applies(state):
            return action(state)
    absent = absent_for(state, timer)
    if absent is None:
        return _transition(state, TransitionCause(timer), None)
    if absent.id in state.found_connected:
        return connect_found(state, absent)
    return _transition(state, TransitionCause(timer), None)._replace(absent=(absent.id,))


def _transition(state: ConversationState, trigger: TransitionCause, event: AnyEvent | None) -> Decision:
    for row in TRANSITIONS:
        if (row.source, row.trigger) == (state.state, trigger) and row.applies(state):
            return row.action(_enter(state, row.target, trigger, event), event)
    return _refuse_transition(state, trigger)


def _enter(
    state: ConversationState, target: State, trigger: TransitionCause, event: AnyEvent | None
) -> ConversationState:
    """The state after a transition, before its action. Any target but ACTIVE withdraws the open offer."""
    note = transition_note(state, target, trigger, event)
    if target is state.state:
        return state.with_change_note(note)
    if target is not State.ACTIVE:
        state = state.with_offer_ended(OfferOutcome.WITHDRAWN)
    return state.replace(state=target, since=state.clock).with_change_note(note)


def _refuse_transition(state: ConversationState, trigger: TransitionCause) -> Decision:
    if state.ended and trigger is not TransitionCause.CLOSED:
        return refuse(state, trigger, RefusalCode.CONVERSATION_ENDED)
    if trigger is TransitionCause.CUSTOMER_ENDS and not state.policy.customer_may_end:
        return refuse(state, trigger, RefusalCode.CUSTOMER_MAY_NOT_END)
    if trigger in (TransitionCause.PARKED, TransitionCause.RESUMED) and state.mode is Mode.LIVE:
        return refuse(state, trigger, RefusalCode.PERSISTENT_ONLY)
    return refuse(state, trigger, RefusalCode.WRONG_STATE, mode=state.mode, state=state.state)


def _mark_customer_away(state: ConversationState) -> Decision:
    """The customer of a persistent conversation never connected: they count as away, and the conversation continues."""
    return Decision(state.with_participant(state.customer.away(state.clock)))


def _expire_hours(state: ConversationState) -> Decision:
    """The known opening hours have expired; the workflow queries them again."""
    assert state.hours is not None
    return Decision(state.replace(hours=state.hours.expired()))


def _miss_offer(state: ConversationState) -> Decision:
    assert state.offer is not None
    return end_offer(state, state.offer.id, OfferOutcome.MISSED)


_customer_reminder = next_action_is(Role.CUSTOMER, IdleAction.REMIND, IdleAction.WARN)
_agent_reminder = next_action_is(Role.AGENT, IdleAction.REMIND, IdleAction.WARN)

TIMERS_WITHIN_STATE: tuple[
    tuple[Timer, Callable[[ConversationState], bool], Callable[[ConversationState], Decision]], ...
] = (
    (Timer.CONNECT, is_persistent, _mark_customer_away),
    (Timer.HOURS, always, _expire_hours),
    (Timer.OFFER, always, _miss_offer),
    (Timer.CUSTOMER_IDLE, always, lambda s: mark_idle(s, Role.CUSTOMER)),
    (Timer.AGENT_IDLE, always, lambda s: mark_idle(s, Role.AGENT)),
    (Timer.CUSTOMER_SILENT, _customer_reminder, lambda s: remind(s, Role.CUSTOMER)),
    (Timer.AGENT_SILENT, _agent_reminder, lambda s: remind(s, Role.AGENT)),
)
"""The timers whose end changes no state: the timer, its condition and its effect."""
