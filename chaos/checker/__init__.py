"""The checker: decides from the journal of the people and from the evidence of a run what was not as promised."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from chaos.checker import archive, board, engine, events, liveness, messages, presence, processes, sockets, timers
from chaos.checker.evidence import Breach, Evidence
from chaos.journal import Journal

Check = Callable[[Journal, Evidence], Iterator[Breach]]

CHECKS: tuple[Check, ...] = (
    messages.check_messages,
    messages.check_transcripts,
    messages.check_pasts,
    events.check_feed,
    events.check_webhook,
    sockets.check_sockets,
    sockets.check_desks,
    timers.check_lost_customers,
    timers.check_silent_customers,
    timers.check_wrap_ups,
    presence.check_presence,
    liveness.check_liveness,
    engine.check_engine,
    engine.check_tasks,
    board.check_board,
    archive.check_archive,
    processes.check_processes,
)


def check(journal: Journal, evidence: Evidence) -> list[Breach]:
    """All differences that the checks find."""
    return [difference for each in CHECKS for difference in each(journal, evidence)]
