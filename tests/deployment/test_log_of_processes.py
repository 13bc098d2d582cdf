"""The logs of API and worker as JSON: they are readable, and hold nothing of what people write, even when parts fail."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx

from runtime.devserver import temporal_binary
from tests.api.agent.agent_client import sign_in
from tests.api.calls import Api
from tests.compat.chats import eventually
from tests.stack import Stack
from tests.test_metrics import subscribed, until_frame

MARKS = ("mark-of-a-text", "mark-of-a-name", "mark-of-an-attribute", "mark-of-a-note")
TEXT, NAME, ATTRIBUTE, NOTE = MARKS

MESSAGE = {"ContentType": "text/plain", "Content": TEXT}


def test_logs_hold_no_text_no_name_and_no_attribute(tmp_path: Path) -> None:
    """A chat with marked texts, whose store loses a table for a while, so that writes and requests fail unexpectedly."""
    stack = Stack(tmp_path, {"PERENNIAL_LOG_FORMAT": "json", "PERENNIAL_LOG_LEVEL": "debug"})
    stack.start()
    try:
        with httpx.Client(base_url=stack.url, timeout=30) as http:
            live_through(Api(stack, http))
    finally:
        assert stack.stop() == 0
    text = stack.log()
    assert [mark for mark in MARKS if mark in text] == []
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    assert any(line["level"] == "error" and "error" in line for line in lines)
    assert any("request" in line and "contact" in line and line.get("instance") == "demo" for line in lines)
    assert {line["logger"].partition(".")[0] for line in lines} >= {"api", "temporalio"}
    assert "token=" not in text


def test_refusal_of_a_kind_is_one_line_with_what_is_known(tmp_path: Path) -> None:
    stack = Stack(tmp_path, {"PERENNIAL_LOG_FORMAT": "json", "PERENNIAL_UNRECORDED_MESSAGES": "1"})
    stack.start()
    try:
        with httpx.Client(base_url=stack.url, timeout=30) as http:
            api = Api(stack, http)
            chat = api.start("live")

            def refuse_resume(_: int) -> None:
                refuse(api, chat.contact_id, "resume", NAME)

            def send(_: int) -> httpx.Response:
                return api.send("SendMessage", MESSAGE, chat=chat)

            with ThreadPoolExecutor(8) as senders:
                assert [*senders.map(refuse_resume, range(8))] == [None] * 8
            with stack.hanging_temporal(), ThreadPoolExecutor(8) as senders:
                answers = [*senders.map(send, range(8))]
            throttled = [answer.headers["x-amzn-requestid"] for answer in answers if answer.status_code == 429]
    finally:
        stack.stop()
    lines = [json.loads(line) for line in stack.log().splitlines() if line.startswith("{")]
    refused, *more = [line for line in lines if line["message"].startswith("refused resume: ")]
    assert (refused["instance"], refused["contact"]) == ("demo", chat.contact_id)
    assert len(more) < 4  # one for ten seconds
    overload, *more = [line for line in lines if line["message"].startswith("refused for overload: ")]
    assert len(more) + 1 < len(throttled)
    assert overload["request"] in throttled
    assert NAME not in stack.log()


def refuse(api: Api, contact_id: str, name: str, by: str) -> None:
    """Send a signal that is not possible now."""
    signal = ["workflow", "signal", "-w", contact_id, "--name", name, "--input", json.dumps({"by": by})]
    subprocess.run([temporal_binary(), "--address", api.stack.temporal, *signal], check=True, capture_output=True)


def live_through(api: Api) -> None:
    agent = sign_in(api, "a1")
    agent.set_status("available")
    details: dict[str, Any] = {"ParticipantDetails": {"DisplayName": NAME}, "Attributes": {ATTRIBUTE: ATTRIBUTE}}
    chat = api.start("live", **details)
    agent.post(f"offers/{agent.wait_for_offer(chat)}/accept").raise_for_status()
    with subscribed(api, chat) as socket:
        api.send("SendMessage", MESSAGE, chat=chat).raise_for_status()
        until_frame(socket, TEXT)
        agent.post(f"contacts/{chat.contact_id}/notes", {"text": NOTE})
        with closing(sqlite3.connect(api.stack.folder / "store.db", timeout=30, isolation_level=None)) as store:
            store.execute("ALTER TABLE items RENAME TO items_gone")
            try:
                api.send("SendMessage", MESSAGE, chat=chat)
                assert api.send("GetTranscript", {}, chat=chat).is_server_error
                eventually(lambda: "Completing activity as failed" in api.stack.log(), "a write has failed")
            finally:
                store.execute("ALTER TABLE items_gone RENAME TO items")
        until_frame(socket, TEXT)
    api.end(chat)
