"""A workflow task fails after its write. The next attempt has more events to decide on. Store and run agree all the same.

The faults are injected into the real workflow on the real engine: the write is done, and then the task fails.
"""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path

import pytest
from sqlalchemy import select
from temporalio.testing import WorkflowEnvironment

from domain.conversation import State
from store import conversations, schema
from tests.routing.routing_records import routing_row
from tests.workflows.engine import Chat, Engine
from tests.workflows.random_chats import ChatDriver, assert_store_agrees, wait_until_idle
from tests.workflows.test_model_engine import AT_ONCE, Play, as_json, assert_replayable, random_chats
from workflows import conversation
from workflows.contract import Commit, CommitResult, placement_of

SEEDS_VARIABLE = "PERENNIAL_TEST_SEEDS"
"""How many random conversations run with faults; the default is 100, which takes about a minute."""


class AbandonedTasks:
    """Fails workflow tasks after a write, each write at most once. The choice follows from the seed and the conversation."""

    def __init__(self, seed: int, share: float) -> None:
        self._seed = seed
        self._share = share
        self._seen: set[tuple[str, str, int]] = set()
        self.count = 0

    async def write(self, commit: Commit) -> CommitResult | None:
        """Write as the workflow does. Some tasks fail afterwards, unless the result comes from the history."""
        result = await _write(commit)
        assert commit.checkpoint
        key = (commit.conversation_id, commit.checkpoint.run_id, commit.checkpoint.number)
        first = key not in self._seen
        self._seen.add(key)
        if first and random.Random(f"{self._seed}/{key[0].partition('-')[2]}/{key[2]}").random() < self._share:
            self.count += 1
            raise RuntimeError("the task is abandoned")
        return result


_write = conversation.write


@pytest.mark.chaos
@pytest.mark.timeout(900)
async def test_store_and_run_agree_after_abandoned_tasks(
    environment: WorkflowEnvironment, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = AbandonedTasks(seed=1, share=0.3)
    monkeypatch.setattr(conversation, "write", faults.write)
    count = int(os.environ.get(SEEDS_VARIABLE, "100"))
    drawn = random_chats(count)
    for first in range(0, count, AT_ONCE):
        chats = await run_with_faults(environment, engine, drawn[first : first + AT_ONCE], tmp_path.as_uri())
        await assert_replayable(chats)
    assert faults.count > count


async def run_with_faults(
    environment: WorkflowEnvironment, engine: Engine, plays: list[Play], archive: str
) -> list[Chat]:
    async with engine.worker(archive=archive):
        chats = [
            await engine.start(play.mode, id=play.id, recycle_after=play.recycle_after, **as_json(play.policy))
            for play in plays
        ]
        drivers = [ChatDriver(environment, chat) for chat in chats]
        await asyncio.gather(*(driver.run(*play.steps) for driver, play in zip(drivers, plays, strict=True)))
        await asyncio.gather(*(assert_record_equals_run(chat) for chat in chats))
        closed = await asyncio.gather(*(driver.finish() for driver in drivers))
    for driver, closed_chat in zip(drivers, closed, strict=True):
        await assert_store_agrees(driver, closed_chat)
    return chats


async def assert_record_equals_run(chat: Chat) -> None:
    """Assert that record, transcript, participants and placement in the store are those of the run.

    Waits until the run is idle: while a commit is written, a query answers what the commit decides.
    """
    await wait_until_idle(chat)
    state, db = await chat.state(), chat.engine.db
    record = await conversations.find_conversation(db, chat.id)
    assert record
    table = schema.conversations.c
    [(revision,)] = await db.rows(select(table.revision).where(table.id == chat.id))
    assert (revision, record.state) == (state.revision, state.state)
    assert [item.seq for item in await chat.items()] == list(range(1, state.seq + 1))
    for participant in state.participants:
        found = await conversations.find_participant(db, participant.id)
        assert found
        assert (found[0].presence, found[0].user) == (participant.presence, participant.user), participant
    row = await routing_row(db, chat.id)
    placement = placement_of(state)
    assert (row is None) == (placement.stage == "off"), (row, placement)
    if row is not None:
        assert (row.revision, row.stage, row.agent) == (state.revision, placement.stage, placement.agent)
    [checkpoint] = await db.rows(
        select(schema.checkpoints.c.number).where(schema.checkpoints.c.conversation_id == chat.id)
    )
    assert checkpoint.number == state.commits
    if state.state is State.CLOSED:
        assert record.closed_at is not None
