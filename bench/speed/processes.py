"""The processes that are measured: the product, embedded or apart on PostgreSQL, and the floors' Temporal server and worker."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    ExitStack,
    asynccontextmanager,
    contextmanager,
)
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import asyncpg
import psutil
from temporalio.client import Client

from runtime.devserver import PID_FILE, server_options, temporal_binary
from tests import postgres
from tests.stack import ROOT, TOKEN_KEYS, Stack, free_ports, run_process

CONFIGURATION = """
[access_keys.perennial]
secret = "perennial-demo-secret"
[instances.demo.workstreams.persistent]
mode = "persistent"
connect_within = "P1D"
queue = "persistent"
[instances.demo.agents.a1]
name = "Agent One"
capacity = 100
queues = []
"""
CONNECT_SECONDS = 60
STOP_TIME = "PT50S"
"""On a busy machine a worker takes longer for its last tasks."""

OURS = ("api", "worker")
"""The parts that are Perennial."""


@dataclass(frozen=True)
class System:
    """What is measured: the processes of the product, or of the floors.

    Attributes:
        parts: the present process ids of each part: `api`, `worker`, `temporal` and `postgres`; `floor` of a floor.
    """

    parts: Mapping[str, Callable[[], Sequence[int]]]

    def cpu_seconds(self) -> dict[str, float]:
        """The CPU time that the processes of each part have used so far."""
        return {part: sum(map(_cpu_seconds, pids())) for part, pids in self.parts.items()}

    def memory_bytes(self, *parts: str) -> int:
        """The private memory (USS) of those of the parts that the system has."""
        pids = [pid for part in parts if part in self.parts for pid in self.parts[part]()]
        return sum(map(_private_memory, pids))


@dataclass(frozen=True)
class Product(System):
    """A Perennial that runs.

    Attributes:
        address: the URL of the API.
        temporal: the address of the Temporal server.
        store: the URL of the store.
        restart: ends a part with a signal, and starts it again on the same data. Returns once it answers.
    """

    address: str
    temporal: str
    store: str
    restart: Callable[[str, int], Awaitable[None]]


@dataclass(frozen=True)
class ApartProduct(Product):
    """A Perennial whose processes run apart.

    Attributes:
        another_pair: runs one more worker and one more API process for the time of a block. Provides the URL of that API.
    """

    another_pair: Callable[[], AbstractAsyncContextManager[str]]


@contextmanager
def embedded(folder: Path, settings: Mapping[str, str] | None = None) -> Generator[Product]:
    """Run `python -m perennial`, with further settings. The part `api` is all of it: worker and Temporal server end with it."""
    stack = Stack(folder, {"PERENNIAL_CONFIG": str(_configuration(folder)), **(settings or {})})

    def api() -> Sequence[int]:
        assert stack.process
        return [stack.process.pid]

    def restart_all(number: int) -> None:
        code = stack.stop(number)
        assert code == (0 if number == signal.SIGTERM else -number), stack.log()
        stack.start()

    def restart_worker(number: int) -> None:
        ended = stack.worker()
        ended.send_signal(number)
        ended.wait(CONNECT_SECONDS)
        stack.worker()

    async def restart(part: str, number: int) -> None:
        await asyncio.to_thread(restart_worker if part == "worker" else restart_all, number)

    stack.start()
    parts: dict[str, Callable[[], Sequence[int]]] = {
        "api": api,
        "worker": lambda: [stack.worker().pid],
        "temporal": lambda: [int((folder / PID_FILE).read_text())],
    }
    try:
        yield Product(parts, stack.url, stack.temporal, f"sqlite:///{folder / 'store.db'}", restart)
    finally:
        stack.stop()


@asynccontextmanager
async def apart(folder: Path) -> AsyncGenerator[ApartProduct, None]:
    """Run worker, API, Temporal and PostgreSQL as processes of their own. All but PostgreSQL can be restarted."""
    with postgres.server() as server:
        async with postgres.database(server) as store:
            with ExitStack() as stack:  # the processes end before their database
                port, temporal_port = free_ports(2)
                temporal = f"127.0.0.1:{temporal_port}"
                environment = {
                    "PERENNIAL_CONFIG": str(_configuration(folder)),
                    "PERENNIAL_STORE_URL": store,
                    "PERENNIAL_TOKEN_KEYS": TOKEN_KEYS,
                    "PERENNIAL_API_PORT": str(port),
                    "TEMPORAL_ADDRESS": temporal,
                    "PERENNIAL_STOP_TIME": STOP_TIME,
                    "PERENNIAL_WEBHOOK_LOOPBACK": "true",
                }
                runs: dict[str, Callable[[], AbstractContextManager[subprocess.Popen[bytes]]]] = {
                    "temporal": lambda: temporal_server(folder, temporal_port),
                    "worker": lambda: run_process("worker", folder, environment),
                    "api": lambda: run_process("api", folder, environment),
                }
                processes: dict[str, subprocess.Popen[bytes]] = {}
                others: dict[str, subprocess.Popen[bytes]] = {}

                async def start(part: str) -> None:
                    processes[part] = stack.enter_context(runs[part]())
                    if part == "temporal":
                        await _connect(temporal)
                    elif part == "api":
                        await _until_served(port)

                async def restart(part: str, number: int) -> None:
                    processes[part].send_signal(number)
                    await asyncio.to_thread(processes[part].wait)
                    await start(part)

                @asynccontextmanager
                async def another_pair() -> AsyncGenerator[str]:
                    (other_port,) = free_ports(1)
                    with ExitStack() as pair:
                        for part in OURS:
                            own = {**environment, "PERENNIAL_API_PORT": str(other_port)}
                            others[part] = pair.enter_context(run_process(part, folder, own))
                        await _until_served(other_port)
                        yield f"http://127.0.0.1:{other_port}"
                    others.clear()

                for part in runs:
                    await start(part)
                parts: dict[str, Callable[[], Sequence[int]]] = {
                    part: lambda part=part: [of[part].pid for of in (processes, others) if part in of] for part in runs
                }
                parts["postgres"] = await _postgres_pids(store)
                yield ApartProduct(parts, f"http://127.0.0.1:{port}", temporal, store, restart, another_pair)


@asynccontextmanager
async def floors(folder: Path) -> AsyncGenerator[tuple[System, Client], None]:
    """Run a Temporal server with the product's options, and the worker of the floors. The client is in this process."""
    (port,) = free_ports(1)
    address = f"127.0.0.1:{port}"
    with temporal_server(folder, port) as temporal:
        client = await _connect(address)
        command = [sys.executable, "-m", "bench.speed.floor", address, str(folder / "rows.db")]
        worker = await asyncio.create_subprocess_exec(*command, cwd=ROOT)
        try:
            yield System({"floor": lambda: [worker.pid, os.getpid()], "temporal": lambda: [temporal.pid]}), client
        finally:
            worker.kill()
            await worker.wait()


@contextmanager
def temporal_server(folder: Path, port: int) -> Generator[subprocess.Popen[bytes]]:
    """Run a Temporal server with the options of the product, on a file in the folder."""
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
        yield process
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
    for _ in range(CONNECT_SECONDS * 20):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    raise AssertionError(f"the API does not answer on port {port}")


async def _postgres_pids(url: str) -> Callable[[], Sequence[int]]:
    """The process ids of a PostgreSQL server. None if it runs in a container."""
    connection = await asyncpg.connect(url)
    try:
        own = await connection.fetchval("SELECT pg_backend_pid()")
        server = psutil.Process(own).parent() if psutil.pid_exists(own) else None
        if server is None or server.name() != "postgres":
            return list
        return partial(_with_children, server.pid)
    finally:
        await connection.close()


def _configuration(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "perennial.toml"
    path.write_text(CONFIGURATION)
    return path


def _with_children(pid: int) -> list[int]:
    return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]


def _cpu_seconds(pid: int) -> float:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.user + times.system


def _private_memory(pid: int) -> int:
    try:
        return psutil.Process(pid).memory_full_info().uss
    except psutil.NoSuchProcess:
        return 0
