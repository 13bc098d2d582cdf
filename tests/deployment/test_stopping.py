"""The stop of a process that has to wait: it says what it waits for, and a second Ctrl-C ends it at once."""

from __future__ import annotations

import re
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from tests.deployment.test_run import send, start_chat
from tests.stack import Stack


def test_slow_stop_says_what_it_waits_for_and_a_second_signal_stops_at_once(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "data")
    stack.start()
    _, token = start_chat(stack)
    temporal = (stack.folder / "temporal.pid").read_text()
    with closing(sqlite3.connect(stack.folder / "store.db", timeout=30, isolation_level=None)) as store:
        store.execute("BEGIN IMMEDIATE")  # nobody else can write
        send(stack, token, "waits in the workflow")
        time.sleep(1)
        assert stack.process
        stack.process.send_signal(signal.SIGINT)
        wait_for_line(stack, "Waiting for ", seconds=20)
        began = time.monotonic()
        stack.process.send_signal(signal.SIGINT)
        assert stack.process.wait(5) == 1
        assert time.monotonic() - began < 2
    assert "Stopping..." in stack.log()
    assert "Traceback" not in stack.log()
    deadline = time.monotonic() + 15
    while Path(f"/proc/{temporal}").exists():
        assert time.monotonic() < deadline, "the Temporal server still runs"
        time.sleep(0.1)
    stack.start()
    assert stack.stop() == 0


def wait_for_line(stack: Stack, beginning: str, *, seconds: float) -> None:
    """Wait until the log of a stack has a line that begins so."""
    deadline = time.monotonic() + seconds
    while not re.search(f"^{re.escape(beginning)}", stack.log(), re.MULTILINE):
        assert time.monotonic() < deadline, stack.log()
        time.sleep(0.1)
