"""What a scenario measures with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from temporalio.client import Client

from bench.speed.client import Backend
from bench.speed.processes import Product, System
from bench.speed.rivals.rival import Rival


@dataclass(frozen=True)
class Bench:
    """A product and its floors, and how much is measured.

    Attributes:
        client: the client of the floors' Temporal server.
        goal_100: the goal of 100 chats against F1, which differs between the two stores.
        is_long: whether the measurements may take long; else they take a few minutes in all.
        steady_seconds: the time under steady load.
        rivals: the other engines; none if they are not measured.
    """

    product: Product
    backend: Backend
    floors: System
    client: Client
    goal_100: float
    is_long: bool
    steady_seconds: int
    rivals: Sequence[Rival] = field(default=())

    @property
    def rounds(self) -> int:
        """How often product and floor take turns."""
        return 5 if self.is_long else 3

    @property
    def scale(self) -> int:
        """The length of the measurements; 1 takes a few minutes in all."""
        return 3 if self.is_long else 1
