"""Perennial as a user runs it: `python -m perennial` as a separate process, on free ports, with its own data folder."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import boto3
import httpx
import psutil

from configuration.schema.limits import LimitSettings

ROOT = Path(__file__).parent.parent
KEY_ID, SECRET = "perennial", "perennial-demo-secret"
TOKEN_KEYS = '["the same token key in all API processes"]'
"""`PERENNIAL_TOKEN_KEYS` for API processes that run apart; they refuse to start without."""

TOPIC = "arn:aws:sns:us-east-1:123456789012:chat"
"""The topic of the demo in tests."""

READY_SECONDS = 90
LOG_LINES = 15

NO_LIMITS = dict.fromkeys(LimitSettings.model_fields, "off")
"""The setting `limits` for tests, which call faster than people."""

QUIET = {"PERENNIAL_POSITIONS_EVERY": "P1D", "PERENNIAL_LIMITS": json.dumps(NO_LIMITS)}
"""No queue positions: a transcript holds only what its test causes. No limits."""


class NotStarted(Exception):
    """A stack did not start. The message is short and ends with the last lines of the log."""


class Stack:
    """One Perennial. It can be stopped, killed, and started again on the same data."""

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.api_port, self.temporal_port, self.ui_port = free_ports(3)
        self.url = f"http://127.0.0.1:{self.api_port}"
        self.temporal = f"127.0.0.1:{self.temporal_port}"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PERENNIAL_", "TEMPORAL_"))},
            "PERENNIAL_DATA_DIR": str(folder),
            "PERENNIAL_API_PORT": str(self.api_port),
            "PERENNIAL_TEMPORAL_PORT": str(self.temporal_port),
            "PERENNIAL_UI_PORT": str(self.ui_port),
            "PERENNIAL_WORKER_PORT": "0",
            **QUIET,
            **(settings or {}),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until the API answers.

        Raises:
            NotStarted: it ended, or did not answer within `READY_SECONDS`.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "perennial.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "perennial"], cwd=ROOT, env=self.environment, stdout=log, stderr=log
            )
        deadline = time.monotonic() + READY_SECONDS
        while not self._answers():
            if self.process.poll() is not None:
                raise NotStarted(f"it ended with exit code {self.process.returncode}{self._end_of_log()}")
            if time.monotonic() > deadline:
                self.process.kill()
                raise NotStarted(f"it did not answer within {READY_SECONDS} s{self._end_of_log()}")
            time.sleep(0.05)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the end, and return the exit code."""
        assert self.process
        self.process.send_signal(number)
        return self.process.wait(60)

    def kill_everything(self) -> None:
        """`kill -9` the process, its worker and its Temporal server, at the same time."""
        assert self.process
        children = psutil.Process(self.process.pid).children(recursive=True)
        self.process.kill()
        for child in children:
            child.kill()
        self.process.wait(60)

    @contextmanager
    def hanging_temporal(self) -> Generator[None]:
        """Stop the Temporal server for the time of the block. It keeps its connections and does not answer."""
        assert self.process
        children = psutil.Process(self.process.pid).children(recursive=True)
        [server] = [child for child in children if "temporal" in Path(child.exe()).name]
        server.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            server.send_signal(signal.SIGCONT)

    def worker(self) -> psutil.Process:
        """The worker process, once it runs.

        Raises:
            NotStarted: it did not run within `READY_SECONDS`.
        """
        assert self.process
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            for child in psutil.Process(self.process.pid).children():
                with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                    if "worker" in child.cmdline():
                        return child
            time.sleep(0.05)
        raise NotStarted(f"it had no worker within {READY_SECONDS} s{self._end_of_log()}")

    def log(self) -> str:
        """The whole log."""
        return (self.folder / "perennial.log").read_text(errors="replace")

    def connect(self, **options: Any) -> Any:
        """Return a `connect` client of boto3 for this API."""
        return self.client("connect", **options)

    def participant(self, **options: Any) -> Any:
        """Return a `connectparticipant` client of boto3 for this API."""
        return self.client("connectparticipant", **options)

    def client(self, service: str, **options: Any) -> Any:
        """Return a boto3 client with the demo key."""
        defaults = {"region_name": "local", "aws_access_key_id": KEY_ID, "aws_secret_access_key": SECRET}
        return boto3.client(service, endpoint_url=self.url, **(defaults | options))  # pyright: ignore[reportUnknownMemberType]

    def _end_of_log(self) -> str:
        lines = self.log().splitlines()[-LOG_LINES:]
        return "; the end of its log:\n" + "\n".join(f"  {line}" for line in lines)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz", timeout=2).is_success
        except httpx.TransportError:
            return False


@contextmanager
def run_process(module: str, folder: Path, environment: Mapping[str, str]) -> Generator[subprocess.Popen[bytes]]:
    """Run `python -m module` for the time of the block. It must end cleanly, unless the block kills it."""
    path = folder / f"{module}.log"
    own = {"PERENNIAL_DATA_DIR": str(folder), "PERENNIAL_WORKER_PORT": "0", **QUIET}
    variables = {**os.environ, **own, **environment}
    with path.open("ab") as log:
        process = subprocess.Popen([sys.executable, "-m", module], cwd=ROOT, env=variables, stdout=log, stderr=log)
    try:
        yield process
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        code = process.wait(60)
        assert code in (0, -signal.SIGKILL), f"{module} ended with {code}:\n{path.read_text()}"
    finally:
        process.kill()
        process.wait()


def free_ports(count: int) -> list[int]:
    """Return unused ports, below the range from which the system takes ports for outgoing connections."""
    found: set[int] = set()
    while len(found) < count:
        port = random.randrange(15_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.add(port)
    return list(found)
