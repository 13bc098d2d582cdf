"""Serves an ASGI application with uvicorn in an event loop that uvicorn does not own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from socket import socket

import uvicorn

from runtime.errors import StartupError


class _Server(uvicorn.Server):
    """uvicorn without signal handlers, because the process has its own, and without the end of the process."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Handle no signals."""
        yield

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Start the application and listen.

        Raises:
            StartupError: it does not start. uvicorn would end the whole process.
        """
        try:
            await super().startup(sockets)
        except (Exception, SystemExit) as error:
            raise StartupError("the HTTP server did not start; see the log") from error


@dataclass(frozen=True, slots=True)
class Served:
    """An application while it is served."""

    port: int
    server: _Server

    def stop_listening(self) -> None:
        """Take no new connections. The open ones are served as before."""
        for listener in self.server.servers:
            listener.close()


@asynccontextmanager
async def served(config: uvicorn.Config, listening: socket) -> AsyncGenerator[Served, None]:
    """Serve an application on a bound socket until the block ends.

    Raises:
        StartupError: the application does not start.
    """
    port: int = listening.getsockname()[1]
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:
        if task.done():
            await task
        await asyncio.sleep(0.01)
    try:
        yield Served(port, server)
    finally:
        server.should_exit = True
        await task
