"""The probes of a process over HTTP: `/healthz` says that it is alive, `/readyz` whether it is ready for work.

A platform restarts a process that is not alive, and sends nothing to one that is not ready.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from runtime.health import Readiness


def probe_routes(readiness: Readiness) -> list[Route]:
    """The routes of both probes, for GET and HEAD."""

    async def ready(_: Request) -> JSONResponse:
        if problems := await readiness.problems():
            return JSONResponse({"status": "not ready", "problems": problems}, status_code=503)
        return JSONResponse({"status": "ready"})

    return [Route("/healthz", _alive), Route("/readyz", ready)]


async def _alive(_: Request) -> JSONResponse:
    """Answers whenever the event loop runs. A part that is away is no reason to restart the process."""
    return JSONResponse({"status": "ok"})
