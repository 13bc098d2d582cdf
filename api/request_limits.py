"""How often clients may call: rates by participant, access key and agent, and failed authentications by address.

Rates hold for each API process: a call that asked the store would cost more than it protects. A caller whose requests reach `n`
processes has `n` times the rate.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Hashable
from contextlib import asynccontextmanager
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil
from typing import Any, NoReturn

from starlette.requests import HTTPConnection

from api.request_rates import Failures, RequestRate
from configuration.schema.limits import LimitSettings, number
from domain.errors import AccessDenied, TooFast, UnknownToken
from runtime.metrics import ApiMetrics

PARTICIPANT_RATES = {
    "/participant/message": "messages",
    "/participant/event": "messages",
    "/participant/transcript": "transcripts",
    "/participant/connection": "connections",
    "/participant/disconnect": "disconnects",
    "/participant/start-attachment-upload": "attachments",
    "/participant/complete-attachment-upload": "attachments",
    "/participant/attachment": "downloads",
    "/participant/file": "downloads",
}
"""The rate of each operation of the participant plane, by its path."""

CONTROL_RATES = {
    ("PUT", "/contact/chat"): "starts",
    ("POST", "/contact/start-streaming"): "starts",
    ("POST", "/contact/stop-streaming"): "starts",
    ("POST", "/contact/stop"): "contacts",
    ("GET", "/contacts/{InstanceId}/{ContactId}"): "contacts",
    ("POST", "/search-contacts"): "searches",
    ("POST", "/metrics/current/{InstanceId}"): "metrics",
    ("POST", "/metrics/userdata/{InstanceId}"): "metrics",
}
"""The rates of operations of backends that have one of their own, by method and path."""

PUBLIC_RATES = ("public_starts", "public_reads")
"""The rates of what anybody may call."""

OWN_OPERATIONS = "/v1/"

HOLD_SECONDS = 0.2
"""How long a refusal is held back. So a client that repeats it without a pause slows down, and takes no time from others."""

REFUSALS_PER_SECOND = 150
"""How many refusals are answered at most while many are held back: a client with many connections takes no more than that."""

MAX_HELD = 1_000
"""How many refusals are held back at once. Further ones are answered at once."""

IPV6_NETWORK = 64
"""The bits of an IPv6 address that count: a client has all addresses of such a network."""


class RequestLimits:
    """The limits of one process."""

    def __init__(self, settings: LimitSettings, metrics: ApiMetrics) -> None:
        names = {*PARTICIPANT_RATES.values(), *CONTROL_RATES.values(), "controls", "backends", "agents", *PUBLIC_RATES}
        self._rates = {name: RequestRate(getattr(settings, name)) for name in names}
        self._failures = Failures(number(settings.failed_authentications))
        self._throttled = metrics.throttled
        self._held = 0

    async def take_for_participant(self, path: str, participant_id: str) -> None:
        """Count a request of a participant.

        Raises:
            TooFast: they send too many.
        """
        await self._take(PARTICIPANT_RATES[path], participant_id, "This participant")

    async def take_for_agent(self, instance: str, user: str) -> None:
        """Count a request of an agent.

        Raises:
            TooFast: the agent sends too many.
        """
        await self._take("agents", (instance, user), "This agent")

    async def take_for_backend(self, key_id: str, method: str, route: str) -> None:
        """Count a request of a backend. `route` is the path of its operation, with the names of its parameters.

        Raises:
            TooFast: the backend calls this operation too often.
        """
        own = "backends" if route.startswith(OWN_OPERATIONS) else "controls"
        await self._take(CONTROL_RATES.get((method, route), own), (key_id, method, route), "This access key")

    async def take_for_public(self, name: str, connection: HTTPConnection) -> None:
        """Count a request of anybody, by address, under one of `PUBLIC_RATES`.

        Raises:
            TooFast: too many come from the address.
        """
        await self._take(name, address_of(connection), "This address")

    @asynccontextmanager
    async def checking_key(self, connection: HTTPConnection) -> AsyncGenerator[None]:
        """Count the failure of a block that checks an access key.

        Raises:
            TooFast: the address of the client has failed too often. The key is not looked at, so nobody can go on guessing.
        """
        address = address_of(connection)
        await self._require_few_failures(address)
        try:
            yield
        except AccessDenied:
            self._failures.add(address)
            raise

    @asynccontextmanager
    async def checking_token(self, connection: HTTPConnection) -> AsyncGenerator[None]:
        """Count the failure of a block that checks a token. A valid token is good from every address.

        Tokens are signed and cannot be guessed, and many customers can share an address. One must not lock out the others.

        Raises:
            TooFast: the token is not valid, and the address of the client has failed too often.
        """
        try:
            yield
        except UnknownToken:
            address = address_of(connection)
            await self._require_few_failures(address)
            self._failures.add(address)
            raise

    async def _take(self, name: str, caller: Hashable, who: str) -> None:
        if wait := self._rates[name].take(caller):
            await self._refuse(name, f"{who} sends too many requests. Try again later.", wait)

    async def _require_few_failures(self, address: str) -> None:
        if wait := self._failures.wait(address):
            message = "Too many requests of this address had wrong credentials. Try again later."
            await self._refuse("failed_authentications", message, wait)

    async def _refuse(self, name: str, message: str, wait: float) -> NoReturn:
        self._throttled.labels(name).inc()
        if self._held < MAX_HELD:
            self._held += 1
            try:
                await asyncio.sleep(max(HOLD_SECONDS, self._held / REFUSALS_PER_SECOND))
            finally:
                self._held -= 1
        raise TooFast(message, ceil(wait))


def address_of(connection: HTTPConnection) -> str:
    """Return the address of the client, as a trusted proxy forwards it. An IPv6 client counts by its network."""
    client: Any = connection.scope.get("client")
    text = str(client[0]) if client else ""
    try:
        address = ip_address(text)
    except ValueError:
        return text
    if not isinstance(address, IPv6Address):
        return text
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ip_network((int(address), IPV6_NETWORK), strict=False))
