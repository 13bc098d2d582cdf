"""The socket of a participant, frame by frame."""

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
from tests.api.calls import Api, assert_refused, valid
from tests.compat.chats import EVENT, Chat, eventually

WAIT = 10
SUBSCRIBE = {"topic": "aws/subscribe", "content": {"topics": ["aws/chat"]}}
SUBSCRIBED = {"topic": "aws/subscribe", "content": {"status": "success", "topics": ["aws/chat"]}}
HEARTBEAT = {"topic": "aws/heartbeat"}
PING = {"topic": "aws/ping"}
PONG = {"topic": "aws/ping", "statusCode": 200, "statusContent": "OK"}
MOST_SOCKETS = 10


def opened(url: str) -> Any:
    return connect(url, close_timeout=WAIT)


def url_of(api: Api, chat: Chat) -> str:
    answer = api.send("CreateParticipantConnection", {"Type": ["WEBSOCKET"]}, chat=chat)
    assert answer.status_code == 200, answer.text
    return answer.json()["Websocket"]["Url"]


def say(socket: ClientConnection, frame: Any) -> None:
    socket.send(frame if isinstance(frame, str | bytes) else json.dumps(frame))


def hear(socket: ClientConnection) -> dict[str, Any]:
    frame = socket.recv(timeout=WAIT)
    assert isinstance(frame, str)
    return json.loads(frame)


def hear_item(socket: ClientConnection, item_id: str) -> dict[str, Any]:
    """The item of this id, past all frames before it."""
    while True:
        frame = hear(socket)
        if frame["topic"] == "aws/chat":
            item = json.loads(frame["content"])
            if item["Id"] == item_id:
                return item


def subscribe(socket: ClientConnection) -> list[dict[str, Any]]:
    """Subscribes. The answer to the ping shows that all is done; returns the frames of the chat that came before it."""
    say(socket, SUBSCRIBE)
    say(socket, PING)
    assert hear(socket) == SUBSCRIBED
    frames: list[dict[str, Any]] = []
    while (frame := hear(socket)) != PONG:
        frames.append(frame)
    return frames


def send_message(api: Api, chat: Chat, content: str = "hello") -> str:
    sent = api.send("SendMessage", {"ContentType": "text/plain", "Content": content}, chat=chat)
    assert sent.status_code == 200, sent.text
    return sent.json()["Id"]


def test_subscription_heartbeat_and_ping(api: Api) -> None:
    with opened(url_of(api, api.start())) as socket:
        subscribe(socket)
        for _ in range(3):
            say(socket, PING)
            say(socket, HEARTBEAT)
        answers: list[dict[str, Any]] = []
        while len(answers) < 6:
            frame = hear(socket)
            answers += [frame] if frame["topic"] != "aws/chat" else []
    assert answers == [PONG, HEARTBEAT] * 3


def test_answers_come_before_and_without_a_subscription(api: Api) -> None:
    with opened(url_of(api, api.start())) as socket:
        say(socket, {**HEARTBEAT, "content": {"anything": 1}})
        say(socket, PING)
        assert [hear(socket), hear(socket)] == [HEARTBEAT, PONG]


def test_subscription_may_be_repeated(api: Api) -> None:
    with opened(url_of(api, api.start())) as socket:
        subscribe(socket)
        say(socket, SUBSCRIBE)
        heard = hear(socket)
        while heard["topic"] == "aws/chat":
            heard = hear(socket)
        assert heard == SUBSCRIBED


@pytest.mark.parametrize(
    "content",
    [{"topics": ["aws/other"]}, {"topics": []}, {"topics": "aws/chat"}, {"topics": [[]]}, {}, [], "x", None, 1],
)
def test_subscription_to_nothing_fails_and_may_be_mended(api: Api, content: object) -> None:
    with opened(url_of(api, api.start())) as socket:
        say(socket, {"topic": "aws/subscribe", "content": content})
        assert hear(socket) == {"topic": "aws/subscribe", "content": {"status": "failure", "topics": []}}
        subscribe(socket)


