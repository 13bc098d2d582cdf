"""The decision to continue as new does not depend on which events arrive in one activation."""

from __future__ import annotations

from datetime import timedelta
from itertools import product

import pytest

from domain.events import AnyEvent, End, Message
from tests.workflows.simulated_chat import SECOND, START
from workflows.rules_version import RULES_VERSION
from workflows.run_length import EVENTS_PER_WRITE, QUIET, RunLength

AFTER = [None, timedelta(0), QUIET / 2, QUIET, 10 * SECOND]
"""Instants of two events after the last one; None: an event without an instant."""


def is_reached(length: RunLength, signals: int, *inbox: AnyEvent) -> bool:
    return length.is_reached(RULES_VERSION, signals=signals, size=0, inbox=inbox, clock=START)


@pytest.mark.parametrize("limit", [1, 3, 8, 9, 16, 40, 100])
@pytest.mark.parametrize(("first_after", "second_after"), list(product(AFTER, AFTER)))
def test_task_without_commands_may_be_joined_with_the_next(
    limit: int, first_after: timedelta | None, second_after: timedelta | None
) -> None:
    first = End(at=START + first_after if first_after is not None else None)
    second = Message(content="x", at=START + second_after if second_after is not None else None)
    apart, joined = RunLength(limit, START), RunLength(limit, START)
    apart.writes = joined.writes = 1
    apart.rounds = 2
    joined.rounds = 1
    apart.add_decided([first])
    assert is_reached(apart, 2, second) == is_reached(joined, 2, first, second)


def test_history_is_long_after_its_limit_and_in_a_quiet_moment_after_a_quarter() -> None:
    length = RunLength(4 * (EVENTS_PER_WRITE + 1), START)
    length.writes = 1
    busy, quiet = Message(content="x", at=START), Message(content="x", at=START + QUIET)
    assert (is_reached(length, 1, busy), is_reached(length, 1, quiet), is_reached(length, 1)) == (False, True, True)
    length.writes = 4
    assert (is_reached(length, 3, busy), is_reached(length, 4, busy)) == (False, True)
