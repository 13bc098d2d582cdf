"""Worker and API processes start before the parts that they need: they wait, and say for what."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import postgres
from tests.stack import QUIET, ROOT, TOKEN_KEYS, Stack, free_ports
from tests.workflows.engine import eventually
from tests.workflows.server import time_skipping_server

EXIT_SECONDS = 2
"""The limit for an exit that waits for nothing. It takes less than a tenth of it."""

LINES_EVERY_SECONDS = 5

MODULES = ("worker", "api")


@contextmanager
def started(module: str, folder: Path, **variables: str) -> Generator[subprocess.Popen[bytes]]:
    """Start a process whose log is a file, and end it after the block."""
    environment = {**Stack(folder).environment, **QUIET, "PERENNIAL_TOKEN_KEYS": TOKEN_KEYS, **variables}
    with (folder / f"{module}.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", module], cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def say_nothing(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Take a connection, and nothing else."""


async def log_has(folder: Path, module: str, text: str) -> None:
    async def found() -> bool | None:
        return text in (folder / f"{module}.log").read_text() or None

    await eventually(found, f"the {module} logs {text!r}", seconds=40)


@pytest.mark.parametrize("module", MODULES)
async def test_process_waits_for_temporal_and_then_for_the_store(tmp_path: Path, module: str) -> None:
    with postgres.own_server() as server:
        server.stop()
        (port, api_port) = free_ports(2)
        variables = {
            "TEMPORAL_ADDRESS": f"127.0.0.1:{port}",
            "PERENNIAL_STORE_URL": server.url,
            "PERENNIAL_API_PORT": str(api_port),
        }
        with started(module, tmp_path, **variables) as process:
            await log_has(
                tmp_path, module, f"waiting: Temporal does not answer at 127.0.0.1:{port}: Connection refused"
            )
            async with time_skipping_server(tmp_path, port):
                await log_has(tmp_path, module, "waiting: the store postgresql://")
                assert process.poll() is None
                server.start()
                ready = "the worker runs conversations" if module == "worker" else "the API listens on"
                await log_has(tmp_path, module, ready)
                process.send_signal(signal.SIGTERM)
                assert await asyncio.to_thread(process.wait, 30) == 0


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("listening", [False, True], ids=["refused", "silent"])
async def test_signal_during_the_wait_ends_the_process_at_once(tmp_path: Path, module: str, listening: bool) -> None:
    """Also while an attempt is under way: something takes the connection, but says nothing."""
    silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    if not listening:
        silent.close()
    began = time.monotonic()
    with started(module, tmp_path, TEMPORAL_ADDRESS=f"127.0.0.1:{port}") as process:
        await log_has(tmp_path, module, "waiting: Temporal does not answer at")
        waited = time.monotonic() - began
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert await asyncio.to_thread(process.wait, 10) == 0
        assert time.monotonic() - began < EXIT_SECONDS
    lines = (tmp_path / f"{module}.log").read_text().splitlines()
    assert sum("waiting:" in line for line in lines) <= 1 + waited / LINES_EVERY_SECONDS
    assert not any("Traceback" in line for line in lines)
    silent.close()
