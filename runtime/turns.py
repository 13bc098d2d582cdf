"""Waiting for a turn, with a limit."""

from __future__ import annotations

import asyncio

from domain.errors import Throttled


async def turn_within(turn: asyncio.Future[None], seconds: float, refusal: str) -> None:
    """Wait until a turn is given. When this raises an error, the turn may have been given at the same moment: see `is_given`.

    Raises:
        Throttled: the turn is not given within this time; `refusal` is the message.
    """
    try:
        async with asyncio.timeout(seconds):
            await turn
    except TimeoutError:
        raise Throttled(refusal) from None


def is_given(turn: asyncio.Future[None]) -> bool:
    """Whether a turn was given, and not cancelled by the one who waited for it."""
    return turn.done() and not turn.cancelled()
