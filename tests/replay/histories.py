"""The recorded histories: for each run of a scenario, `NAME-RUN.json` as Temporal exports it, and its decisions (decisions.py).

A recorded history is never recorded again: it represents the conversations that run in production under the rules of its
version. A change that cannot replay it needs a new rules version; see `workflows/rules_version.py`.
"""

from __future__ import annotations

from pathlib import Path

from temporalio.client import WorkflowHistory

HISTORIES = Path(__file__).parent / "histories"


def recorded() -> list[Path]:
    """The files of all recorded histories."""
    return sorted(path for path in HISTORIES.glob("*.json") if not path.stem.endswith(".decisions"))


def scenario_name(path: Path) -> str:
    """The scenario whose run a file holds."""
    return path.stem.rpartition("-")[0]


def read_history(path: Path) -> WorkflowHistory:
    """The history in a file."""
    return WorkflowHistory.from_json(path.stem, path.read_text())
