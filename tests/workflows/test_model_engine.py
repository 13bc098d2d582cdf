"""Random conversations on the real engine, with advanced clocks, worker restarts and continue-as-new."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer

from domain.conversation import Mode
from tests.workflows.engine import Chat, Engine
from tests.workflows.random_chats import (
    ChatDriver,
    assert_no_task_failed,
    assert_store_agrees,
    run_histories,
    wait_until_idle,
)
from tests.workflows.random_steps import Step, policies, steps
from workflows.conversation import Conversation
from workflows.rounds import COMMIT_ITEMS

pytestmark = pytest.mark.chaos

CONVERSATIONS = 100
AT_ONCE = 10
VARIETY = 4
"""Successive examples of Hypothesis resemble each other, so the test uses one of so many."""


class Play(NamedTuple):
    """The start and the steps of a conversation."""

    id: str
    mode: Mode
    policy: dict[str, Any]
    recycle_after: int
    steps: list[Step]


def random_chats(count: int = CONVERSATIONS) -> list[Play]:
    """The same conversations in every run, with new ids. Hypothesis derives them from the source of `draw`."""
    drawn: list[Play] = []
    run = uuid4().hex[:8]

    @settings(
        max_examples=VARIETY * count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(data=st.data())
    def draw(data: st.DataObject) -> None:
        id = f"{run}-{len(drawn)}"
        mode = data.draw(st.sampled_from(list(Mode)))
        policy, recycle_after = data.draw(policies(mode)), data.draw(st.sampled_from([15, 40, 2_000]))
        drawn.append(Play(id, mode, policy, recycle_after, data.draw(steps(id, shortest=2, longest=7))))

    draw()
    return drawn[::VARIETY][:count]


@pytest.mark.timeout(600)
async def test_random_events_keep_all_invariants_on_the_engine(
    environment: WorkflowEnvironment, engine: Engine, tmp_path: Path
) -> None:
    drawn = random_chats()
    assert len(drawn) == CONVERSATIONS
    for first in range(0, CONVERSATIONS, AT_ONCE):
        chats = await run_together(environment, engine, drawn[first : first + AT_ONCE], tmp_path.as_uri())
        await assert_replay(chats)


async def run_together(environment: WorkflowEnvironment, engine: Engine, drawn: list[Play], archive: str) -> list[Chat]:
    """Run conversations at once. A new worker runs the second half; some conversations have a burst of messages before it."""
    async with engine.worker(archive=archive):
        chats = [
            await engine.start(
                play.mode,
                id=play.id,
                recycle_after=play.recycle_after,
                **as_json(play.policy),
            )
            for play in drawn
        ]
        drivers = [ChatDriver(environment, chat) for chat in chats]
        halves = [len(play.steps) // 2 for play in drawn]
        await asyncio.gather(
            *(driver.run(*play.steps[:half]) for driver, play, half in zip(drivers, drawn, halves, strict=True))
        )
        await asyncio.gather(*(wait_until_idle(chat) for chat in chats))
    await asyncio.gather(*(driver.send_burst(COMMIT_ITEMS + 10) for driver in drivers[::3]))
    async with engine.worker(archive=archive):
        await asyncio.gather(
            *(driver.run(*play.steps[half:]) for driver, play, half in zip(drivers, drawn, halves, strict=True))
        )
        closed = await asyncio.gather(*(driver.finish() for driver in drivers))
    for driver, closed_chat in zip(drivers, closed, strict=True):
        await assert_store_agrees(driver, closed_chat)
    return chats


async def assert_replay(chats: list[Chat]) -> None:
    """Assert that every run of the conversations replays, and that none of its tasks failed."""

    for chat in chats:
        for history in await run_histories(chat):
            assert_no_task_failed(history)
    await assert_replayable(chats)


async def assert_replayable(chats: list[Chat]) -> None:
    """Assert that every run of the conversations replays."""

    async def all_histories() -> AsyncIterator[WorkflowHistory]:
        for chat in chats:
            for history in await run_histories(chat):
                yield history

    replayer = Replayer(workflows=[Conversation], data_converter=pydantic_data_converter)
    await replayer.replay_workflows(all_histories())


def as_json(policy: dict[str, Any]) -> dict[str, Any]:
    """A policy as plain JSON values."""
    return {name: getattr(value, "model_dump", lambda value=value: value)() for name, value in policy.items()}
