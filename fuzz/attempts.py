"""One attempt: what was sent, what came back, and whether that was right."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Protocol

from fuzz.world import World


@dataclass(frozen=True)
class Attempt:
    """What came of one attempt.

    Attributes:
        what: what was attempted, such as the name of an operation.
        status: a status of HTTP, or a word.
        problem: what is wrong; None when all is right.
        sent: what was sent, to read.
        waits: how many answers before were refusals for load.
    """

    what: str
    status: str
    problem: str | None = None
    sent: str = ""
    waits: int = 0


class Kind(Protocol):
    """A kind of attempts."""

    async def attempt(self, random: Random, world: World) -> Attempt:
        """Make one attempt, on which `random` decides."""
        ...


def shown(sent: bytes) -> str:
    """Return bytes to read; the middle of many is left out."""
    return repr(sent if len(sent) <= 3_000 else sent[:2_000] + b" [...] " + sent[-500:])
