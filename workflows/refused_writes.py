"""How a run goes on after a write that the store can never take: only what causes it is refused, all else is kept.

A round decides on many events at once. After a refused write the run decides on them once more, one by one, and the deadlines
before each of them apart. So it finds the event that the store cannot take, drops it, and tells its sender or the operators. When
the run's own effects are refused, its texts are dropped. The change of the state, events and notices are kept.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from domain.events import AnyEvent, instant_of
from domain.refusals import Refusal, RefusalCode, refusal
from domain.transcript import ItemType
from workflows.contract import CommandResult
from workflows.decision import Decision
from workflows.machine import catch_up
from workflows.rounds import Round, decide_entries
from workflows.signal_handlers import PendingCommand
from workflows.state import ConversationState
from workflows.state_parts import DecidedCommand


def decide_first_alone(
    state: ConversationState, inbox: Collection[tuple[AnyEvent, PendingCommand | None]], now: datetime
) -> Round:
    """Decide on the first event of the inbox alone or, when deadlines precede it, on those alone."""
    first = next(iter(inbox))
    caught_up = catch_up(state, instant_of(first[0], now))
    return Round(caught_up) if caught_up.state is not state else decide_entries(state, (first,), now)


def without_event(state: ConversationState, event: AnyEvent, pending: PendingCommand | None, cause: Refusal) -> Round:
    """The round that replaces one with a single event: the event is refused, and nothing else changes."""
    state = state.with_refusal(event.kind, cause, state.clock)
    if pending is None:
        return Round(Decision(state), entries=1, signalled=1)
    decided = DecidedCommand(id=pending.id, refused=cause, state=state.state)
    result = CommandResult(refused=cause, state=state.state)
    return Round(Decision(state.with_decided_command(decided)), entries=1, results=((pending, result),))


def without_messages(refused: Round, cause: Refusal) -> Round:
    """The round that replaces one that decided on no event: its effects without the messages, and the refusal."""
    decision = refused.decision
    kept = tuple(item for item in decision.items if item.type is not ItemType.MESSAGE)
    state = decision.state.with_refusal("automated message", cause, decision.state.clock)
    return Round(Decision(state, kept, notices=decision.notices, absent=decision.absent))


def not_storable(cause: str) -> Refusal:
    """The refusal of what the store can never take."""
    return refusal(RefusalCode.NOT_STORABLE, cause=cause)
