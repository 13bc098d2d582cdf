"""The error that keeps a process from starting."""

from __future__ import annotations


class StartupError(Exception):
    """The process cannot start. The message is one sentence for the operator: the cause, and the remedy."""
