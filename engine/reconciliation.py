"""Compares what runs in Temporal with what the store has on record, and mends the differences.

They differ after a database was restored from a backup, or when an operator has terminated workflows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from domain.conversation import State
from engine.client import ConversationClient
from engine.lost_conversations import LostConversations
from store.database import Database
from store.open_records import RecordedState, open_records, recorded_state

MAX_CONCURRENT = 10
"""Conversations that are looked at or mended at the same time."""

LOOKS = 5
LOOK_SECONDS = 1.0
"""A conversation that is just changing differs for a moment. One that differs in each of so many looks counts."""


class DifferenceKind(StrEnum):
    """How store and engine differ."""

    LOST = "on record as open, but no workflow runs"
    UNRECORDED = "runs, but the store does not have it"
    CLOSED = "runs, but is closed on record"
    UNEQUAL = "runs, but the store has another state"


class Difference(NamedTuple):
    """A conversation of which store and engine do not say the same. `record` and `run`: state and revision, empty without one."""

    conversation_id: str
    kind: DifferenceKind
    record: str
    run: str


class Reconciliation:
    """Finds and mends differences between store and engine."""

    def __init__(self, db: Database, engine: ConversationClient, lost: LostConversations) -> None:
        self._db = db
        self._engine = engine
        self._lost = lost
        self._slots = asyncio.Semaphore(MAX_CONCURRENT)

    async def differences(self, *, thorough: bool = False) -> list[Difference]:
        """The conversations that differ, in the order of their ids.

        Args:
            thorough: whether every conversation is asked for its state. A worker must run, and replays those that it does not
                have in its cache. Otherwise only the list of workflows is read, which does not have revisions.

        Raises:
            EngineUnavailable: a call to Temporal fails.
        """
        running = await self._engine.running()
        recorded = {record.id: record.state for record in await open_records(self._db)}
        suspects = {id for id in running.keys() | recorded.keys() if thorough or running.get(id) != recorded.get(id)}
        return await self._checked(suspects)

    async def mend(self, differences: Iterable[Difference], *, resume_lost: bool = False) -> list[Difference]:
        """Mend differences. Returns those that remain. A worker must run.

        A workflow that runs writes its whole record. A lost conversation ends or, if wanted, goes on from what is on record.

        Raises:
            EngineUnavailable: a call to Temporal fails.
        """
        found = list(differences)
        await asyncio.gather(*(self._mend(difference, resume_lost=resume_lost) for difference in found))
        return await self._checked(difference.conversation_id for difference in found)

    async def _mend(self, difference: Difference, *, resume_lost: bool) -> None:
        async with self._slots:
            if difference.kind is not DifferenceKind.LOST:
                await self._engine.renew(difference.conversation_id)
            elif resume_lost:
                await self._lost.resume(difference.conversation_id)
            else:
                await self._lost.end(difference.conversation_id)

    async def _checked(self, ids: Iterable[str]) -> list[Difference]:
        found = await asyncio.gather(*(self._check(id) for id in sorted(ids)))
        return [difference for difference in found if difference]

    async def _check(self, conversation_id: str) -> Difference | None:
        difference = None
        for look in range(LOOKS):
            if look:
                await asyncio.sleep(LOOK_SECONDS)
            async with self._slots:
                difference = await self._look(conversation_id)
            if difference is None:
                break
        return difference

    async def _look(self, conversation_id: str) -> Difference | None:
        run = await self._engine.running_state(conversation_id)
        record = await recorded_state(self._db, conversation_id)
        is_open = record is not None and record.state != State.CLOSED
        if run is None:
            return Difference(conversation_id, DifferenceKind.LOST, _text(record), "") if is_open else None
        if record and (record.state, record.revision) == (run.state, run.revision):
            return None
        kind = DifferenceKind.UNRECORDED
        if record:
            kind = DifferenceKind.UNEQUAL if is_open else DifferenceKind.CLOSED
        return Difference(conversation_id, kind, _text(record), f"{run.state} at revision {run.revision}")


def _text(record: RecordedState | None) -> str:
    return f"{record.state} at revision {record.revision}" if record else ""
