"""Bodies that are no JSON object, or more of one than anybody needs."""

from __future__ import annotations

import json
import socket
from uuid import uuid4

import pytest

from tests.api.calls import CONTROL, ROUTES, WITH_BODY, Api, assert_refused, shape_error, valid
from tests.compat.chats import Chat, eventually

DEEP = 10_000
NO_OBJECT = {
    "nothing but spaces": b"  ",
    "half an object": b'{"Content": "hel',
    "trailing comma": b'{"Content": "x",}',
    "two objects": b"{}{}",
    "single quotes": b"{'Content': 'x'}",
    "form": b"Content=x&ContentType=text%2Fplain",
    "bare word": b"hello",
    "not UTF-8": b'{"Content": "\xff\xfe"}',
    "UTF-16": '{"Content": "x"}'.encode("utf-16"),
    "byte order mark": '\ufeff{"Content": "x"}'.encode(),
    "control character": b'{"Content": "a\x01b"}',
    "null byte": b'{"Content": "x"}\x00',
    "array": b'[{"Content": "x"}]',
    "text": b'"Content"',
    "number": b"1",
    "null": b"null",
    "NaN": b"NaN",
    "deep array": b"[" * DEEP + b"]" * DEEP,
    "deep object": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "unclosed": b"[" * DEEP,
    "deep inside": b'{"Unknown": ' + b"[" * DEEP + b"]" * DEEP + b"}",
}


@pytest.mark.parametrize("what", NO_OBJECT)
@pytest.mark.parametrize("operation", WITH_BODY)
def test_no_object(api: Api, chat: Chat, operation: str, what: str) -> None:
    response = api.send(operation, NO_OBJECT[what], chat=chat)
    assert_refused(response, 400, shape_error(operation), "The request body")


@pytest.mark.parametrize("operation", WITH_BODY)
def test_empty_body_is_an_empty_object(api: Api, chat: Chat, operation: str) -> None:
    chat = api.chat_for(operation, chat)
    empty, nothing = (api.send(operation, body, chat=chat) for body in (b"", b"{}"))
    assert empty.status_code == nothing.status_code
    optional = operation in ("GetTranscript", "DisconnectParticipant")
    assert empty.status_code == (200 if optional else 400)
    if not optional:
        assert_refused(empty, 400, shape_error(operation))
        assert empty.json() == nothing.json()


@pytest.mark.parametrize("operation", WITH_BODY)
@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 10_000, "-0", "1.5e-10"])
def test_number_instead_of_a_text(api: Api, chat: Chat, operation: str, number: str) -> None:
    name = next(iter(valid(operation, chat)), "ClientToken")
    response = api.send(operation, f'{{"{name}": {number}}}'.encode(), chat=chat)
    assert_refused(response, 400, shape_error(operation))


@pytest.mark.parametrize("operation", WITH_BODY)
def test_two_megabytes(api: Api, chat: Chat, operation: str) -> None:
    padded = json.dumps({**valid(operation, chat), "Unknown": "x" * 2_000_000}).encode()
    for body in (padded, b"x" * 2_000_000):
        assert_refused(api.send(operation, body, chat=chat), 413, shape_error(operation), "1000000 bytes")


def test_two_megabytes_without_a_length_beforehand(api: Api, chat: Chat) -> None:
    response = api.http.request(
        *ROUTES["SendMessage"], content=(b"x" * 65_536 for _ in range(31)), headers={"x-amz-bearer": chat.token}
    )
    assert_refused(response, 413, "ValidationException")


def test_nearly_a_megabyte_is_read(api: Api, chat: Chat) -> None:
    body = {**valid("SendMessage", chat), "Unknown": "x" * 999_000}
    assert api.send("SendMessage", body, chat=chat).status_code == 200


def test_last_of_two_members_of_one_name_counts(api: Api, chat: Chat) -> None:
    body = b'{"ContentType": 1, "Content": "first", "ContentType": "text/plain", "Content": "last"}'
    sent = api.send("SendMessage", body, chat=chat).json()["Id"]

    def look() -> object:
        items = api.send("GetTranscript", {"MaxResults": 100}, chat=chat).json()["Transcript"]
        return next((item["Content"] for item in items if item["Id"] == sent), None)

    assert eventually(look, "message") == "last"


@pytest.mark.parametrize("operation", WITH_BODY)
def test_content_type_of_the_request_does_not_matter(api: Api, chat: Chat, operation: str) -> None:
    chat = api.chat_for(operation, chat)
    for media_type in ("application/x-amz-json-1.1", "text/plain", "multipart/form-data", ""):
        headers = {"content-type": media_type}
        sent = api.send(operation, valid(operation, chat), chat=chat, headers=headers)
        assert sent.status_code == 200, sent.text


@pytest.mark.parametrize("operation", WITH_BODY)
def test_client_that_hangs_up_in_the_middle(api: Api, chat: Chat, operation: str) -> None:
    said = len(api.stack.log())
    method, path = ROUTES[operation]
    path = path.format(InstanceId="demo", ContactId=chat.contact_id, UserId="a1")
    bearer = f"x-amz-bearer: {chat.participant_token if 'Connection' in operation else chat.token}"
    key = "authorization: Bearer perennial-demo-secret" if operation in CONTROL else bearer
    with socket.create_connection(("127.0.0.1", api.stack.api_port)) as line:
        line.sendall(f"{method} {path} HTTP/1.1\r\nhost: x\r\n{key}\r\ncontent-length: 99\r\n\r\n{{".encode())
    # whatever it makes of that, it has made once it has answered the next
    assert api.send("DescribeContact", path={"ContactId": f"{uuid4()}"}).status_code == 404
    assert "Traceback" not in api.stack.log()[said:]
