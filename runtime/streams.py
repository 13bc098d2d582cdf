"""Byte streams: a first chunk is put back in front of the rest."""

from __future__ import annotations

from collections.abc import AsyncIterator


async def prepend_chunk(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yields a chunk that was already taken from a stream, then the rest of the stream."""
    yield first
    async for chunk in rest:
        yield chunk
