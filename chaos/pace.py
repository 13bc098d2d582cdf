"""How much people write, and how fast."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True)
class Pace:
    """Factors of the usual pace. More messages in each chat cost less than more chats.

    Attributes:
        talk: how many times the usual messages everybody writes in a chat.
        haste: how many times faster everybody writes.
    """

    talk: int = 1
    haste: float = 1.0

    def messages(self, random: Random, least: int, most: int) -> int:
        """Return how many messages somebody writes in a chat, where `least` to `most` are usual."""
        return random.randint(least, most) * self.talk

    async def think(self, random: Random, least: float, most: float) -> None:
        """Wait before the next message, where `least` to `most` seconds are usual."""
        await asyncio.sleep(random.uniform(least, most) / self.haste)
