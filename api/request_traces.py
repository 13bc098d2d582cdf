"""The spans of HTTP requests. A caller's own trace goes on, if the request names it (`traceparent`)."""

from __future__ import annotations

from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.request_metrics import plane_of
from runtime.logs import REQUEST_ID
from runtime.tracing import context_of, ended, tracer

_CALLER = (b"traceparent", b"tracestate")


class RequestTraces:
    """ASGI middleware that makes the span of each request, except those of probes, start page and documentation.

    The span has the route instead of the path, because a path can name an agent or a queue.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request within its span."""
        if scope["type"] != "http" or scope["method"] == "OPTIONS" or (plane := plane_of(scope["path"])) == "process":
            await self._app(scope, receive, send)
            return
        method: str = scope["method"]
        caller = {name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in _CALLER}
        attributes = {"http.request.method": method, "perennial.plane": plane}
        span = tracer().start_span(method, context_of(caller), SpanKind.SERVER, attributes)

        async def forward(message: Message) -> None:
            if message["type"] == "http.response.start":
                span.set_attribute("http.response.status_code", message["status"])
                if message["status"] >= 500:
                    span.set_status(Status(StatusCode.ERROR))
            await send(message)

        with trace.use_span(span, record_exception=False, set_status_on_exception=False), ended(span):
            await self._app(scope, receive, forward)
            if route := getattr(scope.get("route"), "path", None):
                span.update_name(f"{method} {route}")
                span.set_attribute("http.route", route)
            span.set_attribute("perennial.request.id", REQUEST_ID.get() or "")
