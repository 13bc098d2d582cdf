"""Random conversations on the real engine, with time that runs ahead, workers that change, and runs that continue as new."""

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
from tests.workflows.players import Player, agrees, at_rest, histories, no_task_failed
from tests.workflows.steps import Step, policies, steps
from workflows.conversation import COMMIT_ITEMS, Conversation

pytestmark = pytest.mark.chaos

CONVERSATIONS = 100
AT_ONCE = 10
VARIETY = 4
"""Of what Hypothesis draws, neighbours resemble each other: one of so many is taken."""


class Play(NamedTuple):
    """What happens in a conversation of this id, from its start on."""

    id: str
    mode: Mode
    policy: dict[str, Any]
    recycle_after: int
    steps: list[Step]


def plays() -> list[Play]:
    """The same at every run, but for their ids."""
    drawn: list[Play] = []
    run = uuid4().hex[:8]

    @settings(
        max_examples=VARIETY * CONVERSATIONS,
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
    return drawn[::VARIETY][:CONVERSATIONS]


@pytest.mark.timeout(600)
async def test_whatever_happens_on_the_engine(environment: WorkflowEnvironment, engine: Engine, tmp_path: Path) -> None:
    drawn = plays()
    assert len(drawn) == CONVERSATIONS
    for first in range(0, CONVERSATIONS, AT_ONCE):
        chats = await together(environment, engine, drawn[first : first + AT_ONCE], tmp_path.as_uri())
        await replays(chats)


async def together(environment: WorkflowEnvironment, engine: Engine, drawn: list[Play], archive: str) -> list[Chat]:
    """Some conversations at once, whose worker is another one for their second half; some have much to do by then."""
    async with engine.working(archive=archive):
        chats = [
            await engine.start(play.mode, id=play.id, recycle_after=play.recycle_after, **plain(play.policy))
            for play in drawn
        ]
        players = [Player(environment, chat) for chat in chats]
        halves = [len(play.steps) // 2 for play in drawn]
        await asyncio.gather(
            *(player.take(*play.steps[:half]) for player, play, half in zip(players, drawn, halves, strict=True))
        )
        await asyncio.gather(*(at_rest(chat) for chat in chats))
    await asyncio.gather(*(player.burst(COMMIT_ITEMS + 10) for player in players[::3]))
    async with engine.working(archive=archive):
        await asyncio.gather(
            *(player.take(*play.steps[half:]) for player, play, half in zip(players, drawn, halves, strict=True))
        )
        ended = await asyncio.gather(*(player.finish() for player in players))
    for player, end in zip(players, ended, strict=True):
        await agrees(player, end)
    return chats


async def replays(chats: list[Chat]) -> None:
    """Whether every run of the conversations replays, and no task of it has failed."""

    async def runs() -> AsyncIterator[WorkflowHistory]:
        for chat in chats:
            for history in await histories(chat):
                no_task_failed(history)
                yield history

    replayer = Replayer(workflows=[Conversation], data_converter=pydantic_data_converter)
    await replayer.replay_workflows(runs())


def plain(policy: dict[str, Any]) -> dict[str, Any]:
    """A policy as it travels."""
    return {name: getattr(value, "model_dump", lambda value=value: value)() for name, value in policy.items()}
