"""HTTP as bytes: one request on a connection of its own, and what comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus

import httptools

from fuzz.product import HOST

ANSWER_SECONDS = 10.0
"""Every request has its answer within this time."""

CHUNK = 65_536


class NoAnswer(Exception):
    """A request has no answer in time, or the connection ends before it."""


@dataclass
class Received:
    """An answer, or what came of it.

    Attributes:
        status: 0 when nothing was answered.
        is_whole: whether it came to its end.
    """

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    is_whole: bool = False

    # what httptools calls

    def on_message_begin(self) -> None:
        """Begin an answer. It may follow "continue", which is none, in the same piece."""
        self.headers, self.body, self.is_whole = {}, b"", False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self.body += body

    def on_message_complete(self) -> None:
        """Note the end."""
        self.is_whole = True


def request_bytes(method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """Return a request with its length, unless the headers name another transfer."""
    length = {} if "transfer-encoding" in headers else {"content-length": str(len(body))}
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in {**headers, **length}.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace") + body


async def exchange(port: int, sent: bytes, *, is_head: bool = False) -> Received:
    """Send a whole request, and return its answer.

    Raises:
        NoAnswer: there is none within `ANSWER_SECONDS`.
    """
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            received = await _exchange(port, sent, is_head)
    except TimeoutError:
        raise NoAnswer(f"no answer within {ANSWER_SECONDS:.0f} s") from None
    except OSError as error:
        raise NoAnswer(str(error)) from None
    if not received.is_whole:
        raise NoAnswer(f"the connection ended after {len(received.body)} bytes of an answer {received.status}")
    return received


async def _exchange(port: int, sent: bytes, is_head: bool) -> Received:
    reader, writer = await asyncio.open_connection(HOST, port)
    sending = asyncio.create_task(_send(writer, sent))  # a refusal may come before all is sent
    try:
        return await read_answer(reader, is_head=is_head)
    finally:
        sending.cancel()
        writer.close()


async def _send(writer: asyncio.StreamWriter, sent: bytes) -> None:
    with suppress(ConnectionError):
        for start in range(0, len(sent), CHUNK):
            writer.write(sent[start : start + CHUNK])
            await writer.drain()


async def read_answer(reader: asyncio.StreamReader, *, is_head: bool = False, begun: bytes = b"") -> Received:
    """Return the answer that comes; without its end if the connection ends before.

    Args:
        begun: what was read of it already.

    Raises:
        NoAnswer: what comes is not HTTP.
    """
    received = Received()
    parser = httptools.HttpResponseParser(received)
    try:
        while not received.is_whole:
            data, begun = begun or await _read(reader), b""
            if not data:
                break
            parser.feed_data(data)
            received.status = parser.get_status_code()
            if is_head and received.status >= 200:
                received.is_whole = True
            if received.status == HTTPStatus.CONTINUE:  # the answer follows
                received.is_whole = False
    except httptools.HttpParserUpgrade:
        received.status, received.is_whole = parser.get_status_code(), True
    except httptools.HttpParserError as error:
        raise NoAnswer(f"the answer is not HTTP: {error}") from None
    return received


async def _read(reader: asyncio.StreamReader) -> bytes:
    with suppress(ConnectionError):
        return await reader.read(CHUNK)
    return b""
