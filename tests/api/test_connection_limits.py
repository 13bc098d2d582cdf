"""Limits of all connections together: unread answers, idle connections, incomplete requests."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from socket import socket

import httpx
import psutil
import pytest

from api import server
from api.connection_limits import IdleConnections, UnreadAnswers
from tests.api.raw_connections import (
    LARGE,
    PATIENCE_SECONDS,
    POST,
    Seen,
    connected,
    rest,
    send_all,
    served,
    status,
    unread_request,
)


async def test_unread_answers_take_a_limited_amount_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "UnreadAnswers", lambda: UnreadAnswers(3 * LARGE))
    async with served(Seen()) as port:
        clients = [unread_request(port) for _ in range(12)]

        def is_cut_off(client: socket) -> bool:
            return not any(
                each.laddr
                and each.raddr
                and each.raddr.port == client.getsockname()[1]
                and each.status == "ESTABLISHED"
                for each in psutil.Process().net_connections("tcp")
            )

        async with asyncio.timeout(PATIENCE_SECONDS):
            while sum(is_cut_off(client) for client in clients) < 8:
                await asyncio.sleep(0.05)
        async with httpx.AsyncClient() as http:
            assert (await http.post(f"http://127.0.0.1:{port}/body", content=b"abc")).text == "3"
        for client in clients:
            client.close()


@pytest.mark.parametrize(
    "sent", [b"", b"POST /bo", POST + b"content-length: 3\r\n\r\na", POST + b"content-length: 1\r\n\r\na"]
)
async def test_connections_without_a_complete_request_are_few(monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(server, "IdleConnections", lambda: IdleConnections(5))
    async with served(Seen()) as port, httpx.AsyncClient() as http:
        clients = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
        for _, writer in clients:
            writer.write(sent)
        later = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
        for reader, _ in clients:
            async with asyncio.timeout(PATIENCE_SECONDS):
                with suppress(ConnectionResetError):
                    await reader.read()  # until the server ends the connection
        assert (await http.post(f"http://127.0.0.1:{port}/body", content=b"abc")).text == "3"
        for _, writer in clients + later:
            writer.close()


async def begin_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, length: int) -> None:
    """Send the head of a request, and wait until the server has it."""
    writer.write(POST + b"expect: 100-continue\r\ncontent-length: %d\r\n\r\n" % length)
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert status(await reader.readuntil(b"\r\n\r\n")) == 100


async def test_incomplete_requests_take_a_limited_amount_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "IdleConnections", lambda: IdleConnections(most_bytes=100_000))
    async with served(Seen()) as port:
        quiet, *clients = [await asyncio.open_connection("127.0.0.1", port) for _ in range(6)]
        for reader, writer in clients:
            await begin_body(reader, writer, 40_001)
        for _, writer in clients:
            await send_all(writer, b"x" * 40_000)
        for reader, _ in clients[:3]:
            assert await rest(reader) == b""
        for reader, writer in clients[3:]:
            writer.write(b"x")
            async with asyncio.timeout(PATIENCE_SECONDS):
                assert (await reader.readuntil(b"40001")).startswith(b"HTTP/1.1 200 ")
        reader, writer = quiet  # it has waited longest, but has sent nothing
        writer.write(POST + b"content-length: 3\r\nconnection: close\r\n\r\nabc")
        assert status(await rest(reader)) == 200
        for _, writer in (quiet, *clients):
            writer.close()


async def test_requests_that_are_complete_do_not_count_as_incomplete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "IdleConnections", lambda: IdleConnections(most_bytes=1_000_000))
    async with served(Seen()) as port, connected(port) as (reader, writer):
        for _ in range(4):
            await begin_body(reader, writer, 600_000)  # more than arrives in one piece
            await send_all(writer, b"x" * 600_000)
            async with asyncio.timeout(PATIENCE_SECONDS):
                assert (await reader.readuntil(b"600000")).startswith(b"HTTP/1.1 200 ")


async def test_a_body_that_is_passed_on_takes_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "IdleConnections", lambda: IdleConnections(most_bytes=600_000))
    seen = Seen()
    async with served(seen) as port, connected(port) as (reader, writer), connected(port) as (_, other):
        head = POST.replace(b"/body", b"/streamed") + b"expect: 100-continue\r\ncontent-length: 3000000\r\n\r\n"
        writer.write(head)
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert status(await reader.readuntil(b"\r\n\r\n")) == 100
        for _ in range(29):
            await send_all(writer, b"x" * 100_000)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while seen.passed_on < 2_900_000:
                await asyncio.sleep(0.01)
        # the bytes of others still count, and this one, which holds none, is not cut off for them
        other.write(POST + b"content-length: 900000\r\n\r\n")
        await send_all(other, *(b"x" * 80_000 for _ in range(10)))
        await send_all(writer, b"x" * 100_000)
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert (await reader.readuntil(b"3000000")).startswith(b"HTTP/1.1 200 ")


def test_more_is_never_released_than_was_received() -> None:
    idle, transport = IdleConnections(most_bytes=10), asyncio.Transport()
    idle.receive(transport, 5)
    idle.release(transport, 8)
    idle.release(transport, 8)
    idle.receive(transport, 10)
    with pytest.raises(NotImplementedError):  # it is cut off, which this base class cannot be
        idle.receive(transport, 1)
