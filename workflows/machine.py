"""The conversation's decisions: `decide(state, event, now) -> Decision`. Pure; never raises on input.

Changes of state are rows of `TABLE`, numbered as in the project's design. What no row covers is refused and changes
nothing. Messages and connections happen within a state and have a function each.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from workflows.changes import Action, agent_ends, agent_is_done, close, ends, hand_on, reply, seat_agent
from workflows.decision import Decision, refuse
from workflows.events import (
    AnyEvent,
    Assign,
    Close,
    Connect,
    Disconnect,
    End,
    Invite,
    Leave,
    Message,
    Park,
    Resume,
    Transfer,
    instant,
)
from workflows.state import ConversationState
from workflows.talk import connect, disconnect, invite, leave, say
from workflows.timers import Timer, next_deadline
from workflows.values import (
    EndReason,
    Item,
    Mode,
    Role,
    State,
)


class Trigger(StrEnum):
    """What can move a conversation from one state to another."""

    ASSIGNED = "assign"
    TRANSFERRED = "transfer to a queue"
    HANDED_OVER = "transfer to an agent"
    PARKED = "park"
    RESUMED = "resume"
    CUSTOMER_ENDS = "end by the customer"
    AGENT_ENDS = "end by the agent"
    STOPPED = "stop"
    CLOSED = "close"
    NEVER_CONNECTED = Timer.CONNECT
    CUSTOMER_LOST = Timer.RECONNECT
    OPEN_TOO_LONG = Timer.OPEN_AGE
    DURATION_REACHED = Timer.DURATION
    WRAP_UP_OVER = Timer.WRAP_UP
    SURVEY_OVER = Timer.SURVEY


class Row(NamedTuple):
    """One line of the table of state changes."""

    number: int
    source: State
    trigger: Trigger
    applies: Callable[[ConversationState], bool]
    target: State
    action: Action


def begin(state: ConversationState, greeting: Message | None) -> Decision:
    """The first decision of a conversation: its initial message, if it has one. It does not prove that anybody is there."""
    return say(state, greeting, proves_presence=False) if greeting else Decision(state)


def decide(state: ConversationState, event: AnyEvent, now: datetime) -> Decision:
    """What `event` leads to. Deadlines that passed before it happened come first, each at its own instant.

    Args:
        state: the conversation as it stands.
        event: what happened.
        now: the present instant; an event that names a later one counts as happening now.
    """
    at = instant(event, now)
    state, overdue, _ = catch_up(state, at)
    state, items, refused = _apply(_at(state, at), event)
    return Decision(state, (*overdue, *items), refused)


def catch_up(state: ConversationState, now: datetime) -> Decision:
    """What the deadlines that have passed until `now` lead to."""
    items: tuple[Item, ...] = ()
    while (deadline := next_deadline(state)) and deadline.due <= now:
        state, more, _ = _change(_at(state, deadline.due), Trigger(deadline.timer), None)
        items += more
    return Decision(state, items)


def _at(state: ConversationState, instant: datetime) -> ConversationState:
    return state.but(clock=max(state.clock, instant))


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
        case Transfer():
            return _change(state, Trigger.HANDED_OVER if event.user else Trigger.TRANSFERRED, event)
        case Park():
            return _change(state, Trigger.PARKED, event)
        case Resume():
            return _change(state, Trigger.RESUMED, event)
        case End() if event.by in state.former:
            return refuse(state, "end", "they have left the conversation")
        case End():
            return _change(state, _who_ends(state, event), event)
        case Close():
            return _change(state, Trigger.CLOSED, event)


def _said(state: ConversationState, message: Message) -> Decision:
    """A message; from the customer of a survey it is also an answer, and the last one ends the chat."""
    who, surveying = state.participant(message.by), state.surveying
    recorded = say(state, message)
    if (
        not surveying
        or state.survey_from_outside
        or recorded.refused
        or not recorded.items
        or who is None
        or who.role is not Role.CUSTOMER
    ):
        return recorded
    replied = reply(recorded.state, message)
    over = _change(replied.state, Trigger.SURVEY_OVER, None) if replied.state.answered else Decision(replied.state)
    return Decision(over.state, (*recorded.items, *replied.items, *over.items))


def _left(state: ConversationState, event: Leave) -> Decision:
    """A bot leaves; when it ran the survey, that is over with it."""
    gone = leave(state, event)
    if gone.refused or not (state.surveying and state.survey_from_outside):
        return gone
    over = _change(gone.state, Trigger.SURVEY_OVER, None)
    return Decision(over.state, (*gone.items, *over.items))


def _change(state: ConversationState, trigger: Trigger, event: AnyEvent | None) -> Decision:
    for row in TABLE:
        if (row.source, row.trigger) == (state.state, trigger) and row.applies(state):
            moved = state if row.target is state.state else state.but(state=row.target, since=state.clock)
            return row.action(moved, event)
    if isinstance(event, Transfer) and event.contact_id == state.contact_id:
        return Decision(state)  # a repeated transfer is no news
    if isinstance(event, Assign) and state.agent and state.agent.user == event.user and not state.ended:
        return Decision(state)  # a repeated assignment to the same agent is no news
    return refuse(state, trigger, _why_not(state, trigger))


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
    if trigger in (Trigger.PARKED, Trigger.RESUMED):
        return f"not in this mode: a {state.mode} conversation in state {state.state} cannot do it"
    return f"not possible for a {state.mode} conversation in state {state.state}"


def _any(_: ConversationState) -> bool:
    return True


def _live(state: ConversationState) -> bool:
    return state.mode is Mode.LIVE


def _may_end(state: ConversationState) -> bool:
    return state.policy.customer_may_end


def _no_survey(state: ConversationState) -> bool:
    return not state.surveying


def _survey(state: ConversationState) -> bool:
    return state.surveying and state.agent_done_at is None


def _survey_last(state: ConversationState) -> bool:
    """The survey is all that is still open."""
    return state.surveying and state.agent_done_at is not None


TABLE = (
    #   no.  from           on                        applies   to              and then
    Row(2,  State.OPEN,    Trigger.ASSIGNED,         _any,     State.ACTIVE,   seat_agent),
    Row(3,  State.OPEN,    Trigger.CUSTOMER_ENDS,    _may_end, State.CLOSED,   ends(EndReason.CUSTOMER_ENDED)),
    Row(3,  State.OPEN,    Trigger.CUSTOMER_LOST,    _live,    State.CLOSED,   ends(EndReason.CUSTOMER_LOST)),
    Row(3,  State.OPEN,    Trigger.NEVER_CONNECTED,  _live,    State.CLOSED,   ends(EndReason.NEVER_CONNECTED)),
    Row(4,  State.OPEN,    Trigger.OPEN_TOO_LONG,    _any,     State.CLOSED,   ends(EndReason.OPEN_TOO_LONG)),
    Row(5,  State.ACTIVE,  Trigger.AGENT_ENDS,       _any,     State.WRAP_UP,  agent_ends),
    Row(6,  State.ACTIVE,  Trigger.CUSTOMER_ENDS,    _may_end, State.WRAP_UP,  ends(EndReason.CUSTOMER_ENDED)),
    Row(7,  State.ACTIVE,  Trigger.CUSTOMER_LOST,    _live,    State.WRAP_UP,  ends(EndReason.CUSTOMER_LOST)),
    Row(7,  State.ACTIVE,  Trigger.NEVER_CONNECTED,  _live,    State.WRAP_UP,  ends(EndReason.NEVER_CONNECTED)),
    Row(9,  State.ACTIVE,  Trigger.TRANSFERRED,      _any,     State.OPEN,     hand_on),
    Row(9,  State.ACTIVE,  Trigger.HANDED_OVER,      _any,     State.ACTIVE,   hand_on),
    Row(14, State.WRAP_UP, Trigger.CLOSED,           _no_survey,   State.CLOSED,  close),
    Row(14, State.WRAP_UP, Trigger.WRAP_UP_OVER,     _no_survey,   State.CLOSED,  close),
    Row(14, State.WRAP_UP, Trigger.CLOSED,           _survey,      State.WRAP_UP, agent_is_done),
    Row(14, State.WRAP_UP, Trigger.WRAP_UP_OVER,     _survey,      State.WRAP_UP, agent_is_done),
    Row(14, State.WRAP_UP, Trigger.SURVEY_OVER,      _survey,      State.WRAP_UP, ends(EndReason.AGENT_ENDED)),
    Row(14, State.WRAP_UP, Trigger.SURVEY_OVER,      _survey_last, State.CLOSED,  ends(EndReason.AGENT_ENDED)),
    Row(14, State.WRAP_UP, Trigger.CUSTOMER_ENDS,    _survey,      State.WRAP_UP, ends(EndReason.CUSTOMER_ENDED)),
    Row(14, State.WRAP_UP, Trigger.CUSTOMER_ENDS,    _survey_last, State.CLOSED,  ends(EndReason.CUSTOMER_ENDED)),
    Row(15, State.WRAP_UP, Trigger.STOPPED,          _survey,      State.WRAP_UP, ends(EndReason.STOPPED)),
    Row(15, State.WRAP_UP, Trigger.STOPPED,          _survey_last, State.CLOSED,  ends(EndReason.STOPPED)),
    Row(15, State.OPEN,    Trigger.STOPPED,          _any,     State.CLOSED,   ends(EndReason.STOPPED)),
    Row(15, State.ACTIVE,  Trigger.STOPPED,          _any,     State.WRAP_UP,  ends(EndReason.STOPPED)),
    Row(15, State.OPEN,    Trigger.DURATION_REACHED, _any,     State.CLOSED,   ends(EndReason.DURATION_REACHED)),
    Row(15, State.ACTIVE,  Trigger.DURATION_REACHED, _any,     State.WRAP_UP,  ends(EndReason.DURATION_REACHED)),
)  # fmt: skip
"""Every change of state. Rows 8 to 13 belong to the board and to parking, which this table does not know yet."""
