"""All timers of a conversation as a table: in which states each runs, from which instant, and for how long.

Deadlines are derived from absolute instants of the state, so continue-as-new carries no timers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from domain.conversation import Mode, State
from domain.participants import ParticipantPresence, ParticipantTimer, Role
from workflows.idle_rules import silence_limit, silent_since
from workflows.participant_timers import disconnect_since, idle_limit, inactive_since
from workflows.state import ConversationState
from workflows.state_parts import DroppedDeadline, TrackedParticipant


class Timer(StrEnum):
    """The timers. The value is the name that operators read beside the deadline."""

    CONNECT = "customer must connect"
    RECONNECT = "reconnect window"
    OPEN_AGE = "open too long"
    DURATION = "chat duration"
    WRAP_UP = "wrap-up"
    SURVEY = "survey"
    WAITING = "waiting too long"
    AGENT_GRACE = "agent must return"
    ASSIGNED = "assigned agent must connect"
    HOURS = "opening hours change"
    OFFER = "offer must be accepted"
    CUSTOMER_SILENT = "customer silent"
    AGENT_SILENT = "agent silent"
    CUSTOMER_IDLE = "customer idle"
    AGENT_IDLE = "agent idle"
    CUSTOMER_DISCONNECT = "customer idle too long"
    AGENT_DISCONNECT = "agent idle too long"


@dataclass(frozen=True)
class TimerRule:
    """`timer` runs in `states` of `modes` if `since` returns an instant, and ends `limit` later. None means that it does not run."""

    timer: Timer
    modes: frozenset[Mode]
    states: frozenset[State]
    since: Callable[[ConversationState], datetime | None]
    limit: Callable[[ConversationState], timedelta | None]


class Deadline(NamedTuple):
    """The instant at which a timer ends. The earliest comes first; equal ones come in the order of `TIMER_RULES`."""

    due: datetime
    order: int
    timer: Timer


_ANY = frozenset(Mode)
_LIVE = frozenset({Mode.LIVE})
_PERSISTENT = frozenset({Mode.PERSISTENT})
_OPEN = frozenset({State.OPEN})
_ACTIVE = frozenset({State.ACTIVE})
_TALKING = frozenset({State.OPEN, State.ACTIVE})
_WAITING = frozenset({State.WAITING})
_NOT_ENDED = frozenset({State.OPEN, State.ACTIVE, State.WAITING})
_WRAP_UP = frozenset({State.WRAP_UP})
_CUSTOMER, _AGENT = Role.CUSTOMER, Role.AGENT
_DISCONNECT = ParticipantTimer.DISCONNECT_NONCUSTOMER
_IMMEDIATELY = timedelta(0)

MAX_LIMIT = timedelta(days=365_000)
"""A timer with this limit or a longer one does not run: its deadline would be after the last instant of the calendar."""


def _customer_awaited(state: ConversationState) -> datetime | None:
    return state.started_at if state.customer.presence is ParticipantPresence.AWAITED else None


def _customer_away(state: ConversationState) -> datetime | None:
    return state.customer.since if state.customer.presence is ParticipantPresence.AWAY else None


def _agent_away(state: ConversationState) -> datetime | None:
    """The beginning of the agent's absence. An agent who accepted and has not connected is away since the assignment."""
    if state.agent and state.agent.presence is ParticipantPresence.AWAITED and state.agent_accepted:
        return state.agent_since
    return state.agent.since if state.agent and state.agent.presence is ParticipantPresence.AWAY else None


def _assigned_agent_awaited(state: ConversationState) -> datetime | None:
    """The assignment of an agent who did not take the conversation and has not connected. Since version 4 of the rules."""
    if state.rules_version < 4 or state.agent is None or state.agent_accepted:
        return None
    return state.agent_since if state.agent.presence is ParticipantPresence.AWAITED else None


def _queued(state: ConversationState) -> datetime | None:
    """The beginning of the wait. While its queue is closed, a live chat does not age, because the customer knows the opening."""
    if state.mode is Mode.LIVE and state.queue_closed:
        return None
    opened_at = state.hours.opened_at if state.hours and state.mode is Mode.LIVE else None
    return max(state.since, opened_at) if opened_at else state.since


def _last_activity(state: ConversationState) -> datetime:
    return max(state.since, state.last_message_at) if state.last_message_at else state.since


def _agent_wraps_up(state: ConversationState) -> datetime | None:
    return state.since if state.agent_done_at is None else None


def _survey_open(state: ConversationState) -> datetime | None:
    return (state.survey_since or state.since) if state.survey_open else None