def test_chat_frame_is_a_string_of_an_item(api: Api) -> None:
    chat = api.start()
    with opened(url_of(api, chat)) as socket:
        frames = subscribe(socket)
        item_id = send_message(api, chat, "héllo 😀")
        while len(frames) < 2:
            frames.append(hear(socket))
    for frame in frames:
        assert set(frame) == {"topic", "contentType", "content"}
        assert (frame["topic"], frame["contentType"]) == ("aws/chat", "application/json")
        assert isinstance(frame["content"], str)
    joined, said = (json.loads(frame["content"]) for frame in frames)
    assert joined["ContentType"] == EVENT + "participant.joined"
    assert said == {
        "AbsoluteTime": said["AbsoluteTime"],
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
    assert transcript == [joined, said]


def test_every_socket_of_a_participant_hears(api: Api) -> None:
    chat = api.start()
    with ExitStack() as stack:
        sockets = [stack.enter_context(opened(url_of(api, chat))) for _ in range(3)]
        for socket in sockets:
            subscribe(socket)
        first = send_message(api, chat, "to three")
        assert [hear_item(socket, first)["Content"] for socket in sockets] == ["to three"] * 3
        sockets.pop().close()
        second = send_message(api, chat, "to two")
        assert [hear_item(socket, second)["Content"] for socket in sockets] == ["to two"] * 2


def test_one_address_may_be_dialled_twice(api: Api) -> None:
    url = url_of(api, api.start())
    with opened(url) as first, opened(url) as second:
        subscribe(first)
        subscribe(second)


def test_socket_of_one_chat_hears_nothing_of_another(api: Api) -> None:
    chat, other = api.start(), api.start()
    with opened(url_of(api, chat)) as socket:
        subscribe(socket)
        foreign, own = send_message(api, other), send_message(api, chat)
        eventually(lambda: foreign in api.send("GetTranscript", {}, chat=other).text, "message of the other chat")
        ids: list[str] = []
        while own not in ids:
            ids.append(json.loads(hear(socket)["content"])["Id"])
    assert foreign not in ids


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
def test_nonsense_is_passed_over(api: Api, chat: Chat, nonsense: str | bytes) -> None:
    with opened(url_of(api, chat)) as socket:
        say(socket, nonsense)
        say(socket, HEARTBEAT)
        assert hear(socket) == HEARTBEAT


@pytest.mark.parametrize("frame", ["x" * 70_000, b"x" * 70_000, "x" * 5_000_000])
def test_huge_frame_ends_its_own_socket_only(api: Api, frame: str | bytes) -> None:
    chat = api.start()
    with opened(url_of(api, chat)) as quiet, opened(url_of(api, chat)) as loud:
        subscribe(quiet)
        with suppress(ConnectionClosed):  # it may be closed before all of the frame is sent
            say(loud, frame)
        with pytest.raises(ConnectionClosed) as closed:
            hear(loud)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009
        assert hear_item(quiet, send_message(api, chat))


def test_flood_is_answered(api: Api, chat: Chat) -> None:
    with opened(url_of(api, chat)) as socket:
        for _ in range(2_000):
            say(socket, PING)
        assert all(hear(socket) == PONG for _ in range(2_000))


BAD: dict[str, Callable[[Api, Chat], str]] = {
    "none": lambda api, chat: "",
    "nonsense": lambda api, chat: "a.b.c",
    "deep": lambda api, chat: "W1tb" * 1_500,
    "expired": lambda api, chat: api.tokens().make(TokenKind.SOCKET, chat.participant_id, timedelta(seconds=-1)),
    "participant token": lambda api, chat: chat.participant_token,
    "connection token": lambda api, chat: chat.token,
    "page token": lambda api, chat: api.tokens().make(TokenKind.PAGE, chat.participant_id),
    "desk token": lambda api, chat: api.tokens().make(TokenKind.DESK, chat.participant_id, instance="demo"),
    "nobody": lambda api, chat: api.tokens().make(TokenKind.SOCKET, f"{uuid4()}", timedelta(hours=1)),
    "cut short": lambda api, chat: url_of(api, chat).partition("token=")[2][:-1],
}


def assert_upgrade_refused(url: str) -> None:
    """Refused before it opens: a socket that opens and closes again makes clients storm."""
    with pytest.raises(InvalidStatus) as refused:
        with connect(url):
            pass
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("what", BAD)
def test_bad_token(api: Api, chat: Chat, what: str) -> None:
    base = url_of(api, chat).partition("?")[0]
    assert_upgrade_refused(f"{base}?token={BAD[what](api, chat)}")


def test_no_token(api: Api, chat: Chat) -> None:
    assert_upgrade_refused(url_of(api, chat).partition("?")[0])


def test_minted_token_is_good(api: Api, chat: Chat) -> None:
    """What the refusals above are worth: the same, unspoilt, opens."""
    token = api.tokens().make(TokenKind.SOCKET, chat.participant_id, timedelta(hours=1))
    with opened(f"{url_of(api, chat).partition('?')[0]}?token={token}") as socket:
        say(socket, HEARTBEAT)
        assert hear(socket) == HEARTBEAT


def test_ended_chat(api: Api) -> None:
    chat = api.start()
    url = url_of(api, chat)
    api.end(chat)
    assert_upgrade_refused(url)


def test_end_is_the_last_that_a_socket_hears(api: Api) -> None:
    chat = api.start()
    with opened(url_of(api, chat)) as socket:
        subscribe(socket)
        send_message(api, chat)
        api.end(chat)
        heard: list[str] = []
        while EVENT + "chat.ended" not in heard:
            heard.append(json.loads(hear(socket)["content"])["ContentType"])
    assert heard[-2:] == [EVENT + "participant.left", EVENT + "chat.ended"]


def test_too_many_sockets_are_refused_where_a_client_asks_for_one(api: Api) -> None:
    chat = api.start()
    with ExitStack() as stack:
        for _ in range(MOST_SOCKETS):
            subscribe(stack.enter_context(opened(url_of(api, chat))))
        asked = api.send("CreateParticipantConnection", valid("CreateParticipantConnection", chat), chat=chat)
        assert_refused(asked, 429, "ThrottlingException", "connections")
        # a token alone opens no socket, and sending must go on
        credentials = {"Type": ["CONNECTION_CREDENTIALS"]}
        assert api.send("CreateParticipantConnection", credentials, chat=chat).status_code == 200
        assert api.send("CreateParticipantConnection", {"Type": ["WEBSOCKET"]}, chat=api.start()).status_code == 200
    again = eventually(
        lambda: api.send("CreateParticipantConnection", {"Type": ["WEBSOCKET"]}, chat=chat).is_success, "free socket"
    )
    assert again
