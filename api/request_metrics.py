"""Metrics of HTTP requests: how many, with which status, and how long they take, by plane."""

from __future__ import annotations

from time import perf_counter

from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runtime.metrics import ApiMetrics

PLANES = (("/participant/", "participant"), ("/v1/agent/", "agent"), ("/v1/", "administration"))
"""The beginnings of the paths of the planes, the longer ones first."""

PROCESS_PATHS = frozenset({"/", "/healthz", "/readyz", "/metrics", "/docs", "/openapi.json"})


class RequestMetrics:
    """ASGI middleware that counts and measures requests. Every middleware that can answer a request is inside of it."""

    def __init__(self, app: ASGIApp, metrics: ApiMetrics) -> None:
        self._app = app
        self._metrics = metrics
        self._by_plane: dict[str, Histogram] = {}
        self._by_status: dict[tuple[str, int], Counter] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request, and measure it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = perf_counter(), 500

        async def forward(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, forward)
        finally:
            self._note(plane_of(scope["path"]), status, perf_counter() - began)

    def _note(self, plane: str, status: int, seconds: float) -> None:
        if plane not in self._by_plane:
            self._by_plane[plane] = self._metrics.request_seconds.labels(plane)
        if (plane, status) not in self._by_status:
            self._by_status[plane, status] = self._metrics.requests.labels(plane, str(status))
        self._by_plane[plane].observe(seconds)
        self._by_status[plane, status].inc()


def plane_of(path: str) -> str:
    """The plane of a path: `participant`, `agent`, `administration`, `process` or `connect`."""
    for beginning, plane in PLANES:
        if path.startswith(beginning):
            return plane
    return "process" if path in PROCESS_PATHS else "connect"
