"""A child process that runs a module of this program beside its parent: the worker of the all-in-one start."""

from __future__ import annotations

import asyncio
import logging
import socket
import subprocess
import sys
from contextlib import suppress
from types import TracebackType

from runtime.bus import Announcement
from runtime.errors import StartupError
from runtime.socket_bus import SocketBus

PARENT_SOCKET = "--parent-socket"
"""The option by which a child process gets the descriptor of the socket to its parent."""

READY_SECONDS = 60
RESTART_SECONDS = 1.0

logger = logging.getLogger(__name__)


class ChildProcess:
    """`python -m MODULE` as a child process with a socket to its parent, for the time of a block.

    The child ends with its parent, however that ends, because it then loses the socket. A child that ends by itself is started
    again.
    """

    def __init__(self, module: str, bus: SocketBus, ready: Announcement) -> None:
        """Prepare the child.

        Args:
            module: what runs. It must know the option `PARENT_SOCKET`.
            bus: the bus to which the child is attached.
            ready: what the child announces on `bus` once it is ready.
        """
        self._module = module
        self._bus = bus
        self._ready = asyncio.Event()
        bus.subscribe(lambda announcement: self._ready.set() if announcement == ready else None)

    async def __aenter__(self) -> None:
        """Start the child, and wait until it is ready.

        Raises:
            StartupError: it ended before it was ready, and has said why; or it was not ready within `READY_SECONDS`.
        """
        self._process = await self._start()
        ended, ready = asyncio.create_task(self._process.wait()), asyncio.create_task(self._ready.wait())
        await asyncio.wait((ended, ready), timeout=READY_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        ready.cancel()
        if not self._ready.is_set():
            raise StartupError(f"the {self._module} did not start")
        self._keeper = asyncio.create_task(self._keep_running())

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the child, and wait for its end."""
        self._keeper.cancel()
        await asyncio.wait([self._keeper])
        with suppress(ProcessLookupError):
            self._process.terminate()
        await self._process.wait()

    async def _keep_running(self) -> None:
        while True:
            code = await self._process.wait()
            logger.error("the %s ended with exit code %d; starting it again", self._module, code)
            await asyncio.sleep(RESTART_SECONDS)
            self._process = await self._start()

    async def _start(self) -> asyncio.subprocess.Process:
        own, childs = socket.socketpair()
        with childs:
            # a new session: Ctrl-C in the terminal must not stop the child before its parent says so
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", self._module, PARENT_SOCKET, str(childs.fileno())),
                pass_fds=[childs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        await self._bus.attach(own)
        return process
