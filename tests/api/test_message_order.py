"""Messages of one sender are recorded in the order of their arrival, also when the sender awaits no answer."""

from __future__ import annotations

import json
import socket
from collections.abc import Generator
from contextlib import ExitStack, contextmanager

from tests.api.calls import Api
from tests.compat.chats import Chat, eventually

COUNT = 20


class Connection:
    """An open connection on which one message is sent by hand."""

    def __init__(self, api: Api, chat: Chat, text: str, token: str | None = None) -> None:
        self._socket = socket.create_connection(("127.0.0.1", api.stack.api_port), 30)
        self._body = json.dumps({"ContentType": "text/plain", "Content": text, "ClientToken": text}).encode()
        self._token = token or chat.token

    def send_head(self) -> None:
        head = f"POST /participant/message HTTP/1.1\r\nhost: localhost\r\nx-amz-bearer: {self._token}\r\n"
        self._socket.sendall(f"{head}content-length: {len(self._body)}\r\n\r\n".encode())

    def send_body(self) -> None:
        self._socket.sendall(self._body)

    def status(self) -> int:
        """Wait for the answer."""
        return int(self._socket.recv(65_536).split()[1])

    def close(self) -> None:
        self._socket.close()


@contextmanager
def connections(api: Api, chat: Chat, count: int = COUNT) -> Generator[list[Connection]]:
    with ExitStack() as stack:
        opened = [Connection(api, chat, f"{number}") for number in range(count)]
        for connection in opened:
            stack.callback(connection.close)
        yield opened


def texts(api: Api, chat: Chat, count: int) -> list[str]:
    def probe() -> list[str] | None:
        items = api.send("GetTranscript", {"MaxResults": 100, "SortOrder": "ASCENDING"}, chat=chat).json()["Transcript"]
        found = [item["Content"] for item in items if item["Type"] == "MESSAGE"]
        return found if len(found) == count else None

    return eventually(probe, "all messages")


def wait_until_read(api: Api) -> None:
    """Wait until the API has read what was sent before: it reads a later request after it."""
    api.http.get("/healthz").raise_for_status()


def test_messages_keep_their_order_although_their_bodies_come_in_another_one(api: Api) -> None:
    chat = api.start()
    with connections(api, chat) as opened:
        for connection in opened:
            connection.send_head()
            wait_until_read(api)
        for connection in reversed(opened):
            connection.send_body()
        assert {connection.status() for connection in opened} == {200}
    assert texts(api, chat, COUNT) == [f"{number}" for number in range(COUNT)]


def test_refused_and_abandoned_messages_hold_nobody_up_and_change_no_order(api: Api) -> None:
    chat = api.start()
    with connections(api, chat, 5) as (first, refused, second, abandoned, third):
        refused._body = b"{}"  # pyright: ignore[reportPrivateUsage]
        for connection in (first, refused, second, abandoned, third):
            connection.send_head()
            wait_until_read(api)
        for connection in (third, second, refused):
            connection.send_body()
        assert refused.status() == 400
        abandoned.close()
        first.send_body()
        assert [connection.status() for connection in (first, second, third)] == [200] * 3
    assert texts(api, chat, 3) == ["0", "2", "4"]


def test_sender_whose_body_never_arrives_holds_up_nobody_else(api: Api) -> None:
    chat = api.start()
    with connections(api, chat, 2) as (missing, sent):
        missing.send_head()
        wait_until_read(api)
        other = api.start()
        assert api.send("SendMessage", {"ContentType": "text/plain", "Content": "other"}, chat=other).status_code == 200
        sent.send_head()
        sent.send_body()
        assert sent.status() == 200  # after the longest wait for those ahead
    assert texts(api, chat, 1) == ["1"]
