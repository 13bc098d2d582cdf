"""The log of a process: its two formats, what it never quotes, and the limits for lines that repeat."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from contextvars import copy_context
from io import StringIO

import pytest
from pydantic import BaseModel

from runtime import log_limits, logs
from runtime.log_limits import LINES_OF_A_KIND, RepeatedLines
from runtime.logs import CONTACT, INSTANCE, REQUEST_ID, JsonFormatter, TextFormatter, without_trace_of_cancellation
from tests.stack import ROOT

MARK = "mark-of-a-person"


class Quoted(BaseModel):
    """A model that refuses the mark."""

    number: int


class Log:
    """A logger that writes to a text."""

    def __init__(self, formatter: logging.Formatter) -> None:
        self._text = StringIO()
        handler = logging.StreamHandler(self._text)
        handler.setFormatter(formatter)
        handler.addFilter(RepeatedLines())
        self.logger = logging.Logger("a.part")
        self.logger.addHandler(handler)

    @property
    def lines(self) -> list[str]:
        return self._text.getvalue().splitlines()


@pytest.fixture
def log() -> Log:
    return Log(TextFormatter())


@pytest.fixture
def json_log() -> Log:
    return Log(JsonFormatter())


def in_circumstances(log: Log) -> None:
    INSTANCE.set("demo")
    CONTACT.set("c-1")
    REQUEST_ID.set("r-1")
    log.logger.warning("it %s", "rains")


def test_text_names_what_is_known_at_its_end(log: Log) -> None:
    copy_context().run(in_circumstances, log)
    log.logger.warning("alone")
    assert log.lines[0].endswith("WARNING a.part: it rains [instance demo contact c-1 request r-1]")
    assert log.lines[1].endswith("WARNING a.part: alone")


def test_json_has_a_member_for_each_fact(json_log: Log) -> None:
    copy_context().run(in_circumstances, json_log)
    line = json.loads(json_log.lines[0])
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "warning",
        "logger": "a.part",
        "message": "it rains",
        "instance": "demo",
        "contact": "c-1",
        "request": "r-1",
    }


def test_json_is_one_line_also_with_a_trace(json_log: Log) -> None:
    try:
        raise ConnectionError("two\nlines")
    except ConnectionError:
        json_log.logger.exception("it\nfails")
    [line] = json_log.lines
    assert "ConnectionError: two" in json.loads(line)["error"]


def test_line_of_the_sdk_names_its_conversation(json_log: Log) -> None:
    json_log.logger.warning("failed", extra={"temporal_activity": {"workflow_id": "c-2"}})
    assert json.loads(json_log.lines[0])["contact"] == "c-2"


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()], ids=["text", "json"])
def test_exception_that_quotes_values_is_written_without_them(formatter: logging.Formatter) -> None:
    log = Log(formatter)
    try:
        try:
            Quoted.model_validate({"number": MARK})
        except ValueError as error:
            raise RuntimeError("a later one") from error
    except RuntimeError:
        log.logger.exception("it fails")
    text = "\n".join(log.lines)
    assert "RuntimeError from ValidationError" in text
    assert "test_exception_that_quotes_values" in text  # the frames stay
    assert MARK not in text


async def test_cancelled_task_leaves_one_line(log: Log) -> None:
    log.logger.handlers[0].addFilter(without_trace_of_cancellation)
    task = asyncio.create_task(asyncio.Event().wait())
    await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        log.logger.warning("completing as failed (%s)", "a-1", exc_info=True)
    assert len(log.lines) == 1
    assert log.lines[0].endswith("completing as failed (a-1): cancelled")


@pytest.mark.parametrize("as_json", [True, False])
def test_last_sentence_of_a_process_is_written_as_its_log(as_json: bool) -> None:
    code = f"""
import logging
from runtime.errors import StartupError
from runtime.logs import set_up_logging
from runtime.process import run_and_exit

async def main() -> int:
    set_up_logging(logging.INFO, as_json={as_json})
    raise StartupError("the port is in use")

run_and_exit(main())
"""
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    if as_json:
        line = json.loads(ended.stderr)
        assert (line["level"], line["message"]) == ("critical", "the port is in use")
    else:
        assert ended.stderr == "perennial: the port is in use\n"


@pytest.mark.parametrize("level", [logging.INFO, logging.WARNING])
def test_same_line_is_written_once_and_counted(log: Log, monkeypatch: pytest.MonkeyPatch, level: int) -> None:
    def fail(text: str) -> None:
        log.logger.log(level, "cannot do it: %s", text)

    for _ in range(5):
        fail("away")
    fail("gone")
    assert len(log.lines) == 2
    monkeypatch.setattr(log_limits, "INTERVAL_SECONDS", 0.0)
    fail("away")
    assert log.lines[2].endswith("cannot do it: away (4 more like it in the last 0 s)")


def test_only_some_lines_of_a_kind_are_written_and_others_are_not_affected(log: Log) -> None:
    for number in range(100):
        log.logger.error("cannot reach %d", number)
    log.logger.error("another kind")
    assert len(log.lines) == LINES_OF_A_KIND + 1


def test_what_is_for_a_search_of_defects_is_never_left_out(log: Log) -> None:
    for _ in range(30):
        log.logger.debug("a socket closes")
    assert len(log.lines) == 30


def test_remembered_kinds_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_limits, "MAX_KINDS", 3)
    monkeypatch.setattr(log_limits, "INTERVAL_SECONDS", 0.0)
    limits = RepeatedLines()
    for number in range(20):
        limits.filter(logging.LogRecord(f"logger {number}", logging.ERROR, "path", 1, "text", (), None))
    assert len(limits._kinds) <= 3  # pyright: ignore[reportPrivateUsage]


def test_addresses_of_sockets_which_hold_tokens_are_not_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    monkeypatch.setattr(sys, "stderr", StringIO())
    try:
        logs.set_up_logging(logging.DEBUG)
        assert not logging.getLogger("uvicorn.error").isEnabledFor(logging.INFO)
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
