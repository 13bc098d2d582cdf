"""The log of what a conversation refuses: a line for each kind, as `runtime.log_limits` leaves out lines that repeat."""

from __future__ import annotations

import logging

from temporalio import workflow

from domain.refusals import RefusalCode
from workflows.state import ConversationState

INSTANCE = "perennial_instance"
"""The attribute of a line of the log that names the instance."""

logger = workflow.LoggerAdapter(logging.getLogger(__name__), None)  # it writes nothing in a replay
logger.workflow_info_on_message = False  # else no two lines are the same


def log_refusals(state: ConversationState, new: int) -> None:
    """Log the latest refusals of signals, commands and timers, by their codes. Their texts can quote names.

    Args:
        state: the state that records the refusals.
        new: how many of them are new. Not positive after the conversation has taken over another state.
    """
    for recorded in state.refusals[-new:] if new > 0 else ():
        # the name of an unknown signal is a text of its sender
        what = "a signal" if recorded.code is RefusalCode.UNKNOWN_SIGNAL else recorded.what
        logger.warning("refused %s: %s", what, recorded.code, extra={INSTANCE: state.instance})
