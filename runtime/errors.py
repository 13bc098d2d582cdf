"""What keeps a process from starting, said in one sentence to the person who started it."""

from __future__ import annotations


class StartupError(Exception):
    """The process cannot start; the message says why and what to do."""
