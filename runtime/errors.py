"""The error that keeps a process from starting."""

from __future__ import annotations


class StartupError(Exception):
    """The process cannot start. The message is one sentence: what is wrong, and what to do."""
