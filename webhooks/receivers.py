"""Requests to the receivers of webhooks. Only addresses outside of the machine are reached, and no redirect is followed."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from socket import AF_INET, AF_INET6, SOCK_DGRAM, socket
from typing import NamedTuple

import httpx

from runtime.plain_reasons import plain_reason
from store.webhooks import MAX_ANSWER
from webhooks.host_clients import HostClients
from webhooks.lookups import Lookups

ANSWER_SECONDS = 15.0
"""In this time a receiver answers."""

DEFAULT_PORT, MAX_PORT = 443, 65_535

REQUEST_ERRORS = (OSError, httpx.HTTPError, httpx.InvalidURL, UnicodeError)
"""The errors of requests without an answer."""


class ReceiverAnswer(NamedTuple):
    """What a receiver answers.

    Attributes:
        status: the status; None without an answer.
        text: the beginning of the answer, or why there is none.
        retry_after: for how many seconds it asks; None when it does not.
    """

    status: int | None
    text: str
    retry_after: float | None = None


class UnreachableAddress(OSError):
    """A receiver has an address to which nothing is sent."""


class Receivers:
    """Sends requests. The address of a host is looked up once for a request, checked, and then used."""

    def __init__(self, *, hosts: Collection[str], loopback: bool) -> None:
        """Prepare.

        Args:
            hosts: the only hosts that are reached; empty: all.
            loopback: whether addresses of this machine are reached, too.
        """
        self._hosts, self._loopback = hosts, loopback
        self._lookups, self._clients = Lookups(), HostClients()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> ReceiverAnswer:
        """Send a request, and return the beginning of the answer. Raises nothing: a failure is an answer without status."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._post(httpx.URL(url), body, headers)
        except TimeoutError:
            return ReceiverAnswer(None, f"no answer within {ANSWER_SECONDS:.0f} s")
        except REQUEST_ERRORS as problem:
            return ReceiverAnswer(None, plain_reason(problem)[:MAX_ANSWER])

    async def close(self) -> None:
        """Close all connections."""
        self._lookups.close()
        await self._clients.close()

    async def _post(self, url: httpx.URL, body: bytes, headers: Mapping[str, str]) -> ReceiverAnswer:
        address = await self._address(url)
        sent = {"content-type": "application/json", "accept-encoding": "identity", **headers, "host": _host_of(url)}
        async with self._clients.client(url.host) as client:
            request = client.build_request(
                "POST",
                url.copy_with(host=address),
                content=body,
                headers=sent,
                extensions={"sni_hostname": url.host},
            )
            response = await client.send(request, stream=True)
            try:
                return ReceiverAnswer(response.status_code, await _beginning(response), _retry_after(response))
            finally:
                await response.aclose()

    async def _address(self, url: httpx.URL) -> str:
        """Return the address of a host.

        Raises:
            UnreachableAddress: nothing is sent there.
        """
        if self._hosts and url.host not in self._hosts:
            raise UnreachableAddress(f"the host {url.host!r} is not among PERENNIAL_WEBHOOK_HOSTS")
        port = url.port or DEFAULT_PORT
        if port > MAX_PORT:
            raise UnreachableAddress(f"there is no port {port}")
        address = await self._lookups.address(url.host, port)
        if not self._may_reach(address):
            raise UnreachableAddress(
                f"{url.host} has the address {address}, which is of this machine, link-local or reserved"
            )
        return address

    def _may_reach(self, address: str) -> bool:
        ip = ip_address(address)
        # the address of IPv4 that one of IPv6 stands for
        ip = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None) or ip
        if ip.is_loopback:
            return self._loopback
        if ip.is_link_local or ip.is_multicast or ip.is_unspecified or ip.is_reserved or ip in _METADATA:
            return False
        return self._loopback or not _is_of_this_machine(ip)


def _is_of_this_machine(ip: IPv4Address | IPv6Address) -> bool:
    """Whether a socket of this machine can have an address."""
    try:
        with socket(AF_INET if ip.version == 4 else AF_INET6, SOCK_DGRAM) as probe:
            probe.bind((str(ip), 0))
    except OSError:
        return False
    return True


_METADATA = frozenset(
    ip_address(each) for each in ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16", "192.0.0.192")
)
"""Where clouds tell a machine its secrets, besides the addresses of the link."""


def _host_of(url: httpx.URL) -> str:
    return url.netloc.decode("ascii")


def _retry_after(response: httpx.Response) -> float | None:
    text = response.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdecimal() and len(text) < 7 else None


async def _beginning(response: httpx.Response) -> str:
    body = b""
    async for part in response.aiter_raw():
        body += part
        if len(body) >= MAX_ANSWER:
            break
    return body[:MAX_ANSWER].decode("utf-8", "replace").replace("\0", "")
