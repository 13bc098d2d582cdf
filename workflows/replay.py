"""Replays exported workflow histories against the present code, without a server.

A running conversation continues only if this code repeats the commands of its history. `docs/upgrading.md` describes how to
export histories, and what to do when one of them differs.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.worker import Replayer, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from workflows.conversation import Conversation
from workflows.replay_differences import Event, describe

DECISIONS = ".decisions.json"
"""Suffix of the files with recorded decisions, which lie beside the histories. They are not replayed."""

ADVICE = """\
A running conversation with such a history stops at that point under this code, until a worker runs that can replay it.
Keep the old behaviour for runs that have begun (see docs/upgrading.md), then replay again. Do not edit a history."""


class NoHistory(Exception):
    """A path does not contain a workflow history. The message names the path and the reason."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """The result of one replay. `difference` describes how the code differs from the history; None when it does not."""

    path: Path
    events: int
    difference: str | None


def history_files(paths: Iterable[Path]) -> list[Path]:
    """Return the files among the paths, and all JSON files in the folders among them, sorted by name.

    Raises:
        NoHistory: a path does not exist, or there are no files in it.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*.json") if not file.name.endswith(DECISIONS))
            if not inside:
                raise NoHistory(f"{path}: there are no JSON files in this folder")
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise NoHistory(f"{path}: there is no such file or folder")
    return found


async def replay_all(paths: Iterable[Path], runner: WorkflowRunner | None = None) -> list[Replayed]:
    """Replay all histories in files and folders, one after the other.

    Args:
        paths: files as `temporal workflow show --output json` or the Temporal UI writes them, or folders of such files.
        runner: the workflow runner; None means the sandbox, as in a worker.

    Raises:
        NoHistory: a path holds no history of a conversation.
    """
    replayer = Replayer(
        workflows=[Conversation],
        data_converter=pydantic_data_converter,
        workflow_runner=runner or SandboxedWorkflowRunner(),
        # the core logs each difference in a line of a thousand characters
        runtime=Runtime(telemetry=TelemetryConfig(logging=None)),
    )
    with _quiet():
        return [await _replay(replayer, path) for path in history_files(paths)]


async def _replay(replayer: Replayer, path: Path) -> Replayed:
    events = _events(path)
    history = WorkflowHistory.from_json(path.stem, {"events": events})
    failure = (await replayer.replay_workflow(history, raise_on_replay_failure=False)).replay_failure
    return Replayed(path, len(events), None if failure is None else describe(failure, events))


def report(results: Sequence[Replayed]) -> str:
    """Return one line for each history, and what to do if one differs."""
    lines = [
        f"{result.path}: " + (f"ok ({result.events} events)" if result.difference is None else result.difference)
        for result in results
    ]
    return "\n".join([*lines, *_conclusion(results)])


def report_differences(results: Sequence[Replayed]) -> str | None:
    """Return one line for each history that differs, and what to do; None when all replay."""
    lines = [f"{result.path}: {result.difference}" for result in results if result.difference is not None]
    return "\n".join([*lines, *_conclusion(results)]) if lines else None


async def replay_and_report(paths: Iterable[Path]) -> int:
    """Replay all histories in files and folders and print the report. Return the exit code: 1 if one of them differs."""
    try:
        results = await replay_all(paths)
    except NoHistory as problem:
        sys.stderr.write(f"perennial: {problem}\n")
        return 1
    sys.stdout.write(report(results) + "\n")
    return 0 if all(result.difference is None for result in results) else 1


def _conclusion(results: Sequence[Replayed]) -> list[str]:
    different = sum(result.difference is not None for result in results)
    if not different:
        return [f"All {len(results)} histories replay under this code."]
    return ["", f"{different} of {len(results)} histories do not replay under this code.", ADVICE]


def _events(path: Path) -> list[Event]:
    """The events of an export: `{"events": [...]}`, or the list alone."""
    try:
        exported: Any = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise NoHistory(f"{path}: this is not JSON ({error})") from None
    events: Any = exported.get("events") if isinstance(exported, dict) else exported
    if not (isinstance(events, list) and events and all(isinstance(event, dict) for event in events)):
        raise NoHistory(f"{path}: this is not a workflow history; there are no events in it")
    started: Any = events[0].get("workflowExecutionStartedEventAttributes")
    if not isinstance(started, dict):
        raise NoHistory(f"{path}: this history does not begin with the start of a workflow; export all of it")
    name = started.get("workflowType", {}).get("name")
    if name != Conversation.__name__:
        raise NoHistory(f"{path}: this is the history of a workflow {name!r}, not of a {Conversation.__name__!r}")
    if any("data" not in payload for payload in started.get("input", {}).get("payloads", [{}])):
        raise NoHistory(f"{path}: its payloads are decoded; export it again without decoding the event history")
    return events


@contextmanager
def _quiet() -> Generator[None]:
    """Silence the SDK, which logs every failed task with its traceback."""
    logger = logging.getLogger("temporalio")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)
