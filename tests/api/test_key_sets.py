"""The keys of a token's issuer are read once, and again for an unknown key. No request pays for a server that is away."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from api import key_sets
from api.key_sets import KeySet, KeySets
from domain.errors import Unavailable
from tests.api.token_issuer import PublishedKeys, published, send


@pytest.fixture
def issuer() -> Iterator[PublishedKeys]:
    with PublishedKeys().served() as issuer:
        yield issuer


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_sets, "PAUSE", timedelta(0))


async def test_only_keys_that_may_verify_tokens_are_found(issuer: PublishedKeys) -> None:
    keys = KeySet(issuer.url)
    found = {key_id: await keys.find(key_id) for key_id in (*issuer.keys, "unknown", "")}
    assert {key_id: key.algorithm for key_id, key in found.items() if key} == {"rsa": "RS256", "ec": "ES256"}
    assert issuer.requests == ["/keys"]


async def test_requests_at_once_read_the_keys_once(issuer: PublishedKeys) -> None:
    keys = KeySet(issuer.url)
    assert all(await asyncio.gather(*(keys.find("rsa") for _ in range(200))))
    assert len(issuer.requests) == 1


async def test_invented_key_ids_do_not_read_the_keys_again(issuer: PublishedKeys) -> None:
    keys = KeySet(issuer.url)
    await keys.find("rsa")
    assert not any(await asyncio.gather(*(keys.find(f"invented {n}") for n in range(500))))
    for number in range(100):
        assert await keys.find(f"one after the other {number}") is None
    assert len(issuer.requests) == 1


async def test_invented_key_ids_of_a_server_that_is_away_do_not_ask_it_again() -> None:
    issuer = PublishedKeys()
    with issuer.served():
        issuer.answer = lambda handler: send(handler, b"", 500)
        keys = KeySet(issuer.url)
        for number in range(50):
            with pytest.raises(Unavailable):
                await keys.find(f"invented {number}")
        assert len(issuer.requests) == 1


@pytest.mark.usefixtures("no_pause")
async def test_new_key_works_and_a_removed_one_stops_working(issuer: PublishedKeys) -> None:
    sets = KeySets()
    keys = sets.at(issuer.url)
    assert await keys.find("rsa")
    issuer.keys = {"next": published("next rsa", "next")}
    assert await keys.find("next")
    assert await keys.find("rsa") is None
    issuer.keys = {"last": published("ec", "last")}
    await sets.read_all()
    assert await keys.find("next") is None
    assert sets.at(issuer.url) is keys


@pytest.mark.usefixtures("no_pause")
async def test_known_keys_stay_good_while_the_server_is_away() -> None:
    issuer = PublishedKeys()
    with issuer.served():
        keys = KeySet(issuer.url)
        assert await keys.find("rsa")
    await keys.read()
    assert await keys.find("rsa")
    assert await keys.find("unknown") is None
    with issuer.served():
        issuer.keys["new"] = published("ec", "new")
        assert await keys.find("new")


@pytest.mark.usefixtures("no_pause")
async def test_known_keys_do_not_stay_good_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    issuer = PublishedKeys()
    with issuer.served():
        keys = KeySet(issuer.url)
        assert await keys.find("rsa")
    monkeypatch.setattr(key_sets, "KEPT", timedelta(0))
    with pytest.raises(Unavailable):
        await keys.find("rsa")
    with issuer.served(), suppress(Unavailable):
        await keys.find("rsa")
    assert len(issuer.requests) == 2


def redirected(issuer: PublishedKeys) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        if handler.path == "/keys":
            send(handler, b"", 302, location="/elsewhere")
        else:
            issuer.send_keys(handler)

    return answer


def compressed(issuer: PublishedKeys) -> Callable[[BaseHTTPRequestHandler], None]:
    body = gzip.compress(issuer.document())
    return lambda handler: send(handler, body, content_encoding="gzip")


def saying(body: bytes) -> Callable[[PublishedKeys], Callable[[BaseHTTPRequestHandler], None]]:
    return lambda issuer: lambda handler: send(handler, body)


ANSWERS: dict[str, Callable[[PublishedKeys], Callable[[BaseHTTPRequestHandler], None]]] = {
    "redirect": redirected,
    "compressed, though nobody asked for it": compressed,
    "too large": lambda issuer: lambda handler: send(handler, issuer.document() + b" " * key_sets.MAX_BYTES),
    "error": lambda issuer: lambda handler: send(handler, issuer.document(), 503),
    "nothing": saying(b""),
    "no JSON": saying(b"<html>"),
    "no UTF-8": saying(b"\xff\xfe\xfa"),
    "a list": saying(b"[]"),
    "keys that are a number": saying(b'{"keys": 1}'),
    "deeply nested": saying(b"[" * 100_000),
}


@pytest.mark.parametrize("published", [[], [{"kty": "oct", "kid": "rsa", "k": "AAAA"}], [{"kty": "oct", "k": "AAAA"}]])
@pytest.mark.usefixtures("no_pause")
async def test_issuer_can_take_all_keys_out(issuer: PublishedKeys, published: list[Any]) -> None:
    keys = KeySet(issuer.url)
    assert await keys.find("rsa")
    issuer.answer = lambda handler: send(handler, json.dumps({"keys": published}).encode())
    await keys.read()
    assert await keys.find("rsa") is None


ODD: list[Any] = [
    *(1, None, {}, [], {"kty": ["RSA"]}, {"kty": "RSA", "n": 1}, {"kty": "oct", "kid": "odd"}),
    {"kty": "oct", "kid": "odd", "k": "AAAA", "alg": "none"},
    {"kty": "EC", "kid": "odd", "crv": "P-256", "x": "AA", "y": "AA"},
]


@pytest.mark.parametrize("odd", ODD, ids=json.dumps)
async def test_key_that_nobody_can_read_does_not_spoil_the_others(issuer: PublishedKeys, odd: Any) -> None:
    issuer.answer = lambda handler: send(handler, json.dumps({"keys": [odd, published("rsa", "rsa")]}).encode())
    assert await KeySet(issuer.url).find("rsa")


@pytest.mark.parametrize("alg", ["none", ["RS256"], 1, "HS256"])
async def test_key_with_an_odd_algorithm_does_not_spoil_the_others(issuer: PublishedKeys, alg: Any) -> None:
    odd = {**published("ec", "odd"), "alg": alg}
    issuer.answer = lambda handler: send(handler, json.dumps({"keys": [odd, published("rsa", "rsa")]}).encode())
    keys = KeySet(issuer.url)
    assert await keys.find("rsa")
    assert await keys.find("odd") is None


@pytest.mark.parametrize("what", ANSWERS)
@pytest.mark.usefixtures("no_pause")
async def test_wrong_answer_gives_no_keys_and_takes_none_away(issuer: PublishedKeys, what: str) -> None:
    known = KeySet(issuer.url)
    assert await known.find("rsa")
    issuer.answer = ANSWERS[what](issuer)
    await known.read()
    assert await known.find("rsa")
    with pytest.raises(Unavailable):
        await KeySet(issuer.url).find("rsa")
    assert set(issuer.requests) == {"/keys"}


@pytest.mark.usefixtures("no_pause")
async def test_slow_answer_is_given_up_and_nothing_else_waits(
    issuer: PublishedKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_sets, "READ_SECONDS", 0.5)
    keys = KeySet(issuer.url)
    assert await keys.find("rsa")

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        until = time.monotonic() + 10
        while time.monotonic() < until:
            try:
                handler.wfile.write(b" ")
                handler.wfile.flush()
            except OSError:
                return
            time.sleep(0.05)

    issuer.answer = drip
    began = time.monotonic()
    waiting = asyncio.create_task(keys.find("unknown"))
    while len(issuer.requests) < 2:
        await asyncio.sleep(0)
    turns = 0
    while not waiting.done():
        # the key that is known is found at once, all the time
        assert await asyncio.wait_for(keys.find("rsa"), 0.2)
        turns += 1
        await asyncio.sleep(0)
    assert await waiting is None
    assert turns > 10
    assert time.monotonic() - began < 5


def test_nothing_is_read_before_a_token_comes() -> None:
    sets: Any = KeySets()
    assert [loop.purpose for loop in sets.loops] == ["read the keys of token issuers"]
