"""Headers that tell browsers what not to do with an answer: guess its type, keep it, show it in a frame, run scripts in it."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY = "content-security-policy"

DEFAULTS = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (CONTENT_SECURITY_POLICY.encode(), b"default-src 'none'; frame-ancestors 'none'"),
)
"""What each answer has, unless it has another value. The pages for people have a policy of their own."""

_STARTS = frozenset({"http.response.start", "websocket.http.response.start"})


class SecurityHeaders:
    """ASGI middleware that adds the headers to all answers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request."""

        async def forward(message: Message) -> None:
            if message["type"] in _STARTS:
                present = list(message.get("headers", ()))
                names = {name.lower() for name, _ in present}
                message["headers"] = present + [pair for pair in DEFAULTS if pair[0] not in names]
            await send(message)

        await self._app(scope, receive, forward)
