"""The stop of an API process that nobody can replace, and of one that hangs."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import postgres
from tests.stack import QUIET, ROOT, TOKEN_KEYS, free_ports
from tests.workflows.engine import eventually
from tests.workflows.server import time_skipping_server

STOP_SECONDS = 4
HANDS_OVER = "hands 0 sockets over"


@dataclass
class OwnDeployment:
    """A database that a test can freeze, and API processes."""

    server: postgres.OwnServer
    folder: Path
    temporal: str

    @contextmanager
    def api(self, name: str) -> Generator[subprocess.Popen[bytes]]:
        """Run an API process until it has ended."""
        variables = {
            "TEMPORAL_ADDRESS": self.temporal,
            "PERENNIAL_STORE_URL": self.server.url,
            "PERENNIAL_TOKEN_KEYS": TOKEN_KEYS,
            "PERENNIAL_API_PORT": str(free_ports(1)[0]),
            "PERENNIAL_STOP_TIME": f"PT{STOP_SECONDS}S",
            "PERENNIAL_STOP_NOTICE": "PT0.5S",
        }
        with (self.folder / f"{name}.log").open("wb") as log:
            environment = {**os.environ, **QUIET, **variables}
            process = subprocess.Popen([sys.executable, "-m", "api"], cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def log(self, name: str) -> str:
        """The log of a process."""
        return (self.folder / f"{name}.log").read_text()

    async def ready(self, name: str) -> None:
        """Wait until a process listens."""

        async def listens() -> bool | None:
            return "the API listens on" in self.log(name) or None

        await eventually(listens, f"{name} listens", seconds=60)


@pytest.fixture
async def deployment(tmp_path: Path) -> AsyncGenerator[OwnDeployment]:
    with postgres.own_server() as server:
        async with time_skipping_server(tmp_path) as temporal:
            yield OwnDeployment(server, tmp_path, temporal.client.service_client.config.target_host)


async def test_process_hands_over_only_if_another_one_runs(deployment: OwnDeployment) -> None:
    with deployment.api("first") as first, deployment.api("second") as second:
        for name in ("first", "second"):
            await deployment.ready(name)
        for process in (first, second):
            process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(process.wait, 30) == 0
    assert HANDS_OVER in deployment.log("first")
    assert HANDS_OVER not in deployment.log("second")


async def test_stop_that_hangs_ends_in_time(deployment: OwnDeployment) -> None:
    with deployment.api("hangs") as process:
        await deployment.ready("hangs")
        deployment.server.freeze()
        try:
            process.send_signal(signal.SIGTERM)
            code = await asyncio.to_thread(process.wait, 3 * STOP_SECONDS)
        finally:
            deployment.server.thaw()
    assert code == 1
    assert f"The stop has taken {STOP_SECONDS} s. The process ends." in deployment.log("hangs")
