"""What a conversation counts. The SDK's meter counts nothing in a replay, and changes no history."""

from __future__ import annotations

from temporalio import workflow

from workflows.state import ConversationState
from workflows.timers import Deadline

TIMERS, REFUSALS = "perennial_timers_fired", "perennial_refusals"
"""The names of the metrics, without the ending `_total`."""


def count_timer(deadline: Deadline) -> None:
    """Count a timer whose deadline has passed."""
    counter = workflow.metric_meter().create_counter(TIMERS, "Timers of conversations whose deadline has passed.")
    counter.add(1, {"timer": deadline.timer})


def count_refusals(state: ConversationState, new: int) -> None:
    """Count the latest refusals of signals, commands and timers. The state keeps only some of them.

    Args:
        state: the state that records the refusals.
        new: how many of them are new. Not positive after the conversation has taken over another state.
    """
    if new <= 0:
        return
    counter = workflow.metric_meter().create_counter(REFUSALS, "Refused signals, commands and timers.")
    for recorded in state.refusals[-new:]:
        counter.add(1, {"code": recorded.code})
