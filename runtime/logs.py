"""The log of every process: text or JSON, with the instance, the contact and the request where they are known.

It never holds a message, a name or an attribute of a person. The lines of the code contain none, and exceptions that quote values
are written without their texts.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from runtime.log_limits import RepeatedLines

REQUEST_ID: ContextVar[str | None] = ContextVar("REQUEST_ID", default=None)
"""Id of the request that this task serves; None outside of requests."""

INSTANCE: ContextVar[str | None] = ContextVar("INSTANCE", default=None)
"""The instance that this task is about; None where it is not known."""

CONTACT: ContextVar[str | None] = ContextVar("CONTACT", default=None)
"""The contact, or the conversation, that this task is about; None where it is not known."""

QUOTING = frozenset({"ValidationError", "DataError"})
"""Exceptions whose texts quote values: those of pydantic and of asyncpg."""

MAX_CAUSE = 300
"""Characters of a cause that the SDK's core names."""

_Error = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def set_up_logging(level: int, *, as_json: bool = False) -> None:
    """Write the log of this process to stderr. A later call replaces the earlier one.

    Args:
        level: the lowest level that is written.
        as_json: one JSON object for each line, instead of text.
    """
    to_stderr = logging.StreamHandler()
    to_stderr.setFormatter(JsonFormatter() if as_json else TextFormatter())
    to_stderr.addFilter(_add_cause)
    to_stderr.addFilter(without_trace_of_cancellation)
    to_stderr.addFilter(RepeatedLines())
    logging.basicConfig(level=level, handlers=[to_stderr], force=True)
    # it logs the addresses of WebSockets, which hold tokens
    logging.getLogger("uvicorn.error").setLevel(max(level, logging.WARNING))
    # it logs each request that succeeds
    logging.getLogger("httpx").setLevel(max(level, logging.WARNING))


def report_fatal(problem: str) -> None:
    """Write the sentence that says why the process ends: as the log is written, but as plain text if that is text."""
    if any(isinstance(handler.formatter, JsonFormatter) for handler in logging.getLogger().handlers):
        logging.getLogger("perennial").critical(problem)
    else:
        sys.stderr.write(f"perennial: {problem}\n")


class _SafeFormatter(logging.Formatter):
    """A formatter whose traces quote no values."""

    def formatException(self, ei: _Error) -> str:
        """Return the trace. If an exception in it quotes values, the trace has only the names of exceptions."""
        errors = list(_chain(ei[1]))
        if not any(type(error).__name__ in QUOTING for error in errors):
            return super().formatException(ei)
        frames = "".join(traceback.format_tb(ei[2]))
        return f"{frames}{' from '.join(type(error).__name__ for error in errors)} (its text may quote values)"


class TextFormatter(_SafeFormatter):
    """A line of text. What is known of the circumstances stands at its end."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the line."""
        known = " ".join(f"{name} {value}" for name, value in _circumstances(record).items())
        line = super().formatMessage(record)
        return f"{line} [{known}]" if known else line


class JsonFormatter(_SafeFormatter):
    """A JSON object on one line. docs/operations.md lists its members."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_circumstances(record),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def _circumstances(record: logging.LogRecord) -> dict[str, str]:
    instance = INSTANCE.get() or getattr(record, "perennial_instance", None)  # of a line of a conversation
    known = {"instance": instance, "contact": CONTACT.get() or _workflow_id(record), "request": REQUEST_ID.get()}
    return {name: value for name, value in known.items() if value}


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and those that led to it, the latest first."""
    while error:
        yield error
        error = error.__cause__ or error.__context__


def _add_cause(record: logging.LogRecord) -> bool:
    """Add the cause to a line of the SDK's core, which names it apart. Other fields can hold payloads. The line always passes."""
    fields: Mapping[str, Any] = getattr(getattr(record, "temporal_log", None), "fields", None) or {}
    if cause := fields.get("error"):
        record.msg, record.args = f"{record.getMessage()}: {str(cause)[:MAX_CAUSE]}", ()
    return True


def without_trace_of_cancellation(record: logging.LogRecord) -> bool:
    """Leave out the trace of a cancelled task: it shows where the task was, and not why it was cancelled. The line always passes.

    The SDK writes one for each activity that it cancels because its workflow task has taken too long, as after a pause.
    """
    if record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError):
        record.msg, record.args = f"{record.getMessage()}: cancelled", ()
        record.exc_info = record.exc_text = None
    return True


def _workflow_id(record: logging.LogRecord) -> str | None:
    """The workflow, which has the id of the conversation's first contact, in a line of Temporal's SDK."""
    for name in ("temporal_workflow", "temporal_activity"):
        details: Mapping[str, Any] = getattr(record, name, None) or {}
        if "workflow_id" in details:
            return str(details["workflow_id"])
    return None
