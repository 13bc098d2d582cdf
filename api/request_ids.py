"""Request ids: every response names the id of its request, and so does what is logged for it."""

from __future__ import annotations

from uuid import uuid4

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runtime.logs import REQUEST_ID

HEADER = "x-amzn-requestid"

_RESPONSE_STARTS = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})


class RequestIds:
    """ASGI middleware that gives each request an id. Every middleware that can answer a request must be inside of it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request, and name its id in the response."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        request_id = str(uuid4())

        async def forward(message: Message) -> None:
            if message["type"] in _RESPONSE_STARTS:
                message["headers"] = [*message.get("headers", ()), (HEADER.encode(), request_id.encode())]
            await send(message)

        REQUEST_ID.set(request_id)
        await self._app(scope, receive, forward)
