"""Random conversations through the pure machine, with everything checked after each step that must always hold.

By default the same examples are drawn at every run. `MACHINE_EXAMPLES=50000` explores that many others at random.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.conversation import Mode, State
from domain.events import Close, End
from tests.workflows.model import Model
from tests.workflows.steps import Doors, Step, doors, policies, steps
from tests.workflows.story import fresh

EXPLORING = int(os.environ.get("MACHINE_EXAMPLES", "0"))
settings.register_profile(
    "machine",
    max_examples=EXPLORING or 2_000,
    derandomize=not EXPLORING,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

situations = st.sampled_from(list(Mode)).flatmap(lambda mode: st.tuples(st.just(mode), policies(mode)))


@pytest.mark.timeout(3_600 if EXPLORING else 600)
@settings(settings.get_profile("machine"))
@given(situation=situations, doors=doors, steps=steps("c"))
def test_whatever_happens(situation: tuple[Mode, dict[str, Any]], doors: list[Doors], steps: list[Step]) -> None:
    mode, policy = situation
    model = Model(fresh(mode, **policy), doors)
    for step in steps:
        model.take(step)
    model.settle()
    comes_to_an_end(model)


def comes_to_an_end(model: Model) -> None:
    """Whatever has happened, an operator can stop it, and then close it."""
    if not model.state.ended:
        assert model.decide(End(by="kim")).refused is None
        model.settle()
    if model.state.state is State.WRAP_UP:
        assert model.decide(Close(by="kim")).refused is None
        model.settle()
    assert model.state.state is State.CLOSED
