"""Recorded conversations replay under the edition of the rules by which they ran."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from domain.events import AnyEvent
from tests.replay.scenarios import HISTORIES
from workflows.conversation import Conversation
from workflows.decision import Decision
from workflows.machine import decide
from workflows.state import ConversationState

RECORDED = sorted(HISTORIES.glob("*.json"))
FIRST = {"chat", "reconnect", "timeout", "renewed", "outage", "cancelled", "legs"}
"""Recorded before there was a second."""
THIRD = {"offered", "returning", "reconfigured"}
"""Recorded after there was a third."""


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
async def test_a_recorded_conversation_keeps_its_edition(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    editions: set[int] = set()

    def noting(state: ConversationState, event: AnyEvent, now: datetime) -> Decision:
        editions.add(state.edition)
        return decide(state, event, now)

    monkeypatch.setattr("workflows.conversation.decide", noting)
    runner = UnsandboxedWorkflowRunner()  # the sandbox would import the module anew, without the change
    replayer = Replayer(workflows=[Conversation], data_converter=pydantic_data_converter, workflow_runner=runner)
    await replayer.replay_workflow(WorkflowHistory.from_json(path.stem, path.read_text()))
    scenario = path.stem.rpartition("-")[0]
    assert editions == {1 if scenario in FIRST else 3 if scenario in THIRD else 2}
