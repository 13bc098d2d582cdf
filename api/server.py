"""How the API listens: its port, its limits, its protocol for WebSockets."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, cast

import uvicorn
from fastapi import FastAPI

from api.connection_limits import IdleConnections, UnreadAnswers
from api.http_protocol import LimitedHttpProtocol, measure_readers
from api.websocket_protocol import ChatSocketProtocol
from runtime.http_server import Served, served
from runtime.ports import bound_socket
from runtime.settings import Settings

SHUTDOWN_SECONDS = 5
MAX_FRAME_BYTES = 64 * 1024

API_EXIT = "the API to finish its requests and close its connections"
"""What the end of `serve` waits for."""


@asynccontextmanager
async def serve(app: FastAPI, settings: Settings) -> AsyncGenerator[Served, None]:
    """Serve the application until the block ends. The system chooses the port for the setting 0.

    Raises:
        StartupError: the application does not start, or its port is in use.
    """
    # bound here, because uvicorn ends the whole process if it cannot bind
    listening = bound_socket(settings.api_host, settings.api_port, "The API", "PERENNIAL_API_PORT")
    measure_readers(listening)
    config = uvicorn.Config(
        app,
        log_config=None,
        lifespan="on",  # else uvicorn serves an application that fails to start, without its lifespan
        access_log=False,
        proxy_headers=False,  # the application has its own
        http=cast("Any", partial(LimitedHttpProtocol, unread=UnreadAnswers(), idle=IdleConnections())),
        ws=ChatSocketProtocol,
        ws_per_message_deflate=False,
        ws_max_size=MAX_FRAME_BYTES,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        timeout_keep_alive=75,
    )
    async with served(config, listening) as running:
        yield running
