"""Limits of the log: neither an outage nor a client may write a line for each of its attempts."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from time import monotonic

INTERVAL_SECONDS = 10.0
"""In this time each line is written once, and of one kind at most `LINES_OF_A_KIND`."""

LINES_OF_A_KIND = 10

MAX_KINDS = 1_000
"""How many kinds are remembered."""


@dataclass(slots=True)
class _Kind:
    """The lines of one place in the code."""

    since: float
    texts: set[str] = field(default_factory=set[str])
    left_out: int = 0


class RepeatedLines(logging.Filter):
    """Leaves out lines that repeat, and counts them in the next line of their kind.

    A kind is the place in the code that logs. Lines of the level `debug` always pass.
    """

    def __init__(self) -> None:
        super().__init__()
        self._kinds: dict[tuple[str, str, int], _Kind] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the line is written."""
        if record.levelno < logging.INFO:
            return True
        place, now, text = (record.name, record.pathname, record.lineno), monotonic(), record.getMessage()
        kind = self._kinds.get(place)
        if kind is None or now - kind.since >= INTERVAL_SECONDS:
            self._forget_old(now)
            self._kinds[place] = _Kind(now, {text})
            if kind and kind.left_out:
                record.msg, record.args = (
                    f"{text} ({kind.left_out} more like it in the last {now - kind.since:.0f} s)",
                    (),
                )
            return True
        if text in kind.texts or len(kind.texts) >= LINES_OF_A_KIND:
            kind.left_out += 1
            return False
        kind.texts.add(text)
        return True

    def _forget_old(self, now: float) -> None:
        if len(self._kinds) >= MAX_KINDS:
            self._kinds = {place: kind for place, kind in self._kinds.items() if now - kind.since < INTERVAL_SECONDS}
