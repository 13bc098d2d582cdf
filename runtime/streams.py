"""Streams: what was taken from one first is put back in front of the rest."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TypeVar

Item = TypeVar("Item")


async def prepended(first: Item, rest: AsyncIterator[Item]) -> AsyncIterator[Item]:
    """Yields an item that was already taken from a stream, then the rest of the stream."""
    yield first
    async for item in rest:
        yield item
