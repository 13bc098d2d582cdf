"""Chats with writing customers and readers who come back: whatever happens to processes, nothing may be lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from uuid import uuid4

from bench.speed.client import FRAME_TIMEOUT, Backend, Chat
from bench.speed.measurements import STARTS_AT_ONCE, concurrently
from bench.speed.returning import ReturningParticipant, messages_after, send_until_accepted


class CheckedChats:
    """Chats of customers who write, each message after the answer to the last one, with all that was accepted."""

    def __init__(self, chats: Sequence[Chat], readers: Sequence[tuple[int, ReturningParticipant]]) -> None:
        self._chats = chats
        self._readers = readers
        self._accepted: list[list[str]] = [[] for _ in chats]
        self._name = uuid4().hex[:8]
        self._changed = asyncio.Condition()
        self.refused: Counter[str] = Counter()
        """Refused requests, by status."""

    @classmethod
    @asynccontextmanager
    async def opened(cls, backend: Backend, count: int, *, both_sides: bool) -> AsyncGenerator[CheckedChats, None]:
        """Start chats, and keep their agents and, if wanted, their customers connected for the time of the block."""
        chats = await concurrently(STARTS_AT_ONCE, [backend.start_with_agent for _ in range(count)])
        readers: list[tuple[int, ReturningParticipant]] = []
        for number, chat in enumerate(chats):
            assert chat.agent
            sides = [chat.agent, chat.customer] if both_sides else [chat.agent]
            readers += [(number, ReturningParticipant(side)) for side in sides]
        try:
            await asyncio.gather(*(reader.wait_until_caught_up(0) for _, reader in readers))
            yield cls(chats, readers)
        finally:
            await asyncio.gather(*(reader.leave() for _, reader in readers))

    @property
    def readers(self) -> list[ReturningParticipant]:
        """All who read."""
        return [reader for _, reader in self._readers]

    @property
    def count(self) -> int:
        """How many messages were accepted."""
        return sum(map(len, self._accepted))

    async def write(self, writers: int, stop: asyncio.Event) -> None:
        """Have the customers of the first chats write until `stop`. Returns when every message is accepted."""

        async def write_all(number: int) -> None:
            accepted = self._accepted[number]
            while not stop.is_set():
                text = f"{self._name}-{number}-{len(accepted)}"
                await send_until_accepted(self._chats[number].customer, text, self.refused)
                accepted.append(text)
                async with self._changed:
                    self._changed.notify_all()

        await asyncio.gather(*(write_all(number) for number in range(writers)))

    async def wait_for_more(self, number: int) -> None:
        """Wait until this number of further messages is accepted."""
        expected = self.count + number
        async with asyncio.timeout(FRAME_TIMEOUT), self._changed:
            await self._changed.wait_for(lambda: self.count >= expected)

    async def wait_until_read(self) -> None:
        """Wait until every reader has every accepted message."""
        waits = (reader.wait_for(set(self._accepted[number])) for number, reader in self._readers)
        found = await asyncio.gather(*waits, return_exceptions=True)
        if any(isinstance(each, TimeoutError) for each in found):
            await self.check()  # says which messages are missing where
            raise AssertionError("the messages were late")
        for each in found:
            if isinstance(each, BaseException):
                raise each

    async def check(self) -> None:
        """Check that each accepted message is in the transcript once, in order, and that readers show the same."""
        for accepted, chat in zip(self._accepted, self._chats, strict=True):
            _check_same(f"the transcript of {chat.contact_id}", await messages_after(chat.customer, ()), accepted)
        for number, reader in self._readers:
            _check_same(f"a reader of {self._chats[number].contact_id}", reader.messages, self._accepted[number])


def _check_same(what: str, found: list[str], accepted: list[str]) -> None:
    assert found == accepted, (
        f"{what} lacks {sorted(set(accepted) - set(found))}, has {sorted(set(found) - set(accepted))} beyond what was accepted,"
        f" {len(found) - len(set(found))} twice, or has another order: {found} for {accepted}"
    )
