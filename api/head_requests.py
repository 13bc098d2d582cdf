"""HEAD: monitors and proxies ask with it for whatever can be read with GET."""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

_SENT_METHOD = "perennial.sent_method"


def sent_method(request: Request) -> str:
    """Return the method as the client sent it, and signed it."""
    return request.scope.get(_SENT_METHOD, request.method)


class HeadRequests:
    """ASGI middleware that answers HEAD as GET. The HTTP server leaves the body out."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request, a HEAD as a GET."""
        if scope["type"] == "http" and scope["method"] == "HEAD":
            scope = {**scope, "method": "GET", _SENT_METHOD: "HEAD"}
        await self._app(scope, receive, send)
