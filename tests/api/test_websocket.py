"""WebSocket of a participant: its frames, tokens and limits."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from api.tokens import TokenKind
from tests.api.calls import Api, assert_refused, valid_body
from tests.compat.chats import EVENT, Chat, eventually

TIMEOUT_SECONDS = 10
SUBSCRIBE = {"topic": "aws/subscribe", "content": {"topics": ["aws/chat"]}}
SUBSCRIBED = {"topic": "aws/subscribe", "content": {"status": "success", "topics": ["aws/chat"]}}
HEARTBEAT = {"topic": "aws/heartbeat"}
PING = {"topic": "aws/ping"}
PONG = {"topic": "aws/ping", "statusCode": 200, "statusContent": "OK"}
MAX_SOCKETS = 10


def open_socket(url: str) -> Any:
    return connect(url, close_timeout=TIMEOUT_SECONDS)


def socket_url(api: Api, chat: Chat) -> str:
    response = api.send("CreateParticipantConnection", {"Type": ["WEBSOCKET"]}, chat=chat)
    assert response.status_code == 200, response.text
    return response.json()["Websocket"]["Url"]


def send_frame(socket: ClientConnection, frame: Any) -> None:
    socket.send(frame if isinstance(frame, str | bytes) else json.dumps(frame))


def receive(socket: ClientConnection) -> dict[str, Any]:
    frame = socket.recv(timeout=TIMEOUT_SECONDS)
    assert isinstance(frame, str)
    return json.loads(frame)


def receive_item(socket: ClientConnection, item_id: str) -> dict[str, Any]:
    """Receive frames up to the item with this id; return that item."""
    while True:
        frame = receive(socket)
        if frame["topic"] == "aws/chat":
            item = json.loads(frame["content"])
            if item["Id"] == item_id:
                return item


def subscribe(socket: ClientConnection) -> list[dict[str, Any]]:
    """Subscribe and wait until it is done, with a ping; return the chat frames received before the answer to the ping."""
    send_frame(socket, SUBSCRIBE)
    send_frame(socket, PING)
    assert receive(socket) == SUBSCRIBED
    frames: list[dict[str, Any]] = []
    while (frame := receive(socket)) != PONG:
        frames.append(frame)
    return frames


def send_message(api: Api, chat: Chat, content: str = "hello") -> str:
    sent = api.send("SendMessage", {"ContentType": "text/plain", "Content": content}, chat=chat)
    assert sent.status_code == 200, sent.text
    return sent.json()["Id"]


def test_pings_and_heartbeats_are_answered_in_order(api: Api) -> None:
    with open_socket(socket_url(api, api.start())) as socket:
        subscribe(socket)
        for _ in range(3):
            send_frame(socket, PING)
            send_frame(socket, HEARTBEAT)
        answers: list[dict[str, Any]] = []
        while len(answers) < 6:
            frame = receive(socket)
            answers += [frame] if frame["topic"] != "aws/chat" else []
    assert answers == [PONG, HEARTBEAT] * 3


def test_heartbeat_and_ping_are_answered_without_subscription(api: Api) -> None:
    with open_socket(socket_url(api, api.start())) as socket:
        send_frame(socket, {**HEARTBEAT, "content": {"anything": 1}})
        send_frame(socket, PING)
        assert [receive(socket), receive(socket)] == [HEARTBEAT, PONG]


def test_subscription_can_be_repeated(api: Api) -> None:
    with open_socket(socket_url(api, api.start())) as socket:
        subscribe(socket)
        send_frame(socket, SUBSCRIBE)
        received = receive(socket)
        while received["topic"] == "aws/chat":
            received = receive(socket)
        assert received == SUBSCRIBED


@pytest.mark.parametrize(
    "content",
    [{"topics": ["aws/other"]}, {"topics": []}, {"topics": "aws/chat"}, {"topics": [[]]}, {}, [], "x", None, 1],
)
def test_invalid_subscription_fails_and_can_be_corrected(api: Api, content: object) -> None:
    with open_socket(socket_url(api, api.start())) as socket:
        send_frame(socket, {"topic": "aws/subscribe", "content": content})
        assert receive(socket) == {"topic": "aws/subscribe", "content": {"status": "failure", "topics": []}}
        subscribe(socket)


def test_chat_frame_contains_transcript_item_as_json_string(api: Api) -> None:
    chat = api.start()
    with open_socket(socket_url(api, chat)) as socket:
        frames = subscribe(socket)
        item_id = send_message(api, chat, "héllo 😀")
        while len(frames) < 2:
            frames.append(receive(socket))
    for frame in frames:
        assert set(frame) == {"topic", "contentType", "content"}
        assert (frame["topic"], frame["contentType"]) == ("aws/chat", "application/json")
        assert isinstance(frame["content"], str)
    joined, message = (json.loads(frame["content"]) for frame in frames)
    assert joined["ContentType"] == EVENT + "participant.joined"
    assert message == {
        "AbsoluteTime": message["AbsoluteTime"],
        "Content": "héllo 😀",
        "ContentType": "text/plain",
        "Id": item_id,
        "Type": "MESSAGE",
        "ParticipantId": chat.participant_id,
        "DisplayName": "Ada",
        "ParticipantRole": "CUSTOMER",
        "InitialContactId": chat.contact_id,
        "ContactId": chat.contact_id,
    }
    transcript = api.send("GetTranscript", {"SortOrder": "ASCENDING"}, chat=chat).json()["Transcript"]
    assert transcript == [joined, message]


def test_every_socket_of_a_participant_receives_messages(api: Api) -> None:
    chat = api.start()
    with ExitStack() as stack:
        sockets = [stack.enter_context(open_socket(socket_url(api, chat))) for _ in range(3)]
        for socket in sockets:
            subscribe(socket)
        first = send_message(api, chat, "to three")
        assert [receive_item(socket, first)["Content"] for socket in sockets] == ["to three"] * 3
        sockets.pop().close()
        second = send_message(api, chat, "to two")
        assert [receive_item(socket, second)["Content"] for socket in sockets] == ["to two"] * 2


def test_socket_url_is_good_once(api: Api) -> None:
    chat = api.start()
    url = socket_url(api, chat)
    with open_socket(url) as first, open_socket(socket_url(api, chat)) as second:
        subscribe(first)
        subscribe(second)
        assert_upgrade_refused(url)
    assert_upgrade_refused(url)


def test_socket_receives_items_of_its_own_chat_only(api: Api) -> None:
    chat, other = api.start(), api.start()
    with open_socket(socket_url(api, chat)) as socket:
        subscribe(socket)
        other_id, own_id = send_message(api, other), send_message(api, chat)
        eventually(lambda: other_id in api.send("GetTranscript", {}, chat=other).text, "message of the other chat")
        ids: list[str] = []
        while own_id not in ids:
            ids.append(json.loads(receive(socket)["content"])["Id"])
    assert other_id not in ids


@pytest.mark.parametrize(
    "nonsense",
    [
        *("", " ", "{", "hello", "null", "1", "[]", '"aws/ping"', "{}", '{"topic": 1}', '{"topic": null}', "NaN"),
        *('{"topic": "aws/nowhere"}', '{"topic": ["aws/ping"]}', '{"topic": "aws/chat", "content": "x"}'),
        *('{"topic": "AWS/PING"}', '{"content": {"topics": ["aws/chat"]}}', "1" * 5000, "[" * 60_000, '{"a":' * 9000),
        *(b"", b"\x00\xff", json.dumps(PING).encode()),
    ],
    ids=lambda nonsense: repr(nonsense)[:30],
)
def test_malformed_frame_is_ignored(api: Api, chat: Chat, nonsense: str | bytes) -> None:
    with open_socket(socket_url(api, chat)) as socket:
        send_frame(socket, nonsense)
        send_frame(socket, HEARTBEAT)
        assert receive(socket) == HEARTBEAT


@pytest.mark.parametrize("frame", ["x" * 70_000, b"x" * 70_000, "x" * 5_000_000])
def test_oversized_frame_closes_its_own_socket_only(api: Api, frame: str | bytes) -> None:
    chat = api.start()
    with open_socket(socket_url(api, chat)) as healthy, open_socket(socket_url(api, chat)) as oversized:
        subscribe(healthy)
        with suppress(ConnectionClosed):  # the server may close the socket before the whole frame is sent
            send_frame(oversized, frame)
        with pytest.raises(ConnectionClosed) as closed:
            receive(oversized)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009
        assert receive_item(healthy, send_message(api, chat))


def test_many_pings_are_all_answered(api: Api, chat: Chat) -> None:
    with open_socket(socket_url(api, chat)) as socket:
        for _ in range(2_000):
            send_frame(socket, PING)
        assert all(receive(socket) == PONG for _ in range(2_000))


def socket_token(api: Api, participant_id: str, life: timedelta | None = timedelta(hours=1), **claims: str) -> str:
    return api.tokens().make(TokenKind.SOCKET, participant_id, life, jti=uuid4().hex, **claims)


INVALID_TOKENS: dict[str, Callable[[Api, Chat], str]] = {
    "none": lambda api, chat: "",
    "nonsense": lambda api, chat: "a.b.c",
    "deep": lambda api, chat: "W1tb" * 1_500,
    "expired": lambda api, chat: api.tokens().make(TokenKind.SOCKET, chat.participant_id, timedelta(seconds=-1)),
    "participant token": lambda api, chat: chat.participant_token,
    "connection token": lambda api, chat: chat.token,
    "page token": lambda api, chat: api.tokens().make(TokenKind.PAGE, chat.participant_id),
    "agent token": lambda api, chat: api.tokens().make(TokenKind.AGENT, chat.participant_id, instance="demo"),
    "unknown participant": lambda api, chat: socket_token(api, f"{uuid4()}"),
    "without end": lambda api, chat: socket_token(api, chat.participant_id, None),
    "without id": lambda api, chat: api.tokens().make(TokenKind.SOCKET, chat.participant_id, timedelta(hours=1)),
    "of an agent": lambda api, chat: socket_token(api, chat.participant_id, agent="x"),
    "cut short": lambda api, chat: socket_url(api, chat).partition("token=")[2][:-1],
}


def assert_upgrade_refused(url: str) -> None:
    """The upgrade must be refused: clients reconnect in a loop to a socket that opens and closes again."""
    with pytest.raises(InvalidStatus) as refused:
        with connect(url):
            pass
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("what", INVALID_TOKENS)
def test_invalid_token_is_refused(api: Api, chat: Chat, what: str) -> None:
    base = socket_url(api, chat).partition("?")[0]
    assert_upgrade_refused(f"{base}?token={INVALID_TOKENS[what](api, chat)}")


def test_missing_token_is_refused(api: Api, chat: Chat) -> None:
    assert_upgrade_refused(socket_url(api, chat).partition("?")[0])


def test_valid_token_opens_a_socket(api: Api, chat: Chat) -> None:
    """Control for the tests above: an unmodified token opens a socket."""
    token = socket_token(api, chat.participant_id)
    with open_socket(f"{socket_url(api, chat).partition('?')[0]}?token={token}") as socket:
        send_frame(socket, HEARTBEAT)
        assert receive(socket) == HEARTBEAT


def test_socket_of_ended_chat_is_refused(api: Api) -> None:
    chat = api.start()
    url = socket_url(api, chat)
    api.end(chat)
    assert_upgrade_refused(url)


def test_chat_end_is_the_last_item_that_a_socket_receives(api: Api) -> None:
    chat = api.start()
    with open_socket(socket_url(api, chat)) as socket:
        subscribe(socket)
        send_message(api, chat)
        api.end(chat)
        received: list[str] = []
        while EVENT + "chat.ended" not in received:
            received.append(json.loads(receive(socket)["content"])["ContentType"])
    assert received[-2:] == [EVENT + "participant.left", EVENT + "chat.ended"]


def test_socket_url_is_refused_when_participant_has_too_many_sockets(api: Api) -> None:
    chat = api.start()
    with ExitStack() as stack:
        for _ in range(MAX_SOCKETS):
            subscribe(stack.enter_context(open_socket(socket_url(api, chat))))
        refused = api.send("CreateParticipantConnection", valid_body("CreateParticipantConnection", chat), chat=chat)
        assert_refused(refused, 429, "ThrottlingException", "open WebSockets; at most")
        # a connection token opens no socket, so the participant can still get one to send messages
        credentials = {"Type": ["CONNECTION_CREDENTIALS"]}
        assert api.send("CreateParticipantConnection", credentials, chat=chat).status_code == 200
        assert api.send("CreateParticipantConnection", {"Type": ["WEBSOCKET"]}, chat=api.start()).status_code == 200
    allowed = eventually(
        lambda: api.send("CreateParticipantConnection", {"Type": ["WEBSOCKET"]}, chat=chat).is_success, "free socket"
    )
    assert allowed
