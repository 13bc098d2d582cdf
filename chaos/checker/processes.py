"""No request is answered with 500, and no process logs a traceback."""

from __future__ import annotations

from collections.abc import Iterator

from chaos.checker.evidence import Breach, Evidence
from chaos.journal import Journal

TRACEBACK = "Traceback (most recent call last)"
SHOWN_LINES = 3


def check_processes(journal: Journal, evidence: Evidence) -> Iterator[Breach]:
    """Errors that people got, and tracebacks in logs."""
    yield from (Breach("HTTP 500", "people", error) for error in journal.errors)
    for process, log in evidence.logs.items():
        lines = log.splitlines()
        for place, line in enumerate(lines):
            if TRACEBACK in line:
                around = " | ".join(lines[max(place - SHOWN_LINES, 0) : place])
                yield Breach("traceback", process, f"line {place + 1} of its log, after: {around}")
