"""Waits at the start of a process for the parts that it needs, so that parts can start in any order."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine
from time import monotonic
from typing import Any, TypeVar

from runtime.errors import PartAway, StoppedEarly

logger = logging.getLogger(__name__)

FIRST_RETRY_SECONDS = 0.2
MAX_RETRY_SECONDS = 3.0
"""The delays before a new attempt: the first and the longest. Each is shortened by a random part, up to half of it."""

LOG_SECONDS = 5.0
"""How often the log says for what the process waits."""

PartT = TypeVar("PartT")

Wait = Callable[[Callable[[], Coroutine[Any, Any, PartT]]], Awaitable[PartT]]
"""Makes an attempt, once or until it succeeds."""


async def once(attempt: Callable[[], Coroutine[Any, Any, PartT]]) -> PartT:
    """Make one attempt: a person who starts a process wants to know at once what is missing."""
    return await attempt()


class Patience:
    """Repeats attempts until they succeed."""

    def __init__(self, stop: asyncio.Event) -> None:
        """Prepare. `stop` ends all waits when it is set."""
        self._stop = stop

    async def __call__(self, attempt: Callable[[], Coroutine[Any, Any, PartT]]) -> PartT:
        """Repeat `attempt` with back-off while it raises `PartAway`. Return its result.

        Raises:
            StoppedEarly: a signal stops the process.
        """
        delay, logged_at = FIRST_RETRY_SECONDS, -LOG_SECONDS
        while True:
            try:
                return await self._attempted(attempt)
            except PartAway as away:
                if monotonic() - logged_at >= LOG_SECONDS:
                    logged_at = monotonic()
                    logger.warning("waiting: %s", away)
            await self._pause(delay * random.uniform(0.5, 1))  # noqa: S311 - jitter is no secret
            delay = min(2 * delay, MAX_RETRY_SECONDS)

    async def _attempted(self, attempt: Callable[[], Coroutine[Any, Any, PartT]]) -> PartT:
        working, stopped = asyncio.create_task(attempt()), asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if self._stop.is_set():
                raise StoppedEarly
            return working.result()
        finally:
            working.cancel()
            stopped.cancel()

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            return
        raise StoppedEarly
