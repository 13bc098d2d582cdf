"""Recorded histories replay under the present code."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner
from temporalio.workflow import NondeterminismError

from tests.replay.scenarios import HISTORIES, SCENARIOS
from workflows.contract import Commit, ConversationActivities
from workflows.conversation import Conversation
from workflows.decision import Decision

RECORDED = sorted(HISTORIES.glob("*.json"))


def history(path: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(path.stem, path.read_text())


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
async def test_a_recorded_conversation_replays(path: Path) -> None:
    replayer = Replayer(workflows=[Conversation], data_converter=pydantic_data_converter)
    await replayer.replay_workflow(history(path))


def test_every_scenario_is_recorded() -> None:
    assert {path.stem.rpartition("-")[0] for path in RECORDED} >= set(SCENARIOS)


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
async def test_a_change_that_breaks_running_conversations_is_noticed(
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
        workflow_runner=UnsandboxedWorkflowRunner(),  # the sandbox would import the class anew, without the change
    )
    with pytest.raises(NondeterminismError):
        await replayer.replay_workflow(history(path))
