"""`python -m perennial replay` and the fixture `replay_histories`: the files they accept, and the report of a difference."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from base64 import b64decode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from temporalio import workflow
from temporalio.worker import UnsandboxedWorkflowRunner

from domain.events import AnyEvent
from runtime.devserver import temporal_binary
from tests.stack import ROOT, Stack
from tests.workflows.engine import eventually
from workflows.conversation import Conversation
from workflows.decision import Decision
from workflows.replay import ADVICE, history_files, replay_all, report
from workflows.replay_plugin import ReplayHistories

pytestmark = pytest.mark.slow

HISTORIES = Path(__file__).parent / "histories"
EXPORTED = Path(__file__).parent / "exported"
"""Histories exported from a cluster. See docs/upgrading.md."""

UNSANDBOXED = UnsandboxedWorkflowRunner()
"""The sandbox would import the workflow again, without the change that a test makes."""


def command(*paths: Path, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "perennial", "replay", *paths],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def changed(path: Path, change: Any) -> Path:
    """A copy of a history with its JSON changed."""
    exported = json.loads(history_files([HISTORIES])[0].read_text())
    path.write_text(json.dumps(change(exported)))
    return path


def test_recorded_histories_replay(replay_histories: ReplayHistories) -> None:
    replay_histories(HISTORIES)


def test_exported_histories_replay(replay_histories: ReplayHistories) -> None:
    if EXPORTED.exists():
        replay_histories(EXPORTED)


def test_command_prints_a_line_for_each_history_and_exits_with_0() -> None:
    first, second = history_files([HISTORIES])[:2]
    done = command(first, second)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert re.fullmatch(rf"{re.escape(str(first))}: ok \(\d+ events\)", lines[0])
    assert lines[2:] == ["All 2 histories replay under this code."]
    assert done.stderr == ""


def test_command_exits_with_1_for_a_history_that_differs(tmp_path: Path) -> None:
    def without_first_activity(exported: Any) -> Any:
        events = exported["events"]
        events.remove(next(event for event in events if "markerRecordedEventAttributes" in event))
        for number, event in enumerate(events, start=1):
            event["eventId"] = str(number)
        return exported

    path = changed(tmp_path / "odd.json", without_first_activity)
    done = command(path)
    assert done.returncode == 1
    assert done.stdout.startswith(f"{path}: ")
    assert "1 of 1 histories does not replay under this code." in done.stdout
    assert ADVICE in done.stdout
    assert len(done.stdout.splitlines()) < 10, done.stdout
    assert done.stderr == ""


def unchanged(exported: Any) -> Any:
    return exported


def without_events(exported: Any) -> Any:
    return {**exported, "events": []}


def without_start(exported: Any) -> Any:
    return {"events": exported["events"][1:]}


NO_HISTORIES = [
    (without_events, "there are no events in it"),
    (without_start, "does not begin with the start of a workflow"),
]


@pytest.mark.parametrize(("change", "sentence"), NO_HISTORIES)
def test_command_names_a_file_that_is_not_a_history(tmp_path: Path, change: Any, sentence: str) -> None:
    path = changed(tmp_path / "odd.json", change)
    done = command(path)
    assert done.returncode == 1
    assert done.stdout.startswith(f"{path}: ")
    assert sentence in done.stdout


def test_command_names_a_history_whose_payloads_are_decoded(tmp_path: Path) -> None:
    def decoded(exported: Any) -> Any:
        payloads = exported["events"][0]["workflowExecutionStartedEventAttributes"]["input"]["payloads"]
        payloads[:] = [json.loads(b64decode(payload["data"])) for payload in payloads]
        return exported

    done = command(changed(tmp_path / "odd.json", decoded))
    assert done.returncode == 1
    assert "export it again without decoding" in done.stdout


def test_command_names_a_path_without_histories(tmp_path: Path) -> None:
    for path, sentence in ((tmp_path, "no JSON files"), (tmp_path / "none.json", "no such file or folder")):
        done = command(path)
        assert done.returncode == 1
        assert sentence in done.stdout


def test_command_prints_a_line_for_each_file_also_after_one_that_is_no_history(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("nonsense")
    for name in ("b.json", "c.json"):
        changed(tmp_path / name, unchanged)
    done = command(tmp_path, tmp_path / "none.json")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert [line.partition(": ")[2].partition(" (")[0] for line in lines[:4]] == [
        "this is not JSON",
        "ok",
        "ok",
        "there is no such file or folder",
    ]
    assert lines[4:] == ["", "2 of 4 files are no history of a conversation."]


def test_command_counts_one_history_in_the_singular(tmp_path: Path) -> None:
    done = command(changed(tmp_path / "a.json", unchanged))
    assert done.stdout.splitlines()[1:] == ["The history replays under this code."]


async def other_write(self: Conversation, batch: Decision) -> None:
    await workflow.sleep(1)


def other_decide(*_: AnyEvent) -> Decision:
    raise KeyError("a defect")


CHANGES = [
    (
        "workflows.conversation.Conversation._write",
        other_write,
        r"at event \d+ the history has (the local activity 'record'|WorkflowExecutionUpdateAccepted)",
    ),
    ("workflows.rounds.decide", other_decide, r"the code fails: KeyError: 'a defect'"),
]


@pytest.mark.parametrize(("name", "change", "difference"), CHANGES, ids=["commands", "exception"])
async def test_changed_code_is_reported_in_a_few_lines(
    monkeypatch: pytest.MonkeyPatch, name: str, change: Any, difference: str
) -> None:
    monkeypatch.setattr(name, change)
    results = await replay_all([HISTORIES], UNSANDBOXED)
    assert all(result.difference and re.match(difference, result.difference) for result in results)
    assert len(report(results).splitlines()) == len(results) + 2 + len(ADVICE.splitlines())


def test_fixture_fails_once_and_names_the_upgrade_guide(
    monkeypatch: pytest.MonkeyPatch, replay_histories: ReplayHistories
) -> None:
    monkeypatch.setattr(Conversation, "_write", other_write)
    with pytest.raises(pytest.fail.Exception, match=r"docs/upgrading\.md"):
        replay_histories(HISTORIES, runner=UNSANDBOXED)


async def test_exports_of_the_command_line_and_of_the_temporal_ui_replay(stack: Stack, tmp_path: Path) -> None:
    chat = stack.connect().start_chat_contact(
        InstanceId="demo", ContactFlowId="persistent", ParticipantDetails={"DisplayName": "Ada"}
    )["ContactId"]
    show = [temporal_binary(), "--address", stack.temporal, "workflow", "show", "-w", chat, "--output", "json"]

    async def recorded() -> str | None:
        exported = subprocess.run(show, capture_output=True, text=True, timeout=60, check=True).stdout
        return exported if "core_local_activity" in exported else None

    (tmp_path / "shown.json").write_text(await eventually(recorded, "the conversation is recorded"))
    # the Download button of the UI reads and saves this
    api = f"http://127.0.0.1:{stack.ui_port}/api/v1/namespaces/default/workflows/{chat}/history"

    async def downloaded() -> Any:
        response = httpx.get(
            api
        )  # 503 until the server of the UI has connected to Temporal, some seconds after the API is ready
        return response.json()["history"]["events"] if response.is_success else None

    events = await eventually(downloaded, "the Temporal UI answers")
    (tmp_path / "downloaded.json").write_text(json.dumps({"events": events}))
    (tmp_path / "list.json").write_text(json.dumps(events))
    results = await replay_all([tmp_path])
    assert len(results) == 3
    assert [result.difference for result in results] == [None, None, None]
