"""The end of a connection whose client still sends: its answer arrives all the same."""

from __future__ import annotations

import asyncio
from socket import create_connection
from time import monotonic

import pytest

from api import connection_ends
from tests.api.raw_connections import PATIENCE_SECONDS, SECONDS, Seen, connected, rest, send_all, served, status

NOWHERE = b"POST /nothing HTTP/1.1\r\nhost: x\r\n"
LENGTH = 8_000_000
"""Bytes of a body: more than the system keeps, and more than is read after an answer."""


def exchange(port: int, sent: bytes) -> bytes:
    """Send everything, then read all of the answer. A reset raises an error, and many clients then lose the answer."""
    with create_connection(("127.0.0.1", port), PATIENCE_SECONDS) as client:
        client.sendall(sent)
        return b"".join(iter(lambda: client.recv(65_536), b""))


@pytest.mark.parametrize("header", [b"", b"connection: close\r\n"], ids=["kept", "closed"])
async def test_client_that_sends_its_whole_body_first_reads_the_refusal(header: bytes) -> None:
    body = NOWHERE + header + b"content-length: %d\r\n\r\n" % LENGTH + b"x" * LENGTH
    async with served(Seen()) as port:
        answer = await asyncio.to_thread(exchange, port, body)
    assert status(answer) == 404
    assert answer.endswith(b"}")


async def test_refusal_of_the_parser_arrives_too() -> None:
    body = NOWHERE + b"transfer-encoding: chunked\r\n\r\nno chunk\r\n" + b"x" * LENGTH
    async with served(Seen()) as port:
        assert status(await asyncio.to_thread(exchange, port, body)) == 400


async def test_client_that_never_stops_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_ends, "DROPPING_SECONDS", SECONDS)
    async with served(Seen()) as port, connected(port) as (reader, writer):
        await send_all(writer, NOWHERE + b"connection: close\r\ncontent-length: %d\r\n\r\n" % 10**12)
        assert status(await rest(reader)) == 404
        began = monotonic()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await send_all(writer, *[b"x" * 65_536] * 1_000_000)
        assert monotonic() - began > SECONDS / 2


async def test_request_that_follows_a_refused_body_is_served() -> None:
    second = b"POST /body HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 3\r\n\r\nabc"
    async with served(Seen()) as port, connected(port) as (reader, writer):
        await send_all(writer, NOWHERE + b"content-length: 3\r\n\r\nabc", second)
        answer = await rest(reader)
    assert answer.count(b"HTTP/1.1 404 ") == 1
    assert answer.count(b"HTTP/1.1 200 ") == 1
