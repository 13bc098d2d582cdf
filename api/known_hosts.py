"""The names under which the API is reached. Requests under any other name are refused.

A web page can have a name of its own resolve to this machine, and then counts as of the same origin (DNS rebinding). Its requests
still name the host of the page.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from api.errors import refuse_socket, render
from domain.errors import AccessDenied
from runtime.settings import Settings

OPEN_PATHS = ("/healthz", "/readyz", "/metrics")
"""What the machines around ask for, under any name: it says nothing about persons."""

_LOOPBACK_NAMES = ("localhost", ".localhost")
_REMEMBERED = 1_000

_HOST = re.compile(r"(\[(?P<address>[0-9a-f:.]+)\]|(?P<name>[a-z0-9._-]+))(:\d{1,5})?")
"""A name or an address, and a port."""


class KnownHosts:
    """ASGI middleware that refuses requests whose `Host` is unknown."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        public = urlsplit(settings.public_url).hostname if settings.public_url else None
        own = settings.api_host
        hosts = (f"[{own}]" if ":" in own else own, public or "", *settings.allowed_hosts)
        self._names = {name for name in map(_name, hosts) if name}
        self._all_addresses = not own or (_is_address(own) and ip_address(own).is_unspecified)
        self._is_known = lru_cache(_REMEMBERED)(self._look_up)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request, or refuse it."""
        if scope["type"] == "lifespan" or scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
        if self._is_known(host):
            await self._app(scope, receive, send)
            return
        fault = AccessDenied(f"The host {host!r} is not served here; PERENNIAL_ALLOWED_HOSTS names those that are.")
        if scope["type"] == "websocket":
            await refuse_socket(WebSocket(scope, receive, send), fault)
        else:
            await render(fault, scope["path"])(scope, receive, send)

    def _look_up(self, host: str) -> bool:
        name = _name(host)
        if name in self._names or name == _LOOPBACK_NAMES[0] or name.endswith(_LOOPBACK_NAMES[1]):
            return True
        return _is_address(name) and (self._all_addresses or ip_address(name).is_loopback)


def _name(host: str) -> str:
    """Return the name or address in a `Host`, without its port, in lower case; empty when it is none."""
    found = _HOST.fullmatch(host.lower())
    return (found["address"] or found["name"].removesuffix(".")) if found else ""


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
