"""Request bodies that are not JSON objects, too large, or unusual."""

from __future__ import annotations

import json
import socket
from uuid import uuid4

import pytest

from tests.api.calls import (
    CONTROL_OPERATIONS,
    ROUTES,
    WITH_BODY,
    Api,
    assert_refused,
    path_ids,
    shape_error,
    valid_body,
)
from tests.compat.chats import Chat, eventually

DEPTH = 10_000
INVALID_BODIES = {
    "only spaces": b"  ",
    "truncated object": b'{"Content": "hel',
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
    "deep array": b"[" * DEPTH + b"]" * DEPTH,
    "deep object": b'{"a":' * DEPTH + b"1" + b"}" * DEPTH,
    "unclosed": b"[" * DEPTH,
    "deep member": b'{"Unknown": ' + b"[" * DEPTH + b"]" * DEPTH + b"}",
}


@pytest.mark.parametrize("what", INVALID_BODIES)
@pytest.mark.parametrize("operation", WITH_BODY)
def test_body_that_is_not_a_json_object_is_refused(api: Api, chat: Chat, operation: str, what: str) -> None:
    response = api.send(operation, INVALID_BODIES[what], chat=chat)
    assert_refused(response, 400, shape_error(operation), "The request body")


MANY_MISTAKES = {
    "list": b'{"SupportedMessagingContentTypes": [' + b"1," * 300_000 + b"1]}",
    "members": b"{" + b",".join(b'"%d": 1' % number for number in range(80_000)) + b"}",
    "maps": b'{"SegmentAttributes": {"a": {"ValueList": [' + b"{}," * 300_000 + b"{}]}}}",
    "after texts": b'{"Content": "\\"' + b"," * 20_000 + b'", "Unknown": [' + b"1," * 20_000 + b"1]}",
}


@pytest.mark.parametrize("what", MANY_MISTAKES)
@pytest.mark.parametrize("operation", WITH_BODY)
def test_body_with_very_many_values_is_refused_before_its_mistakes_are_listed(
    api: Api, chat: Chat, operation: str, what: str
) -> None:
    response = api.send(operation, MANY_MISTAKES[what], chat=chat)
    assert response.status_code == 413
    assert "more than 10000 values" in response.text


def test_long_name_of_a_member_is_not_repeated_in_the_refusal(api: Api, chat: Chat) -> None:
    body = {
        "InstanceId": "demo",
        "ContactFlowId": "support",
        "ParticipantDetails": {"DisplayName": "C"},
        "Attributes": {"x" * 900_000: 1},
    }
    response = api.send("StartChatContact", json.dumps(body).encode(), chat=chat)
    assert response.status_code == 400
    assert len(response.content) < 1_000


def test_commas_in_texts_do_not_count(api: Api, chat: Chat) -> None:
    body = json.dumps({"ContentType": "text/plain", "Content": ',"\\' * 4_000}).encode()
    assert api.send("SendMessage", body, chat=chat).status_code == 200


@pytest.mark.parametrize("operation", WITH_BODY)
def test_empty_body_is_read_as_empty_object(api: Api, chat: Chat, operation: str) -> None:
    chat = api.suitable_chat(operation, chat)
    empty, empty_object = (api.send(operation, body, chat=chat) for body in (b"", b"{}"))
    assert empty.status_code == empty_object.status_code
    optional = operation in ("GetTranscript", "DisconnectParticipant")
    assert empty.status_code == (200 if optional else 400)
    if not optional:
        assert_refused(empty, 400, shape_error(operation))
        assert empty.json() == empty_object.json()


@pytest.mark.parametrize("operation", WITH_BODY)
@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 10_000, "-0", "1.5e-10"])
def test_number_instead_of_string_is_refused(api: Api, chat: Chat, operation: str, number: str) -> None:
    name = next(iter(valid_body(operation, chat)), "ClientToken")
    response = api.send(operation, f'{{"{name}": {number}}}'.encode(), chat=chat)
    assert_refused(response, 400, shape_error(operation))


@pytest.mark.parametrize("operation", WITH_BODY)
def test_body_of_two_megabytes_is_refused(api: Api, chat: Chat, operation: str) -> None:
    padded = json.dumps({**valid_body(operation, chat), "Unknown": "x" * 2_000_000}).encode()
    for body in (padded, b"x" * 2_000_000):
        assert_refused(api.send(operation, body, chat=chat), 413, shape_error(operation), "1000000 bytes")


def test_chunked_body_above_size_limit_is_refused(api: Api, chat: Chat) -> None:
    response = api.http.request(
        *ROUTES["SendMessage"], content=(b"x" * 65_536 for _ in range(31)), headers={"x-amz-bearer": chat.token}
    )
    assert_refused(response, 413, "ValidationException")


def test_body_just_below_size_limit_is_accepted(api: Api, chat: Chat) -> None:
    body = {**valid_body("SendMessage", chat), "Unknown": "x" * 999_000}
    assert api.send("SendMessage", body, chat=chat).status_code == 200


def test_last_of_duplicate_members_is_used(api: Api, chat: Chat) -> None:
    body = b'{"ContentType": 1, "Content": "first", "ContentType": "text/plain", "Content": "last"}'
    sent = api.send("SendMessage", body, chat=chat).json()["Id"]

    def probe() -> object:
        items = api.send("GetTranscript", {"MaxResults": 100}, chat=chat).json()["Transcript"]
        return next((item["Content"] for item in items if item["Id"] == sent), None)

    assert eventually(probe, "message") == "last"


@pytest.mark.parametrize("operation", WITH_BODY)
def test_content_type_of_request_is_ignored(api: Api, chat: Chat, operation: str) -> None:
    chat = api.suitable_chat(operation, chat)
    for media_type in ("application/x-amz-json-1.1", "text/plain", "multipart/form-data", ""):
        headers = {"content-type": media_type}
        sent = api.send(operation, valid_body(operation, chat), chat=chat, headers=headers)
        assert sent.status_code == 200, sent.text


@pytest.mark.parametrize("operation", WITH_BODY)
def test_client_disconnect_during_request_causes_no_error(api: Api, chat: Chat, operation: str) -> None:
    log_start = len(api.stack.log())
    method, path = ROUTES[operation]
    path = path.format_map(path_ids(chat))
    bearer = f"x-amz-bearer: {chat.participant_token if 'Connection' in operation else chat.token}"
    key = "authorization: Bearer perennial-demo-secret" if operation in CONTROL_OPERATIONS else bearer
    with socket.create_connection(("127.0.0.1", api.stack.api_port)) as connection:
        connection.sendall(
            f"{method} {path} HTTP/1.1\r\nhost: localhost\r\n{key}\r\ncontent-length: 99\r\n\r\n{{".encode()
        )
    # the server has handled the broken request once it has answered the next one
    assert api.send("DescribeContact", path={"ContactId": f"{uuid4()}"}).status_code == 404
    assert "Traceback" not in api.stack.log()[log_start:]
