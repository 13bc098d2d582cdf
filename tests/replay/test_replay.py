"""Recorded histories replay under the present code."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner
from temporalio.workflow import NondeterminismError

from tests.replay.histories import read_history, recorded, scenario_name
from tests.replay.scenarios import SCENARIOS
from workflows.contract import Commit, ConversationActivities
from workflows.conversation import Conversation
from workflows.decision import Decision


@pytest.mark.parametrize("path", recorded(), ids=lambda path: path.stem)
async def test_recorded_history_replays(path: Path) -> None:
    replayer = Replayer(workflows=[Conversation], data_converter=pydantic_data_converter)
    await replayer.replay_workflow(read_history(path))


def test_every_scenario_is_recorded() -> None:
    assert {scenario_name(path) for path in recorded()} >= set(SCENARIOS)


@pytest.mark.parametrize("path", recorded(), ids=lambda path: path.stem)
async def test_change_that_breaks_running_conversations_fails_replay(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def write_otherwise(self: Conversation, batch: Decision) -> None:
        commit = Commit(conversation_id="c", items=batch.items)
        await workflow.execute_activity_method(
            ConversationActivities.record, commit, start_to_close_timeout=timedelta(seconds=30)
        )

    monkeypatch.setattr(Conversation, "_write", write_otherwise)
    replayer = Replayer(
        workflows=[Conversation],
        data_converter=pydantic_data_converter,
        workflow_runner=UnsandboxedWorkflowRunner(),  # the sandbox would import the class again, without the change
    )
    with pytest.raises(NondeterminismError):
        await replayer.replay_workflow(read_history(path))
