"""Proxies in front of the API: which of them are believed, and what they say about the request as it was sent.

`X-Forwarded-Proto` and `X-Forwarded-For` of a trusted proxy change the scheme and the client of the request. `X-Forwarded-Host`
is read for signatures only.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any, cast

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

Networks = Sequence[IPv4Network | IPv6Network]

_PEER = "perennial.peer"
"""Key in the scope: the address that opened the connection, which `X-Forwarded-For` does not change."""


class TrustedProxies:
    """ASGI middleware that applies the headers of trusted proxies."""

    def __init__(self, app: ASGIApp, proxies: Networks) -> None:
        trusted = [str(network) for network in proxies]
        self._app = cast("ASGIApp", ProxyHeadersMiddleware(cast("Any", app), trusted_hosts=trusted))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Apply the headers, and forward the request."""
        if scope["type"] != "lifespan":
            scope[_PEER] = scope.get("client")
        await self._app(scope, receive, send)


def forwarded_host(request: Request, proxies: Networks) -> str | None:
    """Return the `Host` that the client sent, as a trusted proxy forwards it; None without one."""
    host = request.headers.get("x-forwarded-host", "").partition(",")[0].strip()
    return host if host and _is_trusted(request.scope.get(_PEER), proxies) else None


def _is_trusted(peer: tuple[str, int] | None, proxies: Networks) -> bool:
    try:
        address = ip_address(peer[0]) if peer else None
    except ValueError:
        return False
    return address is not None and any(address in network for network in proxies)
