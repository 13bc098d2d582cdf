"""Runs the application with uvicorn in an event loop that uvicorn does not own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from socket import socket

import uvicorn
from fastapi import FastAPI

from api.websocket_protocol import ChatSocketProtocol
from runtime.errors import StartupError
from runtime.ports import bound_socket
from runtime.settings import Settings

SHUTDOWN_SECONDS = 5
MAX_FRAME_BYTES = 64 * 1024

API_EXIT = "the API to finish its requests and close its connections"
"""What the end of `serve` waits for."""


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
            raise StartupError("the API did not start; see its log") from error


@asynccontextmanager
async def serve(app: FastAPI, settings: Settings) -> AsyncGenerator[int, None]:
    """Serve the application until the block ends. Yields the port, which the system chooses for the setting 0.

    Raises:
        StartupError: the application does not start, or its port is in use.
    """
    # bound here, because uvicorn ends the whole process if it cannot bind
    listening = bound_socket(settings.api_host, settings.api_port, "The API", "PERENNIAL_API_PORT")
    port: int = listening.getsockname()[1]
    config = uvicorn.Config(
        app,
        log_config=None,
        lifespan="on",  # else uvicorn serves an application that fails to start, without its lifespan
        access_log=False,
        proxy_headers=False,  # the application has its own
        ws=ChatSocketProtocol,
        ws_per_message_deflate=False,
        ws_max_size=MAX_FRAME_BYTES,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        timeout_keep_alive=75,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:
        if task.done():
            await task
        await asyncio.sleep(0.01)
    try:
        yield port
    finally:
        server.should_exit = True
        await task
