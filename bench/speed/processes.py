"""The processes that are measured: the product, embedded or apart on PostgreSQL, and the floors' Temporal server and worker."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from temporalio.client import Client

from runtime.devserver import server_options, temporal_binary
from tests import postgres
from tests.stack import ROOT, TOKEN_KEYS, Stack, free_ports, run_process

CONFIGURATION = """
[access_keys.perennial]
secret = "perennial-demo-secret"
[instances.demo.workstreams.persistent]
mode = "persistent"
queue = "persistent"
[instances.demo.agents.a1]
name = "Agent One"
capacity = 100
queues = []
"""
CONNECT_SECONDS = 60


@dataclass
class System:
    """What is measured: its address, and its processes by part (`product`, `temporal`, `postgres`)."""

    address: str
    parts: dict[str, list[int]] = field(default_factory=dict)

    def cpu_seconds(self) -> dict[str, float]:
        """The CPU time that each part has used so far, with its children."""
        return {part: sum(map(_cpu_seconds, pids)) for part, pids in self.parts.items()}

    def memory_bytes(self, part: str) -> int:
        """The private memory of a part (USS)."""
        return sum(psutil.Process(pid).memory_full_info().uss for pid in self.parts[part])


@contextmanager
def embedded(folder: Path) -> Generator[tuple[System, Stack]]:
    """Run `python -m perennial`."""
    stack = Stack(folder, {"PERENNIAL_CONFIG": str(_configuration(folder))})
    stack.start()
    assert stack.process
    try:
        yield System(stack.url, embedded_parts(stack)), stack
    finally:
        stack.stop()


def embedded_parts(stack: Stack) -> dict[str, list[int]]:
    """The processes of `python -m perennial`, by part."""
    assert stack.process
    temporal = int((stack.folder / "temporal.pid").read_text())
    own = [child.pid for child in psutil.Process(stack.process.pid).children(recursive=True) if child.pid != temporal]
    return {"product": [stack.process.pid, *own], "temporal": [temporal]}


@asynccontextmanager
async def apart(folder: Path) -> AsyncGenerator[System, None]:
    """Run worker, API, Temporal and PostgreSQL as processes of their own."""
    with ExitStack() as stack:
        server = stack.enter_context(postgres.server())
        async with postgres.database(server) as url:
            address, temporal = stack.enter_context(temporal_server(folder))
            await _connect(address)
            (port,) = free_ports(1)
            environment = {
                "PERENNIAL_CONFIG": str(_configuration(folder)),
                "PERENNIAL_STORE_URL": url,
                "PERENNIAL_TOKEN_KEYS": TOKEN_KEYS,
                "PERENNIAL_API_PORT": str(port),
                "TEMPORAL_ADDRESS": address,
            }
            worker = stack.enter_context(run_process("worker", folder, environment))
            api = stack.enter_context(run_process("api", folder, environment))
            parts = {"product": [api.pid, worker.pid], "temporal": [temporal], "postgres": _postgres_pids()}
            await _until_served(port)
            yield System(f"http://127.0.0.1:{port}", parts)


@asynccontextmanager
async def floors(folder: Path) -> AsyncGenerator[tuple[System, Client], None]:
    """Run a Temporal server with the product's options, and the worker of the floors. The client is in this process."""
    with temporal_server(folder) as (address, temporal):
        client = await _connect(address)
        command = [sys.executable, "-m", "bench.speed.floor", address, str(folder / "rows.db")]
        worker = await asyncio.create_subprocess_exec(*command, cwd=ROOT)
        try:
            yield System(address, {"product": [worker.pid, os.getpid()], "temporal": [temporal]}), client
        finally:
            worker.kill()
            await worker.wait()


@contextmanager
def temporal_server(folder: Path) -> Generator[tuple[str, int]]:
    """Run a Temporal server with the options of the product. Yields its address and process id."""
    (port,) = free_ports(1)
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        temporal_binary(),
        *("server", "start-dev", "--ip", "127.0.0.1", "--log-level", "warn", "--headless", "--port", str(port)),
        *("--db-filename", str(folder / "temporal.db")),
        *server_options(durable=False),
    ]
    with (folder / "temporal.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield f"127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait(30)


async def _connect(address: str) -> Client:
    for _ in range(CONNECT_SECONDS * 10):
        try:
            return await Client.connect(address)
        except RuntimeError:
            await asyncio.sleep(0.1)
    raise AssertionError(f"Temporal does not answer at {address}")


async def _until_served(port: int) -> None:
    for _ in range(CONNECT_SECONDS * 10):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    raise AssertionError(f"the API does not answer on port {port}")


def _configuration(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "perennial.toml"
    path.write_text(CONFIGURATION)
    return path


def _postgres_pids() -> list[int]:
    return [process.pid for process in psutil.process_iter(["name"]) if process.info["name"] == "postgres"]


def _cpu_seconds(pid: int) -> float:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.user + times.system
