"""Describes how a replay differs from its history, in one line that names the event."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Sequence
from typing import Any

from temporalio.workflow import NondeterminismError

Event = dict[str, Any]
"""One event of a history, as exported: camel case, payloads in base64."""

_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_MESSAGE = re.compile(f"message: {_QUOTED}")
_ERROR_TYPE = re.compile(f"r#type: {_QUOTED}")
_PREFIX = re.compile(r"^\[TMPRL\d+\] (Nondeterminism error: )?")
_LOCAL_ACTIVITY = re.compile(r"LocalActivity\((\d+)\)")
_EVENT = re.compile(r"HistoryEvent\(id: (\d+), (\w+)\)")
_MAX_CHARACTERS = 300
"""Characters of a message that are shown."""


def describe(failure: Exception, events: Sequence[Event]) -> str:
    """Return the difference, on one line.

    Args:
        failure: the error of the replay. Its text is a debug dump of the SDK's core, which this function parses.
        events: the history.
    """
    text = str(failure)
    message = _PREFIX.sub("", _first(_MESSAGE, text) or text)
    message = " ".join(message.replace('\\"', '"').split())[:_MAX_CHARACTERS]
    if not isinstance(failure, NondeterminismError):
        kind = _first(_ERROR_TYPE, text)
        return f"the code fails: {f'{kind}: ' if kind else ''}{message}"
    if number := _first(_LOCAL_ACTIVITY, message):
        return _difference(*_local_activity(int(number), events), message)
    if found := _EVENT.search(message):
        return _difference(found[1], found[2], message)
    return f"the code departs from the history ({message})"


def _difference(event: str, recorded: str, message: str) -> str:
    return f"at event {event} the history has {recorded}, and the code does something else ({message})"


def _first(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.search(text)
    return found[1] if found else None


def _local_activity(number: int, events: Sequence[Event]) -> tuple[str, str]:
    """The id of the event that records a local activity, and its description."""
    for event in events:
        details = event.get("markerRecordedEventAttributes", {}).get("details", {})
        for payload in details.get("data", {}).get("payloads", []):
            data = json.loads(b64decode(payload["data"]))
            if isinstance(data, dict) and data.get("seq") == number:
                return event["eventId"], f"the local activity {data.get('activity_type')!r}"
    return "?", f"local activity {number}"
