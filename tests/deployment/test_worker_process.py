"""The worker of the all-in-one start is a process of its own. It announces to the API, ends with its parent, and is replaced."""

from __future__ import annotations

import json
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from websockets.sync.client import ClientConnection, connect

from tests.deployment.test_run import assert_continues, send, start_chat
from tests.stack import Stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Generator[Stack]:
    own = Stack(tmp_path_factory.mktemp("data"))
    own.start()
    yield own
    assert own.stop() == 0, own.log()


@contextmanager
def subscribed_socket(stack: Stack) -> Generator[tuple[ClientConnection, str]]:
    """A socket that is subscribed to a new chat, and a connection token for the chat."""
    chat = stack.connect().start_chat_contact(
        InstanceId="demo", ContactFlowId="persistent", ParticipantDetails={"DisplayName": "Ada"}
    )
    answer = stack.participant().create_participant_connection(
        ParticipantToken=chat["ParticipantToken"], Type=["WEBSOCKET", "CONNECTION_CREDENTIALS"]
    )
    with connect(answer["Websocket"]["Url"]) as socket:
        socket.send(json.dumps({"topic": "aws/subscribe", "content": {"topics": ["aws/chat"]}}))
        yield socket, answer["ConnectionCredentials"]["ConnectionToken"]


def next_message(socket: ClientConnection) -> str:
    while True:
        frame: dict[str, Any] = json.loads(socket.recv(timeout=20))
        item = json.loads(frame["content"]) if frame["topic"] == "aws/chat" else {}
        if item.get("Type") == "MESSAGE":
            return item["Content"]


def test_writes_of_the_worker_reach_sockets_by_announcement(stack: Stack) -> None:
    """A lost announcement costs up to two seconds each, because feeds poll; all of them lost would take over 30 s."""
    with subscribed_socket(stack) as (socket, token):
        send(stack, token, "warm up")
        assert next_message(socket) == "warm up"
        began = time.monotonic()
        for number in range(20):
            send(stack, token, str(number))
            assert next_message(socket) == str(number)
        assert time.monotonic() - began < 15


def test_killed_worker_is_replaced_and_conversations_continue(stack: Stack) -> None:
    contact_id, token = start_chat(stack)
    killed = stack.worker()
    killed.kill()
    psutil.wait_procs([killed], timeout=20)
    send(stack, token, "after")
    assert stack.worker().pid != killed.pid
    assert "the worker ended with exit code -9; starting it again" in stack.log()
    stack.connect().associate_contact_with_user(InstanceId="demo", ContactId=contact_id, UserId="a1")
    page = stack.participant().get_transcript(ConnectionToken=token, SortOrder="ASCENDING")
    assert [item["Content"] for item in page["Transcript"] if item["Type"] == "MESSAGE"] == ["before", "after"]


@pytest.mark.chaos
def test_worker_ends_with_a_killed_parent(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "data")
    stack.start()
    contact_id, token = start_chat(stack)
    worker = stack.worker()
    assert stack.process
    stack.process.kill()
    stack.process.wait()
    gone, _ = psutil.wait_procs([worker], timeout=10)
    assert gone == [worker]
    stack.start()
    assert_continues(stack, contact_id, token)
    assert stack.stop() == 0


def test_worker_that_cannot_start_stops_the_start(tmp_path: Path) -> None:
    """The parent does not use the archive, so only its worker finds that the folder cannot be written."""
    (tmp_path / "file").touch()
    archive = {"PERENNIAL_ARCHIVE_URL": (tmp_path / "file" / "archive").as_uri()}
    stack = Stack(tmp_path / "data", archive)
    with pytest.raises(Exception, match="it ended with exit code 1"):
        stack.start()
    lines = [line for line in stack.log().splitlines() if line.startswith("perennial: ")]
    assert len(lines) == 2, stack.log()
    assert str(tmp_path / "file" / "archive") in lines[0]
    assert lines[1] == "perennial: the worker did not start"
    assert "Traceback" not in stack.log()
