"""The examples run as they stand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx

from tests.stack import ROOT, free_ports
from tests.webhooks.receiver import SECRET
from webhooks.signatures import signed_headers

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
