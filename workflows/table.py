"""The table of state changes, numbered as in the project's design: what leads from where to where, and when it applies."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from workflows.changes import (
    Action,
    accept,
    agent_ends,
    agent_is_done,
    close,
    disconnects_others,
    ends,
    hand_on,
    park,
    requeue,
    returned,
    seat_agent,
    take_up,
)
from workflows.policy import IdleAction
from workflows.silence import last_words, step_is
from workflows.state import ConversationState
from workflows.timers import Timer
from workflows.values import EndReason, Mode, Role, State


class Trigger(StrEnum):
    """What can move a conversation from one state to another."""

    ASSIGNED = "assign"
    ACCEPTED = "accept"
    TRANSFERRED = "transfer to a queue"
    HANDED_OVER = "transfer to an agent"
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
    OPEN_TOO_LONG = Timer.OPEN_AGE
    WAITED_TOO_LONG = Timer.WAITING
    DURATION_REACHED = Timer.DURATION
    WRAP_UP_OVER = Timer.WRAP_UP
    SURVEY_OVER = Timer.SURVEY
    CUSTOMER_SILENT = Timer.CUSTOMER_SILENT
    AGENT_SILENT = Timer.AGENT_SILENT
    CUSTOMER_IDLE = Timer.CUSTOMER_DISCONNECT
    AGENT_IDLE = Timer.AGENT_DISCONNECT


class Row(NamedTuple):
    """One line of the table of state changes."""

    number: int
    source: State
    trigger: Trigger
    applies: Callable[[ConversationState], bool]
    target: State
    action: Action


def always(_: ConversationState) -> bool:
    """Whatever the situation."""
    return True


def _live(state: ConversationState) -> bool:
    return state.mode is Mode.LIVE


def is_persistent(state: ConversationState) -> bool:
    """In persistent mode only."""
    return state.mode is Mode.PERSISTENT


def _may_end(state: ConversationState) -> bool:
    return state.policy.customer_may_end


def _no_survey(state: ConversationState) -> bool:
    return not state.surveying


def _survey(state: ConversationState) -> bool:
    return state.surveying and state.agent_done_at is None


def _survey_last(state: ConversationState) -> bool:
    """The survey is all that is still open."""
    return state.surveying and state.agent_done_at is not None


def _parked(state: ConversationState) -> bool:
    return state.parked_by is not None


_chain_closes = step_is(Role.CUSTOMER, IdleAction.CLOSE)
_chain_releases = step_is(Role.AGENT, IdleAction.RELEASE)


def _says_and(role: Role, action: Action) -> Action:
    """The last step of a chain of idle rules: its text, then what it does."""
    return lambda state, event: last_words(state, role).then(lambda s: action(s, event))


_lost_agent = requeue(EndReason.AGENT_LOST, "agent_disconnected")
_silent_customer = _says_and(Role.CUSTOMER, ends(EndReason.CUSTOMER_SILENT))
_silent_agent = _says_and(Role.AGENT, requeue(EndReason.RELEASED, "released"))

TABLE = (
    #   no.  from           on                        applies          to             and then
    Row(2,  State.OPEN,    Trigger.ASSIGNED,          always,          State.ACTIVE,  seat_agent),
    Row(2,  State.OPEN,    Trigger.ACCEPTED,          always,          State.ACTIVE,  accept),
    Row(2,  State.OPEN,    Trigger.RESUMED,           _parked,         State.ACTIVE,  take_up),
    Row(3,  State.OPEN,    Trigger.CUSTOMER_ENDS,     _may_end,        State.CLOSED,  ends(EndReason.CUSTOMER_ENDED)),
    Row(3,  State.OPEN,    Trigger.CUSTOMER_LOST,     _live,           State.CLOSED,  ends(EndReason.CUSTOMER_LOST)),
    Row(3,  State.OPEN,    Trigger.NEVER_CONNECTED,   _live,           State.CLOSED,  ends(EndReason.NEVER_CONNECTED)),
    Row(3,  State.OPEN,    Trigger.CUSTOMER_SILENT,   _chain_closes,   State.CLOSED,  _silent_customer),
    Row(3,  State.OPEN,    Trigger.CUSTOMER_IDLE,     always,          State.CLOSED,  disconnects_others),
    Row(4,  State.OPEN,    Trigger.OPEN_TOO_LONG,     always,          State.CLOSED,  ends(EndReason.OPEN_TOO_LONG)),
    Row(5,  State.ACTIVE,  Trigger.AGENT_ENDS,        always,          State.WRAP_UP, agent_ends),
    Row(6,  State.ACTIVE,  Trigger.CUSTOMER_ENDS,     _may_end,        State.WRAP_UP, ends(EndReason.CUSTOMER_ENDED)),
    Row(7,  State.ACTIVE,  Trigger.CUSTOMER_LOST,     _live,           State.WRAP_UP, ends(EndReason.CUSTOMER_LOST)),
    Row(7,  State.ACTIVE,  Trigger.NEVER_CONNECTED,   _live,           State.WRAP_UP, ends(EndReason.NEVER_CONNECTED)),
    Row(7,  State.ACTIVE,  Trigger.CUSTOMER_SILENT,   _chain_closes,   State.WRAP_UP, _silent_customer),
    Row(7,  State.ACTIVE,  Trigger.CUSTOMER_IDLE,     always,          State.WRAP_UP, disconnects_others),
    Row(7,  State.ACTIVE,  Trigger.AGENT_IDLE,        always,          State.WRAP_UP, disconnects_others),
    Row(8,  State.ACTIVE,  Trigger.AGENT_LOST,        always,          State.OPEN,    _lost_agent),
    Row(9,  State.ACTIVE,  Trigger.RELEASED,          always,          State.OPEN,    requeue(EndReason.RELEASED, "released")),
    Row(9,  State.ACTIVE,  Trigger.AGENT_SILENT,      _chain_releases, State.OPEN,    _silent_agent),
    Row(9,  State.ACTIVE,  Trigger.TRANSFERRED,       always,          State.OPEN,    hand_on),
    Row(9,  State.ACTIVE,  Trigger.HANDED_OVER,       always,          State.ACTIVE,  hand_on),
    Row(10, State.ACTIVE,  Trigger.PARKED,            is_persistent,   State.WAITING, park),
    Row(11, State.WAITING, Trigger.CUSTOMER_RETURNED, always,          State.OPEN,    returned),
    Row(12, State.WAITING, Trigger.RESUMED,           always,          State.ACTIVE,  take_up),
    Row(12, State.WAITING, Trigger.ASSIGNED,          always,          State.ACTIVE,  seat_agent),
    Row(13, State.WAITING, Trigger.WAITED_TOO_LONG,   always,          State.CLOSED,  ends(EndReason.WAITED_TOO_LONG)),
    Row(13, State.WAITING, Trigger.CUSTOMER_SILENT,   _chain_closes,   State.CLOSED,  _silent_customer),
    Row(13, State.WAITING, Trigger.CUSTOMER_ENDS,     _may_end,        State.CLOSED,  ends(EndReason.CUSTOMER_ENDED)),
    Row(14, State.WRAP_UP, Trigger.CLOSED,            _no_survey,      State.CLOSED,  close),
    Row(14, State.WRAP_UP, Trigger.WRAP_UP_OVER,      _no_survey,      State.CLOSED,  close),
    Row(14, State.WRAP_UP, Trigger.CLOSED,            _survey,         State.WRAP_UP, agent_is_done),
    Row(14, State.WRAP_UP, Trigger.WRAP_UP_OVER,      _survey,         State.WRAP_UP, agent_is_done),
    Row(14, State.WRAP_UP, Trigger.SURVEY_OVER,       _survey,         State.WRAP_UP, ends(EndReason.AGENT_ENDED)),
    Row(14, State.WRAP_UP, Trigger.SURVEY_OVER,       _survey_last,    State.CLOSED,  ends(EndReason.AGENT_ENDED)),
    Row(14, State.WRAP_UP, Trigger.CUSTOMER_ENDS,     _survey,         State.WRAP_UP, ends(EndReason.CUSTOMER_ENDED)),
    Row(14, State.WRAP_UP, Trigger.CUSTOMER_ENDS,     _survey_last,    State.CLOSED,  ends(EndReason.CUSTOMER_ENDED)),
    Row(15, State.WRAP_UP, Trigger.STOPPED,           _survey,         State.WRAP_UP, ends(EndReason.STOPPED)),
    Row(15, State.WRAP_UP, Trigger.STOPPED,           _survey_last,    State.CLOSED,  ends(EndReason.STOPPED)),
    Row(15, State.OPEN,    Trigger.STOPPED,           always,          State.CLOSED,  ends(EndReason.STOPPED)),
    Row(15, State.ACTIVE,  Trigger.STOPPED,           always,          State.WRAP_UP, ends(EndReason.STOPPED)),
    Row(15, State.WAITING, Trigger.STOPPED,           always,          State.CLOSED,  ends(EndReason.STOPPED)),
    Row(15, State.OPEN,    Trigger.DURATION_REACHED,  always,          State.CLOSED,  ends(EndReason.DURATION_REACHED)),
    Row(15, State.ACTIVE,  Trigger.DURATION_REACHED,  always,          State.WRAP_UP, ends(EndReason.DURATION_REACHED)),
    Row(15, State.WAITING, Trigger.DURATION_REACHED,  always,          State.CLOSED,  ends(EndReason.DURATION_REACHED)),
)  # fmt: skip
"""Every change of state."""
