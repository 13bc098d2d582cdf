"""The decisions of a recorded run: every commit in order, and the final state.

Replay alone compares commands. The marker of a local activity holds no input, so a changed machine can replay a history with the
same commands and reach another state. `NAME-RUN.decisions.json` holds the decisions that the run led to when it was recorded.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from workflows import conversation
from workflows.contract import Commit, CommitResult, ConversationResult, StartConversation
from workflows.conversation import Conversation
from workflows.state import ConversationState

MAX_DIFFERENCES = 5
"""The number of differences that a failure shows."""

ADVICE = (
    "If the rules are meant to change, change them under a new rules version (workflows/rules_version.py). "
    "If not, correct the machine."
)

_MISSING = "nothing"


class Decisions(BaseModel):
    """The commits of a run in order, and the state at its end."""

    commits: list[Commit]
    final_state: ConversationState

    def comparable(self) -> dict[str, Any]:
        """As JSON, without what is no decision.

        That is the policy's fingerprint, which differs as soon as policies have a new field, the agreement of run and store,
        and what goes to the audit log.
        """
        agreement = {"checkpoint", "before", "whole", "signals"}
        return self.model_dump(
            mode="json",
            exclude={
                "commits": {"__all__": {"policy": {"fingerprint"}, **dict.fromkeys(agreement, True)}},
                "final_state": {"commits", "decided_commands"},
            },
        )


def decisions_path(history: Path) -> Path:
    """The file of the decisions beside a history."""
    return history.with_suffix(".decisions.json")


async def replay_decisions(history: WorkflowHistory) -> Decisions:
    """Replay a history under the current code and return its decisions.

    It runs without the sandbox, which would import the modules again without the patches.

    Raises:
        NondeterminismError: the commands differ from the history.
    """
    commits: list[Commit] = []
    runs: list[Conversation] = []
    write, run = conversation.write, Conversation._run  # pyright: ignore[reportPrivateUsage]

    async def keep_commit(commit: Commit) -> CommitResult | None:
        commits.append(commit)
        return await write(commit)

    async def keep_run(self: Conversation, start: StartConversation) -> ConversationResult:
        runs.append(self)
        return await run(self, start)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conversation, "write", keep_commit)
        patch.setattr(Conversation, "_run", keep_run)
        replayer = Replayer(
            workflows=[Conversation],
            data_converter=pydantic_data_converter,
            workflow_runner=UnsandboxedWorkflowRunner(),
        )
        await replayer.replay_workflow(history)
    [replayed] = runs
    return Decisions(commits=commits, final_state=replayed.status())


def write_decisions(history: Path, decisions: Decisions) -> None:
    """Write the decisions beside a history."""
    decisions_path(history).write_text(json.dumps(decisions.model_dump(mode="json"), indent=1) + "\n")


def read_decisions(history: Path) -> Decisions:
    """The recorded decisions beside a history.

    The current models read the JSON, so a new field with a default is no difference.
    """
    return Decisions.model_validate_json(decisions_path(history).read_text())


def differences(history: Path, decisions: Decisions) -> list[str]:
    """The first differences from the recorded decisions, one readable line each; empty if there are none."""
    return list(islice(_differences("", read_decisions(history).comparable(), decisions.comparable()), MAX_DIFFERENCES))


def explain(history: Path, found: list[str]) -> str:
    """The failure message: the differences, and what to do."""
    lines = "\n".join(f"  {line}" for line in found)
    return f"{history.stem} replays to other decisions than when it was recorded:\n{lines}\n{ADVICE}"


def _differences(path: str, recorded: Any, now: Any) -> Iterator[str]:
    if isinstance(recorded, dict) and isinstance(now, dict):
        for name in {**recorded, **now}:
            inner = f"{path}.{name}".lstrip(".")
            yield from _differences(inner, recorded.get(name, _MISSING), now.get(name, _MISSING))
    elif isinstance(recorded, list) and isinstance(now, list):
        for index, (one, other) in enumerate(zip_longest(recorded, now, fillvalue=_MISSING)):
            yield from _differences(f"{path}[{index}]", one, other)
    elif recorded != now:
        yield f"{path}: recorded {_short(recorded)}, now {_short(now)}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else f"{text[:97]}..."
