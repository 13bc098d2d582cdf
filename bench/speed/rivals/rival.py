"""A rival of the product in the scenario of 100 chats."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bench.speed.measurements import Load


@dataclass(frozen=True)
class Rival:
    """Another engine.

    Attributes:
        name: its name in the table.
        goal: the least ratio of the product to it; None: no goal.
        load: has senders send a number of messages, one sender for each chat; None: it does not run.
        problem: why it does not run.
    """

    name: str
    goal: float | None = None
    load: Callable[[int, int], Awaitable[Load]] | None = None
    problem: str = ""
