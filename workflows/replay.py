"""Replays exported workflow histories against the present code, without a server.

A running conversation continues only if this code repeats the commands of its history. `docs/replaying.md` describes how to
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

from google.protobuf.json_format import Parse
from temporalio.api.common.v1 import Payloads
from temporalio.client import WorkflowHistory
from temporalio.converter import DataConverter
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.worker import Replayer, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from workflows.conversation import Conversation
from workflows.payloads import conversation_data_converter, with_unreadable_payloads
from workflows.replay_differences import Event, describe

DECISIONS = ".decisions.json"
"""Suffix of the files with recorded decisions, which lie beside the histories. They are not replayed."""

ENCRYPTED = b"binary/encrypted"
"""The encoding of an encrypted payload."""

ADVICE = """\
A running conversation with such a history stops at that point under this code, until a worker runs that can replay it.
Keep the old behaviour for runs that have begun (see docs/upgrading.md), then replay again. Do not edit a history."""


class NotAHistory(Exception):
    """A path does not contain a history of a conversation. The message is the reason, without the path."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """The result of one replay. `difference` describes how the code differs from the history; None when it does not.

    `is_history` is False for a path without a history of a conversation; then `difference` says why.
    """

    path: Path
    events: int
    difference: str | None
    is_history: bool = True


def history_files(paths: Iterable[Path]) -> list[Path]:
    """Return the paths, with the JSON files in it, sorted by name, instead of each folder that has any."""
    found: list[Path] = []
    for path in paths:
        inside = sorted(file for file in path.rglob("*.json") if not file.name.endswith(DECISIONS))
        found += inside or [path]
    return found


async def replay_all(
    paths: Iterable[Path], runner: WorkflowRunner | None = None, converter: DataConverter = conversation_data_converter
) -> list[Replayed]:
    """Replay all histories in files and folders, one after the other.

    Args:
        paths: files as `temporal workflow show --output json` or the Temporal UI writes them, or folders of such files.
        runner: the workflow runner; None means the sandbox, as in a worker.
        converter: that of the worker; one with a codec for encrypted histories (`runtime.encryption.data_converter`).
    """
    replayer = Replayer(
        workflows=[Conversation],
        data_converter=with_unreadable_payloads(converter),
        workflow_runner=runner or SandboxedWorkflowRunner(),
        # the core logs each difference in a line of a thousand characters
        runtime=Runtime(telemetry=TelemetryConfig(logging=None)),
    )
    with _quiet():
        return [await _replay(replayer, path, converter) for path in history_files(paths)]


async def _replay(replayer: Replayer, path: Path, converter: DataConverter) -> Replayed:
    try:
        events = _events(path)
        await _check_keys(events, converter)
    except NotAHistory as problem:
        return Replayed(path, 0, str(problem), is_history=False)
    history = WorkflowHistory.from_json(path.stem, {"events": events})
    failure = (await replayer.replay_workflow(history, raise_on_replay_failure=False)).replay_failure
    return Replayed(path, len(events), None if failure is None else describe(failure, events))


def report(results: Sequence[Replayed]) -> str:
    """Return one line for each file, and what to do if a history differs."""
    lines = [
        f"{result.path}: " + (f"ok ({result.events} events)" if result.difference is None else result.difference)
        for result in results
    ]
    return "\n".join([*lines, *_conclusion(results)])


def report_differences(results: Sequence[Replayed]) -> str | None:
    """Return one line for each file that differs or is no history, and what to do; None when all replay."""
    lines = [f"{result.path}: {result.difference}" for result in results if result.difference is not None]
    return "\n".join([*lines, *_conclusion(results)]) if lines else None


async def replay_and_report(paths: Iterable[Path], converter: DataConverter = conversation_data_converter) -> int:
    """Replay all histories in files and folders and print the report.

    Return the exit code: 1 if a history differs or a file is no history of a conversation.
    """
    results = await replay_all(paths, converter=converter)
    sys.stdout.write(report(results) + "\n")
    return 0 if all(result.difference is None for result in results) else 1


def _conclusion(results: Sequence[Replayed]) -> list[str]:
    histories = [result for result in results if result.is_history]
    different = sum(result.difference is not None for result in histories)
    others = len(results) - len(histories)
    if not different and not others:
        all_of_them = "The history replays" if len(results) == 1 else f"All {len(results)} histories replay"
        return [f"{all_of_them} under this code."]
    lines = [""]
    if others:
        lines.append(f"{others} of {len(results)} files {'is' if others == 1 else 'are'} no history of a conversation.")
    if different:
        verb = "does" if different == 1 else "do"
        lines += [f"{different} of {len(histories)} histories {verb} not replay under this code.", ADVICE]
    return lines


def _events(path: Path) -> list[Event]:
    """The events of an export: `{"events": [...]}`, or the list alone."""
    if path.is_dir():
        raise NotAHistory("there are no JSON files in this folder")
    try:
        exported: Any = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise NotAHistory("there is no such file or folder") from None
    except OSError as error:
        raise NotAHistory(f"it cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise NotAHistory(f"this is not JSON ({error})") from None
    events: Any = exported.get("events") if isinstance(exported, dict) else exported
    if not (isinstance(events, list) and events and all(isinstance(event, dict) for event in events)):
        raise NotAHistory("this is not a workflow history; there are no events in it")
    started: Any = events[0].get("workflowExecutionStartedEventAttributes")
    if not isinstance(started, dict):
        raise NotAHistory("this history does not begin with the start of a workflow; export all of it")
    name = started.get("workflowType", {}).get("name")
    if name != Conversation.__name__:
        raise NotAHistory(f"this is the history of a workflow {name!r}, not of a {Conversation.__name__!r}")
    if any("data" not in payload for payload in started.get("input", {}).get("payloads", [{}])):
        raise NotAHistory("its payloads are decoded; export it again without decoding the event history")
    return events


async def _check_keys(events: Sequence[Event], converter: DataConverter) -> None:
    """Check that the converter can read the input of the workflow.

    Raises:
        NotAHistory: the input is encrypted, and the converter has no key, or not the right one.
    """
    sent = Parse(json.dumps(events[0]["workflowExecutionStartedEventAttributes"].get("input", {})), Payloads())
    if converter.payload_codec is None:
        if any(payload.metadata.get("encoding") == ENCRYPTED for payload in sent.payloads):
            raise NotAHistory("its payloads are encrypted; set PERENNIAL_ENCRYPTION_KEYS, as for a worker")
        return
    try:
        await converter.payload_codec.decode(sent.payloads)
    except Exception as error:
        raise NotAHistory(f"its payloads cannot be decrypted: {error}") from None


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