TIMER_RULES = (
    #         timer                      modes        states      since                                    limit
    TimerRule(Timer.CONNECT,             _ANY,        _TALKING,   _customer_awaited,                       lambda s: s.policy.connect_within),
    TimerRule(Timer.RECONNECT,           _LIVE,       _TALKING,   _customer_away,                          lambda s: s.policy.reconnect_window),
    TimerRule(Timer.OPEN_AGE,            _ANY,        _OPEN,      _queued,                                 lambda s: s.policy.open_age),
    TimerRule(Timer.DURATION,            _ANY,        _NOT_ENDED, lambda s: s.started_at,                  lambda s: s.policy.duration),
    TimerRule(Timer.SURVEY,              _ANY,        _WRAP_UP,   _survey_open,                            lambda s: s.policy.survey.deadline if s.policy.survey else None),
    TimerRule(Timer.WRAP_UP,             _ANY,        _WRAP_UP,   _agent_wraps_up,                         lambda s: s.policy.wrap_up),
    TimerRule(Timer.WAITING,             _PERSISTENT, _WAITING,   _last_activity,                          lambda s: s.policy.waiting_period),
    TimerRule(Timer.AGENT_GRACE,         _ANY,        _ACTIVE,    _agent_away,                             lambda s: s.policy.agent_grace),
    TimerRule(Timer.HOURS,               _ANY,        _OPEN,      lambda s: s.hours.until if s.hours else None, lambda s: _IMMEDIATELY),
    TimerRule(Timer.OFFER,               _ANY,        _OPEN,      lambda s: s.offer.until if s.offer else None, lambda s: _IMMEDIATELY),
    TimerRule(Timer.CUSTOMER_SILENT,     _ANY,        _NOT_ENDED, lambda s: silent_since(s, _CUSTOMER),     lambda s: silence_limit(s, _CUSTOMER)),
    TimerRule(Timer.AGENT_SILENT,        _ANY,        _ACTIVE,    lambda s: silent_since(s, _AGENT),        lambda s: silence_limit(s, _AGENT)),
    TimerRule(Timer.CUSTOMER_IDLE,       _ANY,        _TALKING,   lambda s: inactive_since(s, _CUSTOMER),   lambda s: idle_limit(s, _CUSTOMER)),
    TimerRule(Timer.AGENT_IDLE,          _ANY,        _ACTIVE,    lambda s: inactive_since(s, _AGENT),      lambda s: idle_limit(s, _AGENT)),
    TimerRule(Timer.CUSTOMER_DISCONNECT, _ANY,        _TALKING,   lambda s: disconnect_since(s, _CUSTOMER), lambda s: s.participant_timer(_CUSTOMER, _DISCONNECT)),
    TimerRule(Timer.AGENT_DISCONNECT,    _ANY,        _ACTIVE,    lambda s: disconnect_since(s, _AGENT),    lambda s: s.participant_timer(_AGENT, _DISCONNECT)),
    TimerRule(Timer.ASSIGNED,            _ANY,        _ACTIVE,    _assigned_agent_awaited,                 lambda s: s.policy.assigned_within),
)  # fmt: skip


def absent_for(state: ConversationState, timer: Timer) -> TrackedParticipant | None:
    """The participant whose absence a timer limits. Since version 4 of the rules the store confirms it, see `Commit.absent`."""
    if state.rules_version < 4:
        return None
    if timer in (Timer.CONNECT, Timer.RECONNECT):
        return state.customer
    return state.agent if timer in (Timer.AGENT_GRACE, Timer.ASSIGNED) else None


def deadlines(state: ConversationState) -> list[Deadline]:
    """The deadlines of the timers that run in this state, the earliest first. Dropped deadlines do not count."""
    running = [
        Deadline(since + limit, order, rule.timer)
        for order, rule in enumerate(TIMER_RULES)
        if state.mode in rule.modes and state.state in rule.states
        if (since := rule.since(state)) is not None and (limit := rule.limit(state)) is not None and limit < MAX_LIMIT
    ]
    if state.dropped_deadlines:
        running = [deadline for deadline in running if _dropped(deadline) not in state.dropped_deadlines]
    return sorted(running)


def next_deadline(state: ConversationState) -> Deadline | None:
    """The earliest deadline of this state; None when no timer runs."""
    return next(iter(deadlines(state)), None)


def drop_deadline(state: ConversationState, deadline: Deadline) -> ConversationState:
    """Ignore a deadline from now on. The timer runs again as soon as it has another deadline."""
    return state.replace(dropped_deadlines=(*state.dropped_deadlines, _dropped(deadline))[-KEPT_DROPPED:])


KEPT_DROPPED = 20
"""How many dropped deadlines are kept."""


def _dropped(deadline: Deadline) -> DroppedDeadline:
    return DroppedDeadline(timer=deadline.timer, due=deadline.due)
