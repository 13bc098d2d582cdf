"""Parts of the API process that work of their own accord, beside what they are asked."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod


class Running(ABC):
    """Something that goes on from the start of the process to its end."""

    _running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins."""
        self._running = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Ends it, wherever it is."""
        if self._running:
            self._running.cancel()

    @abstractmethod
    async def _run(self) -> None:
        """What goes on, until it is cancelled."""
