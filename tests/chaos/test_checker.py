"""The checker finds nothing in a quiet run, and finds each thing that is changed in it."""

from __future__ import annotations

import pytest

from chaos.checker import check
from chaos.journal import Outcome
from tests.chaos.quiet_run import ENDED, OPEN, agent, placed, quiet_run
from tests.chaos.tampered_states import end_arrives_late
from tests.chaos.tampered_transcripts import lost
from tests.chaos.tamperings import TAMPERINGS, Tampering


def test_quiet_run_has_no_difference() -> None:
    assert check(*quiet_run()) == []


@pytest.mark.parametrize(("rule", "tamper"), TAMPERINGS, ids=[each.__name__ for _, each in TAMPERINGS])
def test_change_is_found(rule: str, tamper: Tampering) -> None:
    journal, evidence = quiet_run()
    tamper(journal, evidence)
    assert rule in {difference.rule for difference in check(journal, evidence)}


def test_accepted_message_that_is_lost_is_named() -> None:
    journal, evidence = quiet_run()
    lost(journal, evidence)
    [difference] = [each for each in check(journal, evidence) if each.rule == "lost message"]
    assert (difference.where, "first-line/1" in difference.what) == (ENDED, True)


def test_refused_message_may_be_recorded_or_not() -> None:
    journal, evidence = quiet_run()
    last = next(message for message in reversed(journal.messages) if message.chat == OPEN)
    last.outcome, last.id = Outcome.REFUSED, ""
    assert check(journal, evidence) == []


def test_fault_widens_the_bound_of_an_end() -> None:
    journal, evidence = quiet_run()
    end_arrives_late(journal, evidence)
    journal.faults[0].began = evidence.transcripts[ENDED][-1].at - 2
    journal.faults[0].lifted = journal.faults[0].began + 4
    assert check(journal, evidence) == []


def test_chat_that_a_busy_agent_could_take_may_wait() -> None:
    journal, evidence = quiet_run()
    board = evidence.boards[-1]
    board.routing.append(placed("another"))
    board.agents = [agent("a1"), agent("a2", status="away")]
    assert check(journal, evidence) == []


@pytest.mark.parametrize(("until", "is_found"), [(3.0, False), (1.0, True)])
def test_hold_that_ends_while_the_store_answers_is_no_overload(until: float, is_found: bool) -> None:
    journal, evidence = quiet_run()
    board = evidence.boards[-1]
    board.until = board.at + until
    board.routing.append(placed("wrapped-up", stage="wrap-up", holder="a1", holds_until=(board.at + 2) * 1000))
    assert ("board" in {difference.rule for difference in check(journal, evidence)}) == is_found
