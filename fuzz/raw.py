"""Bytes on the port of the API that are no request, nearly one, or more than one."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from random import Random
from typing import NamedTuple

from fuzz.attempts import Attempt, shown
from fuzz.credentials import Proof
from fuzz.exchange import ANSWER_SECONDS, NoAnswer, Received, read_answer, request_bytes
from fuzz.judgement import problem
from fuzz.product import HOST
from fuzz.world import World

MANY = b"x" * 20_000

NOBODY = Proof({}, tenant="")


class Sending(NamedTuple):
    """Bytes to send.

    Attributes:
        is_whole: whether they have to be answered. Else the connection may also end.
        path: of the request in them; empty when nobody can read it.
    """

    sent: bytes
    is_whole: bool = True
    path: str = ""


class RawBytes:
    """Attempts at the parser."""

    async def attempt(self, random: Random, world: World) -> Attempt:
        """See `Kind`."""
        build = random.choice((_request_line, _headers, _length, _chunks, _half, _flipped, _noise))
        sending = build(random, world.host)
        name = build.__name__.strip("_").replace("_", " ")
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                received = await _send(world.port, sending)
        except TimeoutError:
            return Attempt(
                name, "no answer", f"no answer and no end within {ANSWER_SECONDS:.0f} s", shown(sending.sent)
            )
        except (NoAnswer, OSError) as failed:
            return Attempt(name, "no answer", str(failed), shown(sending.sent))
        if not received.status:
            return Attempt(
                name, "ended", "it ends without an answer" if sending.is_whole else None, shown(sending.sent)
            )
        wrong = problem(received, sending.path, NOBODY)
        if wrong:
            wrong += f"; {received.status} {received.headers} {shown(received.body[:600])}"
        return Attempt(name, str(received.status), wrong, shown(sending.sent))


async def _send(port: int, sending: Sending) -> Received:
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        with suppress(ConnectionError):
            writer.write(sending.sent)
            await writer.drain()
            if not sending.is_whole:
                writer.write_eof()
        return await read_answer(reader)
    finally:
        writer.close()


def _request_line(random: Random, host: str) -> Sending:
    rest = f"host: {host}\r\n\r\n".encode()
    line = random.choice(
        (
            *(
                b"GET",
                b"GET /",
                b"GET / HTTP",
                b"GET / HTTP/9.9",
                b"GET / HTTP/1.1 x",
                b"GET  / HTTP/1.1",
                b" GET / HTTP/1.1",
            ),
            *(b"G\0T / HTTP/1.1", b"GET /\0 HTTP/1.1", b"GET \xff\xfe HTTP/1.1", b"GET / http/1.1", b"PRI * HTTP/2.0"),
            *(
                b"GET /" + MANY + b" HTTP/1.1",
                b"GET /?" + MANY + b" HTTP/1.1",
                MANY + b" / HTTP/1.1",
                b"CONNECT / HTTP/1.1",
            ),
        )
    )
    return Sending(line + b"\r\n" + rest)


def _headers(random: Random, host: str) -> Sending:
    path = random.choice(("/healthz", "/participant/message", "/contact/stop"))
    bad = random.choice(
        (
            *(
                b"no colon",
                b": no name",
                b"a b: c",
                b"x: \0",
                b"x: a\rb",
                b" folded: x",
                b"x:",
                b"\xff: x",
                b"content-length: x",
            ),
            *(
                b"content-length: -1",
                b"content-length: 1\r\ncontent-length: 2",
                b"content-length: 99999999999999999999",
            ),
            *(
                b"x: " + MANY,
                b"x" * 17_000 + b": y",
                b"x: y\r\n" * 120 + b"z: z",
                b"transfer-encoding: x",
                b"host: a\r\nhost: b",
            ),
        )
    )
    head = f"GET {path} HTTP/1.1\r\nhost: {host}\r\n".encode()
    return Sending(head + bad + b"\r\n\r\n", is_whole=bad != b"content-length: 99999999999999999999", path=path)


def _length(random: Random, host: str) -> Sending:
    """A body of another length than is said, so that the rest counts as the next request, or a request is a half one."""
    path = "/participant/message"
    body = json.dumps({"Content": "x"}).encode()
    size = random.choice((0, 1, len(body) - 1, len(body) + 1, len(body) * 100))
    head = f"POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {size}\r\n\r\n".encode()
    return Sending(head + body, is_whole=size <= len(body), path=path)


def _chunks(random: Random, host: str) -> Sending:
    path = "/participant/message"
    chunks, is_whole = random.choice(
        (
            (b"2\r\n{}\r\n0\r\n\r\n", True),
            (b"2;x=" + b"y" * 100 + b"\r\n{}\r\n0\r\n\r\n", True),
            (b"2;x=" + MANY + b"\r\n{}\r\n0\r\n\r\n", True),
            (b"2\r\n{}\r\n0\r\ntrailer: x\r\nauthorization: Bearer x\r\n\r\n", True),
            (b"2\r\n{}\r\n0\r\ntrailer: " + MANY + b"\r\n\r\n", True),
            (b"zz\r\n{}\r\n0\r\n\r\n", True),
            (b"-2\r\n{}\r\n0\r\n\r\n", True),
            (b"FFFFFFFFFFFFFFFFFF\r\n{}\r\n", True),
            (b"FFFFFFF\r\n{}\r\n", False),
            (b"2\r\n{}}}}}\r\n0\r\n\r\n", True),
            (b"1\r\n{\r\n1\r\n}\r\n", False),
        )
    )
    coding = random.choice(("chunked", "chunked", "Chunked", "gzip, chunked", "chunked, chunked"))
    both = random.choice(("", "", "content-length: 3\r\n"))
    head = f"POST {path} HTTP/1.1\r\nhost: {host}\r\n{both}transfer-encoding: {coding}\r\n\r\n".encode()
    return Sending(head + chunks, is_whole, path)


def _half(random: Random, host: str) -> Sending:
    whole = request_bytes("POST", "/contact/stop", {"host": host, "x": "y" * 200}, b'{"InstanceId": "demo"}')
    return Sending(whole[: random.randrange(len(whole))], is_whole=False)


def _flipped(random: Random, host: str) -> Sending:
    path = "/participant/transcript"
    sent = bytearray(request_bytes("POST", path, {"host": host, "content-type": "application/json"}, b"{}"))
    for _ in range(random.choice((1, 2, 8))):
        sent[random.randrange(len(sent))] = random.randrange(256)
    return Sending(bytes(sent), is_whole=False, path=path if path.encode() in sent else "")


def _noise(random: Random, host: str) -> Sending:
    del host
    starts = (
        b"",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\r\n\r\n",
        b"SSH-2.0-x\r\n",
        b"\x00" * 50,
        b"GET / HTTP/1.1\r\n",
    )
    return Sending(random.choice(starts) + random.randbytes(random.choice((0, 10, 5_000))), is_whole=False)
