"""Requests of described operations."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from random import Random
from urllib.parse import quote, urlencode

from fuzz.attempts import Attempt, shown
from fuzz.credentials import CallerKind, Proof, proof, signature
from fuzz.encodings import Encoded, as_json, encoded
from fuzz.exchange import NoAnswer, Received, exchange, request_bytes
from fuzz.judgement import OVERLOAD, problem
from fuzz.mutations import mutated
from fuzz.operations import FuzzedOperation
from fuzz.schemas import Sampler, Schema
from fuzz.values import anything, text
from fuzz.world import World

REPEATS = 5
LONGEST_WAIT = 3.0
"""A request that is refused for load is sent again after a while. A load that explains the refusal has passed by then."""

ALONE = 0.7

METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "get", "BREW")
HEADERS = (
    {"host": "evil.example"},
    {"origin": "https://evil.example"},
    {"origin": "null", "access-control-request-method": "POST"},
    {"x-forwarded-for": "not an address", "x-forwarded-proto": "gopher", "x-forwarded-host": "a b"},
    {"x-forwarded-for": "1.2.3.4, ::1", "x-forwarded-port": "99999999"},
    {"traceparent": "00-00000000000000000000000000000000-0000000000000000-zz"},
    {"accept-encoding": "gzip;q=x", "range": "bytes=5-1", "if-none-match": '"x'},
    {"cookie": "a" * 8_000},
    {"expect": "100-continue"},
    {"x-amz-date": "20260231T999999Z"},
    {"authorization": "AWS4-HMAC-SHA256 Credential=/////, SignedHeaders=;;, Signature=" + "0" * 64},
    {"connection": "upgrade, http2-settings", "upgrade": "h2c"},
    {"connection": "close"},
)
"""Headers that programs misread."""


class DescribedRequests:
    """Attempts at operations, with bodies from their descriptions."""

    def __init__(self, operations: Sequence[FuzzedOperation], definitions: Mapping[str, Schema]) -> None:
        self._operations, self._definitions = operations, definitions

    async def attempt(self, random: Random, world: World) -> Attempt:
        """See `Kind`."""
        operation = random.choice(self._operations)
        sampler = Sampler(random, lambda name: world.known(name, random), self._definitions)
        shows = proof(operation.caller, random, world)
        # often nothing else is wrong with a request without valid credentials, so that nothing else refuses it
        is_valid = not shows.opens and random.random() < ALONE
        target = _target(operation, sampler, random, is_valid)
        body = _body(operation, sampler, random, is_valid)
        method = operation.method if random.random() < 0.97 else random.choice(METHODS)
        strange = random.choice(HEADERS) if random.random() < 0.1 and not is_valid else {}
        if method == "OPTIONS" or operation.caller is CallerKind.ANYBODY:
            shows = shows._replace(opens=True)  # a preflight shows no credentials
        return await _send(
            world, operation.name, method, target, {"host": world.host, **body.headers, **strange}, body.body, shows
        )


async def _send(
    world: World, name: str, method: str, target: str, headers: Mapping[str, str], body: bytes, shows: Proof
) -> Attempt:
    waits = 0
    while True:
        signed = (
            signature(shows, method, target, headers["host"], body) if shows.signed_as is not None else shows.headers
        )
        sent = request_bytes(method, target, {**signed, **headers}, body)
        try:
            received = await exchange(world.port, sent, is_head=method == "HEAD")
        except NoAnswer as failed:
            return Attempt(name, "no answer", str(failed), shown(sent), waits)
        wrong = problem(received, target, shows, is_head=method == "HEAD")
        if received.status not in OVERLOAD or wrong:
            return Attempt(name, str(received.status), _with_body(wrong, received), shown(sent), waits)
        if waits == REPEATS:
            again = f"it is refused for load {REPEATS + 1} times"
            return Attempt(name, str(received.status), _with_body(again, received), shown(sent), waits)
        waits += 1
        await asyncio.sleep(min(float(received.headers.get("retry-after", 1)), LONGEST_WAIT))


def _with_body(wrong: str | None, received: Received) -> str | None:
    return wrong and f"{wrong}; {received.status} {received.headers} {shown(received.body[:600])}"


def _target(operation: FuzzedOperation, sampler: Sampler, random: Random, is_valid: bool) -> str:
    parts = operation.path.split("/")
    path = "/".join(_segment(part, sampler, random, is_valid) if part.startswith("{") else part for part in parts)
    query = {
        name: str(sampler.sample(schema, name)) if is_valid or random.random() < 0.8 else text(random)[:300]
        for name, schema in operation.query.items()
        if is_valid or random.random() < 0.8
    }
    if random.random() < 0.05 and not is_valid:
        query[text(random)[:20]] = text(random)[:300]
    return path + (f"?{urlencode(query, errors='surrogatepass')}" if query else "")


def _segment(name: str, sampler: Sampler, random: Random, is_valid: bool) -> str:
    if is_valid or random.random() < 0.85:
        value = str(sampler.sample({"type": "string", "minLength": 1}, name.strip("{}")))
    else:
        value = text(random)[:2_000]
    return quote(value.encode("utf-8", "surrogatepass"), safe=random.choice(("", "", "", "/.")))


def _body(operation: FuzzedOperation, sampler: Sampler, random: Random, is_valid: bool) -> Encoded:
    if is_valid:
        return as_json(sampler.sample(operation.body)) if operation.body else Encoded(b"", {})
    if operation.body is None:
        return encoded(anything(random), random) if random.random() < 0.1 else Encoded(b"", {})
    chance = random.random()
    if chance < 0.05:
        return encoded(anything(random), random)
    body = sampler.sample(operation.body)
    if chance < 0.45:
        return encoded(body, random)
    return encoded(mutated(body, random, random.choice((1, 1, 1, 2, 4))), random)
