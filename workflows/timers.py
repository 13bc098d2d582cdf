"""Every timer of a conversation, as data: when it runs, from which instant, how long, and what its end means.

Deadlines are derived from the state's absolute instants, so they survive continue-as-new by themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from workflows.silence import counting_since, disconnect_since, idle_limit, silence_limit, silent_since
from workflows.state import ConversationState
from workflows.values import Mode, ParticipantTimer, Presence, Role, State


class Timer(StrEnum):
    """The timers by name; the name is also what an operator reads beside the deadline."""

    CONNECT = "customer must connect"
    RECONNECT = "reconnect window"
    OPEN_AGE = "open too long"
    DURATION = "chat duration"
    WRAP_UP = "wrap-up"
    SURVEY = "survey"
    WAITING = "waiting too long"
    AGENT_GRACE = "agent must return"
    HOURS = "opening hours change"
    OFFER = "offer must be accepted"
    CUSTOMER_SILENT = "customer silent"
    AGENT_SILENT = "agent silent"
    CUSTOMER_IDLE = "customer idle"
    AGENT_IDLE = "agent idle"
    CUSTOMER_DISCONNECT = "customer idle too long"
    AGENT_DISCONNECT = "agent idle too long"


@dataclass(frozen=True)
class Rule:
    """One line of the table: `timer` runs in `states` of `modes` while `clock` has begun, for `limit` from then on."""

    timer: Timer
    modes: frozenset[Mode]
    states: frozenset[State]
    clock: Callable[[ConversationState], datetime | None]
    limit: Callable[[ConversationState], timedelta | None]


class Deadline(NamedTuple):
    """The instant at which a timer ends. The earliest comes first; ties fall in the table's order."""

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
_UNENDED = frozenset({State.OPEN, State.ACTIVE, State.WAITING})
_WRAP_UP = frozenset({State.WRAP_UP})
_CUSTOMER, _AGENT = Role.CUSTOMER, Role.AGENT
_DISCONNECT = ParticipantTimer.DISCONNECT_NONCUSTOMER
_AT_ONCE = timedelta(0)

NEVER = timedelta(days=365_000)
"""A limit that is longer is none: calendars end."""


def _customer_awaited(state: ConversationState) -> datetime | None:
    return state.started_at if state.customer.presence is Presence.AWAITED else None


def _customer_away(state: ConversationState) -> datetime | None:
    return state.customer.since if state.customer.presence is Presence.AWAY else None


def _agent_away(state: ConversationState) -> datetime | None:
    """Who has taken it and does not come counts as one who has gone."""
    if state.agent and state.agent.presence is Presence.AWAITED and state.took_it:
        return state.seated_at
    return state.agent.since if state.agent and state.agent.presence is Presence.AWAY else None


def _in_queue(state: ConversationState) -> datetime | None:
    """A live chat does not grow old while its queue is closed: it has been told when that opens."""
    if state.mode is Mode.LIVE and state.closed_queue:
        return None
    opened_at = state.hours.opened_at if state.hours and state.mode is Mode.LIVE else None
    return max(state.since, opened_at) if opened_at else state.since


def _last_activity(state: ConversationState) -> datetime:
    return max(state.since, state.spoken_at) if state.spoken_at else state.since


def _agent_at_work(state: ConversationState) -> datetime | None:
    return state.since if state.agent_done_at is None else None


def _surveyed(state: ConversationState) -> datetime | None:
    return (state.survey_since or state.since) if state.surveying else None


RULES = (
    #    timer                      modes        states     since, if it runs                        limit
    Rule(Timer.CONNECT,             _ANY,        _TALKING,  _customer_awaited,                       lambda s: s.policy.connect_within),
    Rule(Timer.RECONNECT,           _LIVE,       _TALKING,  _customer_away,                          lambda s: s.policy.reconnect_window),
    Rule(Timer.OPEN_AGE,            _ANY,        _OPEN,     _in_queue,                               lambda s: s.policy.open_age),
    Rule(Timer.DURATION,            _ANY,        _UNENDED,  lambda s: s.started_at,                  lambda s: s.policy.duration),
    Rule(Timer.SURVEY,              _ANY,        _WRAP_UP,  _surveyed,                               lambda s: s.policy.survey.deadline if s.policy.survey else None),
    Rule(Timer.WRAP_UP,             _ANY,        _WRAP_UP,  _agent_at_work,                          lambda s: s.policy.wrap_up),
    Rule(Timer.WAITING,             _PERSISTENT, _WAITING,  _last_activity,                          lambda s: s.policy.waiting_period),
    Rule(Timer.AGENT_GRACE,         _ANY,        _ACTIVE,   _agent_away,                             lambda s: s.policy.agent_grace),
    Rule(Timer.HOURS,               _ANY,        _OPEN,     lambda s: s.hours.until if s.hours else None, lambda s: _AT_ONCE),
    Rule(Timer.OFFER,               _ANY,        _OPEN,     lambda s: s.offer.until if s.offer else None, lambda s: _AT_ONCE),
    Rule(Timer.CUSTOMER_SILENT,     _ANY,        _UNENDED,  lambda s: silent_since(s, _CUSTOMER),     lambda s: silence_limit(s, _CUSTOMER)),
    Rule(Timer.AGENT_SILENT,        _ANY,        _ACTIVE,   lambda s: silent_since(s, _AGENT),        lambda s: silence_limit(s, _AGENT)),
    Rule(Timer.CUSTOMER_IDLE,       _ANY,        _TALKING,  lambda s: counting_since(s, _CUSTOMER),   lambda s: idle_limit(s, _CUSTOMER)),
    Rule(Timer.AGENT_IDLE,          _ANY,        _ACTIVE,   lambda s: counting_since(s, _AGENT),      lambda s: idle_limit(s, _AGENT)),
    Rule(Timer.CUSTOMER_DISCONNECT, _ANY,        _TALKING,  lambda s: disconnect_since(s, _CUSTOMER), lambda s: s.participant_timer(_CUSTOMER, _DISCONNECT)),
    Rule(Timer.AGENT_DISCONNECT,    _ANY,        _ACTIVE,   lambda s: disconnect_since(s, _AGENT),    lambda s: s.participant_timer(_AGENT, _DISCONNECT)),
)  # fmt: skip


def deadlines(state: ConversationState) -> list[Deadline]:
    """The deadlines of the timers that run in this state, the earliest first."""
    running = (
        Deadline(since + limit, order, rule.timer)
        for order, rule in enumerate(RULES)
        if state.mode in rule.modes and state.state in rule.states
        if (since := rule.clock(state)) is not None and (limit := rule.limit(state)) is not None and limit < NEVER
    )
    return sorted(running)


def next_deadline(state: ConversationState) -> Deadline | None:
    """The earliest deadline of this state, or `None` when no timer runs."""
    return next(iter(deadlines(state)), None)
