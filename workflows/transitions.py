"""The table of transitions, numbered as in docs/lifecycle.md: source, trigger, condition, target and action."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from domain.contacts import EndReason
from domain.conversation import Mode, State
from domain.participants import Role
from domain.policy import IdleAction
from workflows.idle_rules import final_message, next_action_is
from workflows.state import ConversationState
from workflows.timers import Timer
from workflows.transition_actions import (
    TransitionAction,
    accept_offer,
    assign,
    close,
    end_by_agent,
    end_by_participant_timer,
    end_chat,
    finish_agent_wrap_up,
    move,
    park,
    queue_returned,
    requeue,
    resume,
    stop_chat,
    transfer,
)


class TransitionCause(StrEnum):
    """The causes of transitions. Change notes name them for operators."""

    ASSIGNED = "assign"
    ACCEPTED = "accept"
    TRANSFERRED_TO_QUEUE = "transfer to a queue"
    TRANSFERRED_TO_AGENT = "transfer to an agent"
    RELEASED = "release"
    PARKED = "park"
    RESUMED = "resume"
    CUSTOMER_RETURNED = "message after parking"
    CUSTOMER_ENDS = "end by the customer"
    AGENT_ENDS = "end by the agent"
    STOPPED = "stop"
    CLOSED = "close"
    NEVER_CONNECTED = Timer.CONNECT
    CUSTOMER_LOST = Timer.RECONNECT
    AGENT_LOST = Timer.AGENT_GRACE
    ASSIGNED_AGENT_ABSENT = Timer.ASSIGNED
    OPEN_TOO_LONG = Timer.OPEN_AGE
    WAITED_TOO_LONG = Timer.WAITING
    DURATION_REACHED = Timer.DURATION
    WRAP_UP_OVER = Timer.WRAP_UP
    SURVEY_OVER = Timer.SURVEY
    CUSTOMER_SILENT = Timer.CUSTOMER_SILENT
    AGENT_SILENT = Timer.AGENT_SILENT
    CUSTOMER_IDLE_TOO_LONG = Timer.CUSTOMER_DISCONNECT
    AGENT_IDLE_TOO_LONG = Timer.AGENT_DISCONNECT


class Transition(NamedTuple):
    """One row of the table of transitions."""

    number: int
    source: State
    trigger: TransitionCause
    applies: Callable[[ConversationState], bool]
    target: State
    action: TransitionAction


def always(_: ConversationState) -> bool:
    """The condition of transitions that apply in every case."""
    return True


def is_persistent(state: ConversationState) -> bool:
    """The condition of the persistent mode."""
    return state.mode is Mode.PERSISTENT


def _is_live(state: ConversationState) -> bool:
    return state.mode is Mode.LIVE


def _customer_may_end(state: ConversationState) -> bool:
    return state.policy.customer_may_end


def _no_survey(state: ConversationState) -> bool:
    return not state.survey_open


def _survey(state: ConversationState) -> bool:
    return state.survey_open and state.agent_done_at is None


def _survey_only(state: ConversationState) -> bool:
    """The agent has finished the wrap-up, and only the survey is open."""
    return state.survey_open and state.agent_done_at is not None


def _parked(state: ConversationState) -> bool:
    return state.parked_by is not None


def _may_move(state: ConversationState) -> bool:
    """A waiting conversation moves to another queue or to an agent since version 3 of the rules."""
    return state.rules_version >= 3


_chain_closes = next_action_is(Role.CUSTOMER, IdleAction.CLOSE)
_chain_releases = next_action_is(Role.AGENT, IdleAction.RELEASE)


def _after_final_message(role: Role, action: TransitionAction) -> TransitionAction:
    """Make the action of the last step of a chain of idle rules: its message, then `action`."""
    return lambda state, event: final_message(state, role).then(lambda s: action(s, event))


_requeue_lost = requeue(EndReason.AGENT_LOST, "agent_disconnected")
_requeue_released = requeue(EndReason.RELEASED, "released")
_end_silent = _after_final_message(Role.CUSTOMER, end_chat(EndReason.CUSTOMER_SILENT))
_requeue_silent = _after_final_message(Role.AGENT, _requeue_released)

TRANSITIONS = (
    #          no. source         trigger                    applies            target         action
    Transition(2,  State.OPEN,    TransitionCause.ASSIGNED,          always,            State.ACTIVE,  assign),
    Transition(2,  State.OPEN,    TransitionCause.ACCEPTED,          always,            State.ACTIVE,  accept_offer),
    Transition(2,  State.OPEN,    TransitionCause.RESUMED,           _parked,           State.ACTIVE,  resume),
    Transition(9,  State.OPEN,    TransitionCause.TRANSFERRED_TO_QUEUE,       _may_move,         State.OPEN,    move),
    Transition(9,  State.OPEN,    TransitionCause.TRANSFERRED_TO_AGENT,       _may_move,         State.ACTIVE,  transfer),
    Transition(3,  State.OPEN,    TransitionCause.CUSTOMER_ENDS,     _customer_may_end, State.CLOSED,  end_chat(EndReason.CUSTOMER_ENDED)),
    Transition(3,  State.OPEN,    TransitionCause.CUSTOMER_LOST,     _is_live,          State.CLOSED,  end_chat(EndReason.CUSTOMER_LOST)),
    Transition(3,  State.OPEN,    TransitionCause.NEVER_CONNECTED,   _is_live,          State.CLOSED,  end_chat(EndReason.NEVER_CONNECTED)),
    Transition(3,  State.OPEN,    TransitionCause.CUSTOMER_SILENT,   _chain_closes,     State.CLOSED,  _end_silent),
    Transition(3,  State.OPEN,    TransitionCause.CUSTOMER_IDLE_TOO_LONG,     always,            State.CLOSED,  end_by_participant_timer),
    Transition(4,  State.OPEN,    TransitionCause.OPEN_TOO_LONG,     always,            State.CLOSED,  end_chat(EndReason.OPEN_TOO_LONG)),
    Transition(5,  State.ACTIVE,  TransitionCause.AGENT_ENDS,        always,            State.WRAP_UP, end_by_agent),
    Transition(6,  State.ACTIVE,  TransitionCause.CUSTOMER_ENDS,     _customer_may_end, State.WRAP_UP, end_chat(EndReason.CUSTOMER_ENDED)),
    Transition(7,  State.ACTIVE,  TransitionCause.CUSTOMER_LOST,     _is_live,          State.WRAP_UP, end_chat(EndReason.CUSTOMER_LOST)),
    Transition(7,  State.ACTIVE,  TransitionCause.NEVER_CONNECTED,   _is_live,          State.WRAP_UP, end_chat(EndReason.NEVER_CONNECTED)),
    Transition(7,  State.ACTIVE,  TransitionCause.CUSTOMER_SILENT,   _chain_closes,     State.WRAP_UP, _end_silent),
    Transition(7,  State.ACTIVE,  TransitionCause.CUSTOMER_IDLE_TOO_LONG,     always,            State.WRAP_UP, end_by_participant_timer),
    Transition(7,  State.ACTIVE,  TransitionCause.AGENT_IDLE_TOO_LONG,        always,            State.WRAP_UP, end_by_participant_timer),
    Transition(8,  State.ACTIVE,  TransitionCause.AGENT_LOST,        always,            State.OPEN,    _requeue_lost),
    Transition(8,  State.ACTIVE,  TransitionCause.ASSIGNED_AGENT_ABSENT,      always,            State.OPEN,    _requeue_lost),
    Transition(9,  State.ACTIVE,  TransitionCause.RELEASED,          always,            State.OPEN,    _requeue_released),
    Transition(9,  State.ACTIVE,  TransitionCause.AGENT_SILENT,      _chain_releases,   State.OPEN,    _requeue_silent),
    Transition(9,  State.ACTIVE,  TransitionCause.TRANSFERRED_TO_QUEUE,       always,            State.OPEN,    transfer),
    Transition(9,  State.ACTIVE,  TransitionCause.TRANSFERRED_TO_AGENT,       always,            State.ACTIVE,  transfer),
    Transition(10, State.ACTIVE,  TransitionCause.PARKED,            is_persistent,     State.WAITING, park),
    Transition(11, State.WAITING, TransitionCause.CUSTOMER_RETURNED, always,            State.OPEN,    queue_returned),
    Transition(12, State.WAITING, TransitionCause.RESUMED,           always,            State.ACTIVE,  resume),
    Transition(12, State.WAITING, TransitionCause.ASSIGNED,          always,            State.ACTIVE,  assign),
    Transition(13, State.WAITING, TransitionCause.WAITED_TOO_LONG,   always,            State.CLOSED,  end_chat(EndReason.WAITED_TOO_LONG)),
    Transition(13, State.WAITING, TransitionCause.CUSTOMER_SILENT,   _chain_closes,     State.CLOSED,  _end_silent),
    Transition(13, State.WAITING, TransitionCause.CUSTOMER_ENDS,     _customer_may_end, State.CLOSED,  end_chat(EndReason.CUSTOMER_ENDED)),
    Transition(14, State.WRAP_UP, TransitionCause.CLOSED,            _no_survey,        State.CLOSED,  close),
    Transition(14, State.WRAP_UP, TransitionCause.WRAP_UP_OVER,      _no_survey,        State.CLOSED,  close),
    Transition(14, State.WRAP_UP, TransitionCause.CLOSED,            _survey,           State.WRAP_UP, finish_agent_wrap_up),
    Transition(14, State.WRAP_UP, TransitionCause.WRAP_UP_OVER,      _survey,           State.WRAP_UP, finish_agent_wrap_up),
    Transition(14, State.WRAP_UP, TransitionCause.SURVEY_OVER,       _survey,           State.WRAP_UP, end_chat(EndReason.AGENT_ENDED)),
    Transition(14, State.WRAP_UP, TransitionCause.SURVEY_OVER,       _survey_only,      State.CLOSED,  end_chat(EndReason.AGENT_ENDED)),
    Transition(14, State.WRAP_UP, TransitionCause.CUSTOMER_ENDS,     _survey,           State.WRAP_UP, end_chat(EndReason.CUSTOMER_ENDED)),
    Transition(14, State.WRAP_UP, TransitionCause.CUSTOMER_ENDS,     _survey_only,      State.CLOSED,  end_chat(EndReason.CUSTOMER_ENDED)),
    Transition(15, State.WRAP_UP, TransitionCause.STOPPED,           _survey,           State.WRAP_UP, stop_chat),
    Transition(15, State.WRAP_UP, TransitionCause.STOPPED,           _survey_only,      State.CLOSED,  stop_chat),
    Transition(15, State.OPEN,    TransitionCause.STOPPED,           always,            State.CLOSED,  stop_chat),
    Transition(15, State.ACTIVE,  TransitionCause.STOPPED,           always,            State.WRAP_UP, stop_chat),
    Transition(15, State.WAITING, TransitionCause.STOPPED,           always,            State.CLOSED,  stop_chat),
    Transition(15, State.OPEN,    TransitionCause.DURATION_REACHED,  always,            State.CLOSED,  end_chat(EndReason.DURATION_REACHED)),
    Transition(15, State.ACTIVE,  TransitionCause.DURATION_REACHED,  always,            State.WRAP_UP, end_chat(EndReason.DURATION_REACHED)),
    Transition(15, State.WAITING, TransitionCause.DURATION_REACHED,  always,            State.CLOSED,  end_chat(EndReason.DURATION_REACHED)),
)  # fmt: skip
"""All transitions. For one source and trigger at most one row applies."""
