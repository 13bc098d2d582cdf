"""Random conversations through the pure machine. All invariants are checked after each step.

By default every run draws the same examples. `MACHINE_EXAMPLES=50000` draws that many random ones instead.
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
from tests.workflows.random_steps import HoursAnswer, Step, hours_answers, policies, steps
from tests.workflows.simulated_chat import new_state

pytestmark = pytest.mark.slow

RANDOM_EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "0"))
settings.register_profile(
    "machine",
    max_examples=RANDOM_EXAMPLES or 1_000,
    derandomize=not RANDOM_EXAMPLES,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

policies_by_mode = st.sampled_from(list(Mode)).flatmap(lambda mode: st.tuples(st.just(mode), policies(mode)))


@pytest.mark.timeout(3_600 if RANDOM_EXAMPLES else 600)
@settings(settings.get_profile("machine"))
@given(mode_and_policy=policies_by_mode, hours_answers=hours_answers, steps=steps("c"))
def test_random_events_keep_all_invariants(
    mode_and_policy: tuple[Mode, dict[str, Any]], hours_answers: list[HoursAnswer], steps: list[Step]
) -> None:
    mode, policy = mode_and_policy
    model = Model(new_state(mode, **policy), hours_answers)
    for step in steps:
        model.run(step)
    model.complete_batch()
    assert_can_be_closed(model)


def assert_can_be_closed(model: Model) -> None:
    """Assert that an operator can end the conversation and then close it."""
    if not model.state.ended:
        assert model.decide(End(by="kim")).refused is None
        model.complete_batch()
    if model.state.state is State.WRAP_UP:
        assert model.decide(Close(by="kim")).refused is None
        model.complete_batch()
    assert model.state.state is State.CLOSED
