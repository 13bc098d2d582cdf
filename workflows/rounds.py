"""One round of the loop of a conversation: the decisions on the events at the head of the inbox."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from domain.audit import OperatorSignal
from domain.events import (
    BY_ENGINE,
    AnyEvent,
    Connect,
    Disconnect,
    MakeOffer,
    Message,
    OpeningHours,
    QueuePosition,
    WithdrawOffer,
    instant_of,
)
from workflows.contract import CommandResult
from workflows.decision import Decision
from workflows.machine import decide
from workflows.signal_handlers import PendingCommand
from workflows.state import ConversationState
from workflows.state_parts import DecidedCommand

ROUND_ENTRIES = 500
"""The most entries of the inbox that one round decides on, so that no workflow task takes long. Since version 5 of the rules."""

SIGNALLED = (Connect, Disconnect, MakeOffer, WithdrawOffer, QueuePosition, OpeningHours)
"""The events, beside messages, that the product itself sends as signals. All others it sends as commands."""

CANCELLATION = "cancellation"
"""The sender of the end that follows from a request to cancel the workflow, and the id of that command."""

COMMIT_ITEMS = 50
COMMIT_BYTES = 500_000
"""A commit takes no more events once it has this many items or bytes of JSON; Temporal refuses payloads above 2 MB."""


class Round(NamedTuple):
    """What a round has decided.

    Attributes:
        decision: the effects, and the state after them.
        entries: how many entries of the inbox it has decided on.
        signalled: how many of them are signalled events; the others are commands.
        results: the results of the commands.
        operator_signals: the operators' signals among the events.
    """

    decision: Decision
    entries: int = 0
    signalled: int = 0
    results: tuple[tuple[PendingCommand, CommandResult], ...] = ()
    operator_signals: tuple[OperatorSignal, ...] = ()


def decide_entries(
    state: ConversationState, inbox: Iterable[tuple[AnyEvent, PendingCommand | None]], now: datetime
) -> Round:
    """Decide on the events at the head of the inbox, in their order, until the commit is full. The inbox stays as it is.

    A command that was decided before gets its result once more.
    """
    batch, size, signalled, entries = Decision(state), 0, 0, 0
    results: list[tuple[PendingCommand, CommandResult]] = []
    operator_signals: list[OperatorSignal] = []
    for event, pending in inbox:
        if len(batch.items) >= COMMIT_ITEMS or size >= COMMIT_BYTES:
            break
        if entries >= ROUND_ENTRIES and state.rules_version >= 5:
            break
        entries += 1
        if pending and (known := batch.state.decided_command(pending.id)):
            results.append((pending, CommandResult(refused=known.refused, state=known.state)))
            continue
        decision = decide(batch.state, event, now)
        if is_from_operator(event, pending):
            operator_signals.append(_operator_signal(batch.state, event, now, refused=decision.refused is not None))
        size += sum(len(item.model_dump_json()) for item in decision.items)
        if pending:
            decided = DecidedCommand(id=pending.id, refused=decision.refused, state=decision.state.state)
            results.append((pending, CommandResult(refused=decided.refused, state=decided.state)))
            decision = decision._replace(state=decision.state.with_decided_command(decided))
        else:
            signalled += 1
        batch = batch.followed_by(decision)
    return Round(batch, entries, signalled, tuple(results), tuple(operator_signals))


def is_from_operator(event: AnyEvent, pending: PendingCommand | None) -> bool:
    """Whether a person has sent an event, as a signal or as a request to cancel. The product sends other events as signals."""
    if pending is not None:
        return event.by == CANCELLATION
    if isinstance(event, Message):
        return event.id is None
    return not isinstance(event, SIGNALLED) and event.by != BY_ENGINE


def _operator_signal(state: ConversationState, event: AnyEvent, now: datetime, *, refused: bool) -> OperatorSignal:
    return OperatorSignal(
        instance=state.instance,
        contact_id=state.contact_id,
        kind=event.kind,
        by=event.by,
        at=instant_of(event, now),
        refused=refused,
    )
