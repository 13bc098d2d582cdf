"""The examples run as they stand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from tests.compat.chats import Chat, eventually, join_as_agent, send_message, wait_for_transcript
from tests.stack import ROOT, TOPIC, Stack, free_ports
from tests.webhooks.receiver import SECRET
from webhooks.signatures import signed_headers

pytestmark = pytest.mark.slow

EVENT = {"id": "e1", "conversation": "c", "seq": 4, "type": "message.created", "data": {"role": "CUSTOMER"}}


def post(url: str, body: bytes, headers: dict[str, str]) -> int:
    """Send an event, once the receiver listens."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return httpx.post(url, content=body, headers=headers).status_code
        except httpx.ConnectError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


@contextmanager
def provider(told: list[dict[str, str]]) -> Generator[str]:
    """Run a provider of a text channel, which keeps each request. Yields its address."""

    class Provider(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@contextmanager
def bridge(stack: Stack, port: int, provider: str) -> Generator[None]:
    """Run the bridge."""
    command = [sys.executable, str(ROOT / "examples/channel_bridge.py"), str(port), SECRET, provider]
    environment = {**os.environ, "AWS_ENDPOINT_URL": stack.url}
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        yield
        process.terminate()


def only_chat(connect: Any) -> str:
    """The only chat: the one that the bridge has started."""
    span = {"Type": "INITIATION_TIMESTAMP", "StartTime": 0, "EndTime": 4_000_000_000}
    found = connect.search_contacts(InstanceId="demo", TimeRange=span)["Contacts"]
    assert len(found) == 1
    return found[0]["Id"]


def test_receiver_prints_what_is_signed_and_refuses_the_rest() -> None:
    [port] = free_ports(1)
    command = [sys.executable, str(ROOT / "examples/webhook_receiver.py"), str(port), SECRET]
    body = json.dumps(EVENT).encode()
    headers = signed_headers([SECRET], "e1", datetime.now(UTC), body)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as receiver:
        assert receiver.stdout
        assert post(f"http://127.0.0.1:{port}", body, headers) == 204
        assert receiver.stdout.readline() == "c 4 message.created {'role': 'CUSTOMER'}\n"
        assert post(f"http://127.0.0.1:{port}", body.replace(b"e1", b"e2"), headers) == 401
        receiver.terminate()


def test_bridge_carries_a_chat_between_a_provider_and_an_agent(tmp_path: Path) -> None:
    [port] = free_ports(1)
    topic = {"url": f"http://127.0.0.1:{port}/items", "secrets": [SECRET]}
    stack = Stack(tmp_path, {"PERENNIAL_INSTANCES__demo__topics": json.dumps({TOPIC: topic})})
    stack.start()
    told: list[dict[str, str]] = []
    with provider(told) as url, bridge(stack, port, url):
        write = partial(post, f"http://127.0.0.1:{port}/texts", headers={})
        assert write(json.dumps({"from": "+43 1", "text": "Do bees sleep?"}).encode()) == 204
        connect, participant = stack.connect(), stack.participant()
        contact = only_chat(connect)
        agent = join_as_agent(stack, connect, participant, Chat(contact, "", "", ""))
        items = wait_for_transcript(participant, agent, event="participant.joined")
        assert "Do bees sleep?" in [item.get("Content") for item in items]
        send_message(participant, agent, "They do.")
        eventually(lambda: {"to": "+43 1", "text": "They do."} in told, "the answer")
        assert write(json.dumps({"from": "+43 1", "text": "STOP"}).encode()) == 204
        eventually(lambda: [each for each in told if "has ended" in each["text"]], "the end")
        assert post(f"http://127.0.0.1:{port}/items", b"{}", {}) == 401
        assert write(json.dumps({"from": "+43 1", "text": "Again"}).encode()) == 204
    assert stack.stop() == 0, stack.log()


def test_recipe_for_ci_runs_a_test_against_a_perennial_of_its_own(tmp_path: Path) -> None:
    for example in (ROOT / "examples/ci").glob("*.py"):
        (tmp_path / example.name).write_text(example.read_text())
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PERENNIAL_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={**environment, "PATH_OF_PERENNIAL": str(ROOT), "PERENNIAL_WORKER_PORT": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
