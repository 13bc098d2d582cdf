"""Recorded histories replay under the current code to the same commands and the same decisions."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from domain.participants import Role
from domain.policy import Policy
from tests.replay.decisions import ADVICE, decisions_path, differences, explain, replay_decisions
from tests.replay.histories import HISTORIES, read_history, recorded, scenario_name
from tests.replay.scenarios import SCENARIOS
from workflows import decision
from workflows.contract import Commit, ConversationActivities
from workflows.conversation import Conversation
from workflows.decision import fill_slugs
from workflows.rounds import Round
from workflows.state import ConversationState
from workflows.state_parts import SpeechRecord


@pytest.mark.parametrize("path", recorded(), ids=lambda path: path.stem)
async def test_recorded_history_replays_in_the_sandbox(path: Path) -> None:
    replayer = Replayer(workflows=[Conversation], data_converter=pydantic_data_converter)
    await replayer.replay_workflow(read_history(path))


@pytest.mark.parametrize("path", recorded(), ids=lambda path: path.stem)
async def test_recorded_history_replays_to_the_recorded_decisions(path: Path) -> None:
    found = differences(path, await replay_decisions(read_history(path)))
    if found:
        pytest.fail(explain(path, found), pytrace=False)


def test_every_scenario_is_recorded_with_its_decisions() -> None:
    assert {scenario_name(path) for path in recorded()} >= set(SCENARIOS)
    assert {*HISTORIES.iterdir()} == {*recorded(), *map(decisions_path, recorded())}


@pytest.mark.parametrize("path", recorded(), ids=lambda path: path.stem)
async def test_change_of_commands_fails_replay(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def other_write(self: Conversation, decided: Round) -> None:
        commit = Commit(conversation_id="c", items=decided.decision.items)
        await workflow.execute_activity_method(
            ConversationActivities.record, commit, start_to_close_timeout=timedelta(seconds=30)
        )

    monkeypatch.setattr(Conversation, "_write", other_write)
    with pytest.raises(NondeterminismError):
        await replay_decisions(read_history(path))


async def test_change_that_keeps_the_commands_is_found_in_the_decisions(monkeypatch: pytest.MonkeyPatch) -> None:
    def other_fill(text: str, state: ConversationState, **slugs: object) -> str:
        return f"{fill_slugs(text, state, **slugs)} Goodbye."

    monkeypatch.setattr(decision, "fill_slugs", other_fill)
    path = HISTORIES / "timeout-1.json"
    found = differences(path, await replay_decisions(read_history(path)))  # it replays: the commands are the same
    [line] = found
    assert line.endswith(
        '.items[0].content: recorded "The customer has disconnected.", now "The customer has disconnected. Goodbye."'
    )
    assert explain(path, found).splitlines()[1:] == [f"  {line}", ADVICE]
    assert explain(path, found).startswith("timeout-1 replays to other decisions")


async def test_change_of_the_final_state_alone_is_found_in_the_decisions(monkeypatch: pytest.MonkeyPatch) -> None:
    with_speech = ConversationState.with_speech

    def with_other_steps(self: ConversationState, role: Role, record: SpeechRecord) -> ConversationState:
        return with_speech(self, role, record.with_steps_done(7, None))

    monkeypatch.setattr(ConversationState, "with_speech", with_other_steps)
    path = HISTORIES / "chat-1.json"
    found = differences(path, await replay_decisions(read_history(path)))
    assert found == [
        "final_state.customer_speech.steps_done: recorded 0, now 7",
        "final_state.agent_speech.steps_done: recorded 0, now 7",
    ]


async def test_other_fingerprint_of_the_policy_is_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fingerprint covers every field of a policy, so a new field changes all of them."""

    def other_fingerprint(_: Policy, without: Iterable[str]) -> str:
        return f"without {len([*without])} fields"

    monkeypatch.setattr(Policy, "fingerprint", other_fingerprint)
    path = HISTORIES / "chat-1.json"
    replayed = await replay_decisions(read_history(path))
    assert replayed.commits[0].policy
    assert replayed.commits[0].policy.fingerprint.startswith("without")
    assert differences(path, replayed) == []
