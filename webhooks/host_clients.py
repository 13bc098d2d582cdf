"""The HTTP clients of receivers: one for each host.

A request goes to the address of a host that was checked, and a client keeps its connections by address. Hosts can share an
address, but not a connection: that has shown the certificate of one host.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter, OrderedDict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

KEPT_HOSTS = 200
"""To how many hosts a process keeps its connections."""

KEPT_SECONDS = 30
"""How long a connection without a request is kept."""


class HostClients:
    """The clients of a process. Those that were not used for the longest time are closed."""

    def __init__(self, most: int = KEPT_HOSTS) -> None:
        self._most = most
        self._clients: OrderedDict[str, httpx.AsyncClient] = OrderedDict()
        self._uses: Counter[str] = Counter()
        self._certificates: ssl.SSLContext | None = None

    @asynccontextmanager
    async def client(self, host: str) -> AsyncGenerator[httpx.AsyncClient]:
        """The client for requests to a host, for the time of the block."""
        self._certificates = self._certificates or await asyncio.to_thread(ssl.create_default_context)
        client = self._clients.get(host) or self._clients.setdefault(host, self._new(self._certificates))
        self._clients.move_to_end(host)
        self._uses[host] += 1
        try:
            yield client
        finally:
            self._uses[host] -= 1
            await self._close_unused()

    async def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            await client.aclose()

    async def _close_unused(self) -> None:
        unused = [host for host in self._clients if not self._uses[host]]
        # taken out before anything waits: meanwhile another request can use a host, or close it
        taken = [self._clients.pop(host) for host in unused[: max(0, len(self._clients) - self._most)]]
        self._uses = +self._uses
        for client in taken:
            await client.aclose()

    def _new(self, certificates: ssl.SSLContext) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            verify=certificates,
            timeout=None,  # noqa: S113 - the whole request has a limit
            limits=httpx.Limits(keepalive_expiry=KEPT_SECONDS),
            # nobody is recognised by what a receiver has set
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        )
