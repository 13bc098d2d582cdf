"""What the protocols themselves refuse: it looks like every other error, and is no error of the process."""

from __future__ import annotations

import asyncio
import json

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from fuzz.exchange import ANSWER_SECONDS, Received, exchange, request_bytes
from tests.api.calls import Api
from tests.api.test_websocket import HEARTBEAT, open_socket, receive, send_frame, socket_url, subscribe
from tests.compat.chats import Chat
from tests.stack import SECRET

H2C = {"connection": "Upgrade, HTTP2-Settings", "upgrade": "h2c", "http2-settings": "AAMAAABkAAQAAP__"}
"""What HTTP clients send that would speak HTTP/2, such as Java's."""

HANDSHAKE = {
    "connection": "upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


def host(api: Api) -> dict[str, str]:
    return {"host": f"127.0.0.1:{api.stack.api_port}"}


def sign_in(api: Api, **headers: str) -> bytes:
    body = json.dumps({"instance": "demo", "user": "a1"}).encode()
    own = {**host(api), "authorization": f"Bearer {SECRET}", **headers}
    return request_bytes("POST", "/v1/agents/sign-in", own, body)


def assert_shape(received: Received, status: int, name: str) -> None:
    body = json.loads(received.body)
    assert (received.status, received.headers["x-amzn-errortype"], body["__type"]) == (status, name, name)
    assert body.keys() == {"__type", "Message"}
    assert received.headers["x-amzn-requestid"]
    assert received.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("path", "name"), [("/contact/stop", "InvalidRequestException"), ("/participant/message", "ValidationException")]
)
@pytest.mark.parametrize(("header", "status"), [("no colon", 400), ("x: " + "x" * 20_000, 431)])
async def test_unreadable_request_gets_an_error_of_its_plane(
    api: Api, path: str, name: str, header: str, status: int
) -> None:
    sent = f"POST {path} HTTP/1.1\r\nhost: x\r\n{header}\r\n\r\n".encode()
    assert_shape(await exchange(api.stack.api_port, sent), status, name)


@pytest.mark.parametrize("changed", [{"sec-websocket-version": "7"}, {"sec-websocket-key": "short"}])
async def test_handshake_that_is_none_gets_an_error(api: Api, changed: dict[str, str]) -> None:
    sent = request_bytes("GET", "/v1/agent/socket", {**host(api), **HANDSHAKE, **changed})
    assert_shape(await exchange(api.stack.api_port, sent), 400, "InvalidRequestException")


async def test_handshake_with_a_body_is_malformed_and_not_too_large(api: Api) -> None:
    sent = request_bytes("GET", "/v1/agent/socket", {**host(api), **HANDSHAKE}, b"body")
    assert_shape(await exchange(api.stack.api_port, sent), 400, "InvalidRequestException")


async def test_refused_socket_of_a_participant_gets_an_error(api: Api) -> None:
    sent = request_bytes("GET", "/participant/websocket?token=x", {**host(api), **HANDSHAKE})
    assert_shape(await exchange(api.stack.api_port, sent), 403, "AccessDeniedException")


@pytest.mark.parametrize("offer", [H2C, HANDSHAKE], ids=["HTTP/2", "WebSocket"])
async def test_body_of_a_request_that_offers_another_protocol_is_read(api: Api, offer: dict[str, str]) -> None:
    assert (await exchange(api.stack.api_port, sign_in(api, **offer))).status == 200


async def test_offer_in_pieces_and_the_request_behind_it_are_read(api: Api) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", api.stack.api_port)
    sent = sign_in(api, **H2C)
    for piece in (sent[:60], sent[60:-10], sent[-10:] + sign_in(api)):
        writer.write(piece)
        await writer.drain()
    answers = b""
    async with asyncio.timeout(ANSWER_SECONDS):
        while answers.count(b"HTTP/1.1 200") < 2:
            answers += await reader.read(1_000)
    writer.close()


async def test_connect_is_an_unknown_operation(api: Api) -> None:
    sent = request_bytes("CONNECT", "/contact/stop", host(api))
    assert_shape(await exchange(api.stack.api_port, sent), 404, "UnknownOperationException")


@pytest.mark.parametrize("path", ["/participant/websocket?token=x", "/v1/agent/socket?ticket=x", "/v1/agent/socket"])
async def test_refused_socket_is_no_error_of_the_process(api: Api, path: str) -> None:
    before = len(api.stack.log())
    sent = request_bytes("GET", path, {**host(api), **HANDSHAKE})
    assert (await exchange(api.stack.api_port, sent)).status == 403
    assert "ERROR" not in api.stack.log()[before:]


def test_text_that_is_not_utf8_ends_the_socket_and_is_no_error_of_the_process(api: Api, chat: Chat) -> None:
    before = len(api.stack.log())
    with open_socket(socket_url(api, chat)) as socket:
        subscribe(socket)
        send_frame(socket, HEARTBEAT)
        assert receive(socket) == HEARTBEAT
        ping_behind = Frame(Opcode.PING, b"").serialize(mask=True)
        socket.socket.sendall(Frame(Opcode.TEXT, b"\xff").serialize(mask=True) + ping_behind)
        with pytest.raises(ConnectionClosed) as closed:
            receive(socket)
    assert closed.value.rcvd
    assert closed.value.rcvd.code == 1007
    assert "ERROR" not in api.stack.log()[before:]


def test_close_behind_a_text_that_is_not_utf8_is_no_error_of_the_process(api: Api, chat: Chat) -> None:
    before = len(api.stack.log())
    with open_socket(socket_url(api, chat)) as socket:
        subscribe(socket)
        close_behind = Frame(Opcode.CLOSE, b"").serialize(mask=True)
        socket.socket.sendall(Frame(Opcode.TEXT, b"\xff").serialize(mask=True) + close_behind)
        with pytest.raises(ConnectionClosed):
            receive(socket)
    assert "ERROR" not in api.stack.log()[before:]
