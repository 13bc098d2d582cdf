"""The errors that keep a process from starting."""

from __future__ import annotations


class StartupError(Exception):
    """The process cannot start. The message is one sentence for the operator: the cause, and the remedy."""


class PartAway(StartupError):
    """A part that the process needs does not answer yet, such as Temporal or the store. A later attempt may succeed."""


class StoppedEarly(Exception):
    """A signal stops the process before it has finished its start."""
