"""The port of the worker: a worker serves no requests, but its probes and metrics need a place."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from runtime.http_server import served
from runtime.ports import bound_socket
from runtime.settings import Settings

DEFAULT_WORKER_PORT = 8081
"""The port of a worker that runs apart. Beside others on one machine, as in the all-in-one start, the system chooses one."""


@asynccontextmanager
async def serve_worker_port(
    settings: Settings, routes: Sequence[Route], *, default: int = DEFAULT_WORKER_PORT
) -> AsyncGenerator[int, None]:
    """Serve the routes until the block ends. Yields the port.

    Args:
        settings: the settings of the process.
        routes: what is served.
        default: the port if none is set; with 0 the system chooses one.

    Raises:
        StartupError: the port is in use.
    """
    port = default if settings.worker_port is None else settings.worker_port
    listening = bound_socket(settings.worker_host, port, "The worker", "PERENNIAL_WORKER_PORT")
    config = uvicorn.Config(
        Starlette(routes=routes),
        log_config=None,
        lifespan="off",
        access_log=False,
        proxy_headers=False,
        ws="none",
        timeout_graceful_shutdown=1,
    )
    async with served(config, listening) as running:
        yield running.port
