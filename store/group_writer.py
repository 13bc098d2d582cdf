"""Writes that share transactions. Writes that arrive while one transaction runs share the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Generic, TypeVar

from sqlalchemy.exc import NoResultFound

from store.failures import is_permanent

MAX_WRITES = 200
"""How many writes share a transaction."""

WriteT = TypeVar("WriteT")
ResultT = TypeVar("ResultT")


class NotTogether(Exception):
    """Writes cannot share a transaction."""


def _is_of_one_write(error: Exception) -> bool:
    """Whether each write of a group gets a transaction of its own. Any other error is one of the store, and fails all."""
    return isinstance(error, NotTogether | NoResultFound) or is_permanent(error)


@dataclass(slots=True, eq=False)
class _Waiting(Generic[WriteT, ResultT]):
    write: WriteT
    done: asyncio.Future[ResultT] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class GroupWriter(Generic[WriteT, ResultT]):
    """Writes in groups, one group at a time, in the order of the calls. Belongs to one event loop."""

    def __init__(
        self,
        write_together: Callable[[Sequence[WriteT]], Awaitable[Sequence[ResultT]]],
        write_alone: Callable[[WriteT], Awaitable[ResultT]] | None = None,
        *,
        gather: timedelta = timedelta(0),
    ) -> None:
        """Prepare the writer.

        Args:
            write_together: writes a group in one transaction and returns the results in its order. It writes nothing if it
                raises an error, and raises `NotTogether` if the group cannot be written like this.
            write_alone: writes one write of such a group in a transaction of its own. None: `write_together`.
            gather: how long a group waits for more writes, unless it is full.
        """
        self._write_together = write_together
        self._write_alone = write_alone or self._write_as_group
        self._gather = gather.total_seconds()
        self._waiting: list[_Waiting[WriteT, ResultT]] = []
        self._task: asyncio.Task[None] | None = None
        self.unfinished = 0
        """How many writes wait or are being written."""

    async def write(self, write: WriteT) -> ResultT:
        """Write in a transaction that other writes share. Returns after its commit.

        A write that fails does not affect the others. A caller that is cancelled does not stop its write.
        """
        waiting: _Waiting[WriteT, ResultT] = _Waiting(write)
        self._waiting.append(waiting)
        self.unfinished += 1
        if self._task is None:
            self._task = asyncio.create_task(self._write_all())
        return await waiting.done

    async def finish(self) -> None:
        """Wait until all writes have ended."""
        if self._task:
            await asyncio.wait([self._task])

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                if self._gather and len(self._waiting) < MAX_WRITES:
                    await asyncio.sleep(self._gather)
                group, self._waiting = self._waiting[:MAX_WRITES], self._waiting[MAX_WRITES:]
                await self._write_group(group)
                self.unfinished -= len(group)
        finally:
            self._task = None

    async def _write_group(self, group: Sequence[_Waiting[WriteT, ResultT]]) -> None:
        try:
            results = await self._write_together([each.write for each in group])
        except Exception as error:
            for each in group:
                if _is_of_one_write(error):
                    await self._write_one(each)
                else:
                    _fail(each, error)
        else:
            for each, result in zip(group, results, strict=True):
                _succeed(each, result)

    async def _write_as_group(self, write: WriteT) -> ResultT:
        return (await self._write_together([write]))[0]

    async def _write_one(self, waiting: _Waiting[WriteT, ResultT]) -> None:
        try:
            result = await self._write_alone(waiting.write)
        except Exception as error:
            _fail(waiting, error)
        else:
            _succeed(waiting, result)


def _succeed(waiting: _Waiting[WriteT, ResultT], result: ResultT) -> None:
    if not waiting.done.done():  # else its caller was cancelled
        waiting.done.set_result(result)


def _fail(waiting: _Waiting[WriteT, ResultT], error: Exception) -> None:
    if not waiting.done.done():
        waiting.done.set_exception(error)
