"""Clients that send too slowly, too little or too much, or do not read: each is cut off, and the others are served."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from socket import SO_RCVBUF, SOL_SOCKET, socket
from time import monotonic

import httpx
import psutil
import pytest

from api import http_protocol, websocket_protocol
from api.http_protocol import MAX_HEAD_BYTES
from realtime.socket import SEND_SECONDS
from tests.api.raw_connections import (
    CHUNKED,
    HANDSHAKE,
    LARGE,
    PATIENCE_SECONDS,
    POST,
    SECONDS,
    Seen,
    connected,
    rest,
    send_all,
    served,
    status,
    unread_request,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "REQUEST_SECONDS", SECONDS)
    monkeypatch.setattr(http_protocol, "READ_SECONDS", SECONDS)
    monkeypatch.setattr(websocket_protocol, "UNREAD_SECONDS", SECONDS)


@pytest.fixture
async def port(quick: None) -> AsyncGenerator[int]:
    async with served(Seen()) as port:
        yield port


async def send_slowly(writer: asyncio.StreamWriter, data: bytes, pause: float = 0.02) -> None:
    """Send a byte at a time, until the server ends the connection."""
    with suppress(ConnectionError):
        for number in range(len(data)):
            writer.write(data[number : number + 1])
            await writer.drain()
            await asyncio.sleep(pause)


@pytest.mark.parametrize(
    ("beginning", "answer"),
    [
        (b"", b""),
        (b"PO", b"HTTP/1.1 408 "),
        (POST, b"HTTP/1.1 408 "),
        (POST + b"content-length: 10\r\n\r\nabc", b"HTTP/1.1 408 "),
        (CHUNKED + b"3\r\nabc\r\n", b"HTTP/1.1 408 "),
        (CHUNKED + b"3\r\nabc\r\n0\r\n", b"HTTP/1.1 408 "),
        (HANDSHAKE, b"HTTP/1.1 408 "),
    ],
    ids=[
        "nothing",
        "half a request line",
        "half a head",
        "half a body",
        "half of the chunks",
        "no trailers",
        "handshake",
    ],
)
async def test_half_a_request_is_cut_off(port: int, beginning: bytes, answer: bytes) -> None:
    began = monotonic()
    async with connected(port) as (reader, writer):
        await send_all(writer, beginning)
        found = await rest(reader)
    assert found[: len(answer)] == answer
    assert bool(found) == bool(answer)
    assert monotonic() - began >= SECONDS


@pytest.mark.parametrize(
    ("beginning", "slow"),
    [(b"", POST * 100), (POST + b"content-length: 5000\r\n\r\n", b"x" * 5_000), (b"", HANDSHAKE * 100)],
    ids=["head", "body", "handshake"],
)
async def test_request_of_one_byte_at_a_time_is_cut_off(port: int, beginning: bytes, slow: bytes) -> None:
    async with connected(port) as (reader, writer):
        await send_all(writer, beginning)
        sending = asyncio.create_task(send_slowly(writer, slow))
        assert status(await rest(reader)) == 408
        sending.cancel()


async def test_large_body_at_a_fair_rate_is_taken(port: int) -> None:
    part = b"x" * 10_000
    async with connected(port) as (reader, writer):
        await send_all(writer, POST + b"connection: close\r\ncontent-length: 100000\r\n\r\n")
        for _ in range(10):
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(SECONDS / 4)
        assert (await rest(reader)).endswith(b"100000")


async def test_large_beginning_buys_no_time_for_silence(port: int) -> None:
    async with connected(port) as (reader, writer):
        await send_all(writer, POST + b"content-length: 990000\r\n\r\n", b"x" * 950_000)
        assert status(await rest(reader)) == 408


async def test_connection_that_has_waited_gives_its_first_request_the_whole_time(port: int) -> None:
    async with connected(port) as (reader, writer):
        await asyncio.sleep(SECONDS * 0.7)
        began = monotonic()
        await send_all(writer, POST)
        assert status(await rest(reader)) == 408
    assert monotonic() - began >= SECONDS * 0.9


async def test_body_that_the_application_reads_late_is_taken(port: int) -> None:
    async with connected(port) as (reader, writer):
        head = POST.replace(b"/body", b"/late") + b"connection: close\r\ncontent-length: 4000000\r\n\r\n"
        sending = asyncio.create_task(send_all(writer, head, b"x" * 4_000_000))
        assert (await rest(reader)).endswith(b"4000000")
        await sending


async def test_second_request_of_a_connection_has_the_same_limits(port: int) -> None:
    async with connected(port) as (reader, writer):
        await send_all(writer, POST + b"content-length: 1\r\n\r\nx" + POST)
        first, _, second = (await rest(reader)).rpartition(b"HTTP/1.1 ")
        assert status(first) == 200
        assert second.startswith(b"408 ")


ENDLESS = {
    "request line": (b"GET /" + b"a" * 100_000, b"a" * 100_000),
    "a header": (POST + b"x: ", b"a" * 100_000),
    "headers": (POST, b"x: a\r\n" * 10_000),
    "few long headers": (POST, b"x: %s\r\n" % (b"a" * 4_000)),
    "a trailer": (CHUNKED + b"3\r\nabc\r\n0\r\nx: ", b"a" * 100_000),
    "trailers": (CHUNKED + b"3\r\nabc\r\n0\r\n", b"x: a\r\n" * 10_000),
    "a chunk extension": (CHUNKED + b"3;", b"a" * 100_000),
}


@pytest.mark.parametrize("kind", ENDLESS)
async def test_endless_head_is_refused_at_once_and_takes_no_memory(port: int, kind: str) -> None:
    beginning, more = ENDLESS[kind]
    before = psutil.Process().memory_info().rss
    async with connected(port) as (reader, writer):
        sending = asyncio.create_task(send_all(writer, beginning, *[more] * 1_000))
        await rest(reader)
        await sending
    assert psutil.Process().memory_info().rss - before < 30_000_000


@pytest.mark.parametrize("large", [b"x: %s\r\n" % (b"a" * MAX_HEAD_BYTES), b"x: a\r\n" * 101], ids=["bytes", "headers"])
async def test_head_that_arrives_in_one_piece_is_refused_with_a_status(port: int, large: bytes) -> None:
    async with connected(port) as (reader, writer):
        await send_all(writer, POST + large + b"content-length: 0\r\n\r\n")
        answer = await rest(reader)
    assert status(answer) == 431
    assert b'"Message":"The head of the request is too large."' in answer


async def test_ordinary_head_is_taken(port: int) -> None:
    headers = {f"x-{number}": "a" * 200 for number in range(50)}
    async with httpx.AsyncClient() as http:
        assert (await http.post(f"http://127.0.0.1:{port}/body", headers=headers, content=b"abc")).text == "3"


async def test_trailers_are_no_headers(quick: None) -> None:
    seen = Seen()
    async with served(seen) as port, connected(port) as (reader, writer):
        await send_all(writer, CHUNKED + b"3\r\nabc\r\n0\r\nx-forwarded-for: 1.2.3.4\r\n\r\n")
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert status(await reader.readuntil(b"\r\n\r\n")) == 200
    assert seen.headers == ["host", "transfer-encoding"]


async def test_body_without_end_after_the_answer_is_cut_off(port: int) -> None:
    async with connected(port) as (reader, writer):
        await send_all(writer, b"POST /nothing HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
        sending = asyncio.create_task(send_all(writer, *[chunk] * 2_000))
        assert status(await rest(reader)) == 404
        await sending


@pytest.mark.parametrize("length", [8_200, 15_000])
async def test_handshake_with_a_long_header_is_refused_with_a_status(port: int, length: int) -> None:
    async with connected(port) as (reader, writer):
        await send_all(writer, HANDSHAKE + b"x: %s\r\n\r\n" % (b"a" * length))
        assert status(await rest(reader)) == 431


async def test_handshake_within_the_limits_is_accepted(port: int) -> None:
    async with connected(port) as (reader, writer):
        await send_all(writer, HANDSHAKE + b"x: %s\r\n\r\n" % (b"a" * 7_000))
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert status(await reader.readuntil(b"\r\n\r\n")) == 101


@pytest.mark.parametrize("count", [1, 10])
async def test_client_that_does_not_read_its_answer_is_cut_off(port: int, count: int) -> None:
    clients = [unread_request(port) for _ in range(count)]
    for client in clients:
        assert await rest_is_short(client)


async def rest_is_short(client: socket) -> bool:
    """Wait until the server has cut off a client that has not read. Returns whether it did not get all."""
    await asyncio.sleep(3 * SECONDS)  # for so long it does not read: the very thing that is tested
    client.setblocking(False)
    loop, received = asyncio.get_running_loop(), 0
    async with asyncio.timeout(PATIENCE_SECONDS):
        with suppress(ConnectionError):
            while part := await loop.sock_recv(client, 65_536):
                received += len(part)
    client.close()
    return received < LARGE


async def test_client_that_reads_slowly_gets_its_answer(port: int) -> None:
    client = unread_request(port)
    client.setblocking(False)
    loop, received = asyncio.get_running_loop(), 0
    async with asyncio.timeout(60):
        while received < LARGE:
            part = await loop.sock_recv(client, 400_000)
            assert part
            received += len(part)
            await asyncio.sleep(0.002)
    client.close()


async def test_client_that_sends_pings_and_reads_no_pongs_takes_no_memory(quick: None) -> None:
    seen = Seen()
    ping = b"\x89\xfd\x00\x00\x00\x00" + b"x" * 125
    before = psutil.Process().memory_info().rss
    async with served(seen) as port:
        client = socket()
        client.setsockopt(SOL_SOCKET, SO_RCVBUF, 4_096)
        client.connect(("127.0.0.1", port))
        client.sendall(HANDSHAKE + b"\r\n")
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        with suppress(ConnectionError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                for _ in range(2_000):
                    await loop.sock_sendall(client, ping * 500)
        client.close()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await seen.ended.wait()
    assert psutil.Process().memory_info().rss - before < 40_000_000


async def test_client_that_has_not_read_and_is_gone_is_noticed_at_once() -> None:
    """Its reader waits for room in the queue of frames, and does not look at the connection."""
    seen = Seen()
    frame = b"\x81\xfe\x00\xc8" + bytes(4) + b"x" * 200
    async with served(seen) as port:
        client = socket()
        client.setsockopt(SOL_SOCKET, SO_RCVBUF, 4_096)
        client.connect(("127.0.0.1", port))
        client.sendall(HANDSHAKE.replace(b"/socket", b"/answers") + b"\r\n")
        client.setblocking(False)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not seen.is_full:
                await asyncio.get_running_loop().sock_sendall(client, frame)
                await asyncio.sleep(0.001)
        client.close()
        began = monotonic()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await seen.ended.wait()
        assert monotonic() - began < SEND_SECONDS / 4
