"""Every timer of a conversation, as data: when it runs, from which instant, how long, and what its end means.

Deadlines are derived from the state's absolute instants, so they survive continue-as-new by themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from workflows.policy import Policy
from workflows.state import ConversationState
from workflows.values import Mode, Presence, State


class Timer(StrEnum):
    """The timers by name; the name is also what an operator reads beside the deadline."""

    CONNECT = "customer must connect"
    RECONNECT = "reconnect window"
    OPEN_AGE = "open too long"
    DURATION = "chat duration"
    WRAP_UP = "wrap-up"
    SURVEY = "survey"


@dataclass(frozen=True)
class Rule:
    """One line of the table: `timer` runs in `states` of `modes` while `when` holds, from `clock`, for `limit`."""

    timer: Timer
    modes: frozenset[Mode]
    states: frozenset[State]
    when: Callable[[ConversationState], bool]
    clock: Callable[[ConversationState], datetime]
    limit: Callable[[Policy], timedelta | None]


class Deadline(NamedTuple):
    """The instant at which a timer ends. The earliest comes first; ties fall in the table's order."""

    due: datetime
    order: int
    timer: Timer


_ANY = frozenset(Mode)
_LIVE = frozenset({Mode.LIVE})
_TALKING = frozenset({State.OPEN, State.ACTIVE})


def _always(_: ConversationState) -> bool:
    return True


def _customer_is(presence: Presence) -> Callable[[ConversationState], bool]:
    return lambda s: s.customer.presence is presence


RULES = (
    #    timer            modes  states                      while                            since                        limit
    Rule(Timer.CONNECT,   _LIVE, _TALKING,                   _customer_is(Presence.AWAITED),  lambda s: s.started_at,      lambda p: p.connect_within),
    Rule(Timer.RECONNECT, _LIVE, _TALKING,                   _customer_is(Presence.AWAY),     lambda s: s.customer.since,  lambda p: p.reconnect_window),
    Rule(Timer.OPEN_AGE,  _ANY,  frozenset({State.OPEN}),    _always,                         lambda s: s.since,           lambda p: p.open_age),
    Rule(Timer.DURATION,  _ANY,  _TALKING,                   _always,                         lambda s: s.started_at,      lambda p: p.duration),
    Rule(Timer.SURVEY,    _ANY,  frozenset({State.WRAP_UP}), lambda s: s.surveying,           lambda s: s.survey_since or s.since, lambda p: p.survey.deadline if p.survey else None),
    Rule(Timer.WRAP_UP,   _ANY,  frozenset({State.WRAP_UP}), lambda s: s.agent_done_at is None, lambda s: s.since,         lambda p: p.wrap_up),
)  # fmt: skip


def next_deadline(state: ConversationState) -> Deadline | None:
    """The earliest deadline of this state, or `None` when no timer runs."""
    running = (
        Deadline(rule.clock(state) + limit, order, rule.timer)
        for order, rule in enumerate(RULES)
        if state.mode in rule.modes and state.state in rule.states and rule.when(state)
        if (limit := rule.limit(state.policy)) is not None
    )
    return min(running, default=None)
