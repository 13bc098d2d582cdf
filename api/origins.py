"""Pages of other origins: which of them may call the API, and what.

The participant plane and the desk of agents are for browsers, so pages of the configured origins may call them, with any method
and header: tokens protect the chats, there are no cookies, and tracing libraries add headers of their own. The control plane
takes the keys of backends. No page has one, so no page of another origin may call it.

A browser hides an answer from other pages, but sends the request all the same. Starting a chat needs no token, so its origin is
looked at before: a page could else start chats from the address of each of its visitors.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from api.errors import refuse_socket, render
from api.request_ids import HEADER
from domain.errors import AccessDenied
from runtime.settings import Settings

PLANES = ("/participant/", "/v1/agent/", "/v1/supervision/", "/v1/chat-pages/")
OTHER_PATHS = frozenset({"/v1/agent", "/v1/agents/token"})
"""The agent itself, which has nothing after its path, and the exchange of a token for an agent token."""

STARTS = "/v1/chat-pages/chats"
"""Starts a chat for anybody."""

ANY = "*"

_ON_LOOPBACK = r"https?://(localhost|[a-z0-9-]+\.localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?"
"""Origins on this machine: the default, for development."""

_MAX_AGE_SECONDS = 7200


class Origins:
    """ASGI middleware that lets pages of the configured origins call the planes for browsers, and open their sockets."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        origins = settings.allowed_origins
        self._regex = re.compile(_ON_LOOPBACK) if origins is None else None
        self._origins = frozenset(origins or ())
        self._own_host = urlsplit(settings.public_url).netloc if settings.public_url else None
        self._cors = CORSMiddleware(
            app,
            allow_origins=origins or (),
            allow_origin_regex=_ON_LOOPBACK if origins is None else None,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["x-amzn-errortype", HEADER],
            max_age=_MAX_AGE_SECONDS,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request, or answer what a browser asks before it sends one."""
        if scope["type"] == "lifespan" or not _is_for_browsers(scope["path"]):
            await self._app(scope, receive, send)
        elif scope["type"] == "http" and (origin := self._refused_start(scope)) is not None:
            await render(_refusal(origin, "start chats"), scope["path"])(scope, receive, send)
        elif scope["type"] == "http":
            await self._cors(scope, receive, send)
        elif (origin := self._refused(scope)) is not None:
            await refuse_socket(WebSocket(scope, receive, send), _refusal(origin, "open this socket"))
        else:
            await self._app(scope, receive, send)

    def _refused_start(self, scope: Scope) -> str | None:
        """Return the origin of a page that must not start a chat; None for all other requests."""
        return self._refused(scope) if (scope["method"], scope["path"]) == ("POST", STARTS) else None

    def _refused(self, scope: Scope) -> str | None:
        """Return the origin of a request that is refused for it; None if it is not. Only browsers send one."""
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin is None or ANY in self._origins or origin in self._origins:
            return None
        if self._regex and self._regex.fullmatch(origin):
            return None
        own = (headers.get("host"), self._own_host)
        # not `urlsplit`, which raises an error for some texts
        return None if origin.partition("://")[2] in own else origin


def _refusal(origin: str, action: str) -> AccessDenied:
    return AccessDenied(f"Pages of {origin} may not {action}; PERENNIAL_ALLOWED_ORIGINS names those that may.")


def _is_for_browsers(path: str) -> bool:
    return path.startswith(PLANES) or path in OTHER_PATHS
