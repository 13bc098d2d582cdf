"""Public keys that others publish at an address, as a JWKS (RFC 7517), in the memory of a process.

A set is read when a token names a key that it does not hold, so a new key works at once. But it is read at most once in `PAUSE`,
so invented names cost nothing. In the background it is read again every `READ_EVERY`, so a key that is taken out stops working,
and no token with a known key ever waits. A server that is away takes nothing away: its keys are good for `KEPT`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from time import monotonic
from typing import Any, cast

import httpx
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from configuration.schema.public_keys import PublicKey, public_key
from domain.errors import Unavailable
from runtime.periodic import PeriodicTask, PeriodicTasks
from runtime.plain_reasons import plain_reason

logger = logging.getLogger(__name__)

PAUSE = timedelta(seconds=5)
"""How long after an attempt to read a set another unknown key does not lead to a new one."""

READ_EVERY = timedelta(minutes=5)

KEPT = timedelta(days=1)
"""How long keys are good that cannot be read again."""

READ_SECONDS = 5.0
"""How long an attempt may take."""

MAX_BYTES = 200_000
"""Size of a set. Those of large providers have 20 KB."""

UNREADABLE = (OSError, ValueError, httpx.HTTPError, httpx.InvalidURL, PyJWTError)
"""The errors of `published_keys`."""


class KeySet:
    """The keys at one address. None is known before the first `find`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._keys: Mapping[str, PublicKey] = {}
        self._read_at = self._tried_at = float("-inf")
        self._turn = asyncio.Lock()

    async def find(self, key_id: str) -> PublicKey | None:
        """Return the key of this id; None if the set has none, or none that may verify tokens.

        Raises:
            Unavailable: no key is known, because the set cannot be read.
        """
        if key_id not in self._keys or self._is_old:
            await self._read_unless_tried()
        if self._is_old:
            raise Unavailable("The keys that verify the token cannot be read at the moment. Try again.")
        return self._keys.get(key_id)

    async def read(self) -> None:
        """Read the keys. If that fails, the log says so, and the keys stay as they are."""
        try:
            self._keys = await published_keys(self._url)
            self._read_at = monotonic()
        except UNREADABLE as problem:
            logger.warning("the keys at %s cannot be read: %s", self._url, plain_reason(problem))
        finally:
            self._tried_at = monotonic()

    @property
    def _is_old(self) -> bool:
        return monotonic() - self._read_at > KEPT.total_seconds()

    async def _read_unless_tried(self) -> None:
        async with self._turn:
            if monotonic() - self._tried_at > PAUSE.total_seconds():
                await self.read()


class KeySets(PeriodicTasks):
    """The sets at all addresses that were asked for. Each is read again in the background."""

    def __init__(self) -> None:
        self._sets: dict[str, KeySet] = {}
        super().__init__(PeriodicTask("read the keys of token issuers", self.read_all, READ_EVERY))

    def at(self, url: str) -> KeySet:
        """Return the set at an address of the configuration."""
        return self._sets.setdefault(url, KeySet(url))

    async def read_all(self) -> None:
        """Read all sets, side by side."""
        await asyncio.gather(*(keys.read() for keys in self._sets.values()))


async def published_keys(url: str) -> Mapping[str, PublicKey]:
    """Return the keys at an address that may verify tokens, by their id. An issuer can take all of them out.

    Raises:
        UNREADABLE: there is no complete answer within `READ_SECONDS`, or none that is a JWKS.
    """
    return _keys_in(await _document(url))


async def _document(url: str) -> bytes:
    """Return what the server answers. A redirect is not followed, because only the configured address is trusted."""
    context = await asyncio.to_thread(ssl.create_default_context)
    body = b""
    # `asyncio.timeout` limits the whole of it; a timeout of httpx would limit each part
    client = httpx.AsyncClient(verify=context, timeout=None)  # noqa: S113 - see above
    async with asyncio.timeout(READ_SECONDS), client:
        # no compression: a small answer could unpack into a large one
        async with client.stream("GET", url, headers={"accept-encoding": "identity"}) as response:
            if response.status_code != HTTPStatus.OK:
                raise ValueError(f"its server answers {response.status_code}")
            async for part in response.aiter_raw():
                body += part
                if len(body) > MAX_BYTES:
                    raise ValueError(f"the answer has more than {MAX_BYTES} bytes")
    return body


def _keys_in(document: bytes) -> dict[str, PublicKey]:
    try:
        published: Any = json.loads(document)["keys"]
    except (KeyError, TypeError, RecursionError):
        published = None
    if not isinstance(published, list):
        raise ValueError("the answer is no JWKS")
    entries = map(_entry, cast("list[Any]", published))
    return {
        entry.key_id: key
        for entry in entries
        if entry and isinstance(entry.key_id, str) and entry.public_key_use in (None, "sig")
        if (key := public_key(entry.key)) and key.algorithm == entry.algorithm_name
    }


def _entry(published: Any) -> PyJWK | None:
    """Return one entry of a set. None: the library cannot read it. It does not spoil the others."""
    try:
        return PyJWK.from_dict(published)
    except (PyJWTError, AttributeError, KeyError, NotImplementedError, TypeError, ValueError):
        return None
