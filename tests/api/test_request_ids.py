"""Every response names the id of its request."""

from __future__ import annotations

from uuid import UUID

import pytest

from tests.api.calls import NEEDS_ENDED_CHAT, NEEDS_STREAM, ROUTES, Api, valid_body
from tests.api.test_websocket import open_socket, socket_url
from tests.compat.chats import INSTANCE, Chat

HEADER = "x-amzn-requestid"


def test_boto3_finds_the_request_id(api: Api) -> None:
    answer = api.stack.connect().start_chat_contact(
        InstanceId=INSTANCE, ContactFlowId="persistent", ParticipantDetails={"DisplayName": "Ada"}
    )
    UUID(answer["ResponseMetadata"]["RequestId"])


@pytest.mark.parametrize("operation", [name for name in ROUTES if name not in (NEEDS_ENDED_CHAT, NEEDS_STREAM)])
def test_success_has_an_id_of_its_own(api: Api, chat: Chat, operation: str) -> None:
    method, _ = ROUTES[operation]
    chat = api.suitable_chat(operation, chat)
    body = None if method == "GET" else valid_body(operation, chat)
    answers = [api.send(operation, body, chat=chat) for _ in range(2)]
    assert answers[0].status_code == 200, answers[0].text
    assert len({UUID(answer.headers[HEADER]) for answer in answers}) == 2


@pytest.mark.parametrize(
    ("method", "path"),
    [("OPTIONS", "/contact/chat"), ("GET", "/healthz"), ("GET", "/"), ("GET", "/openapi.json"), ("GET", "/nowhere")],
)
def test_answers_outside_of_the_operations_have_one(api: Api, method: str, path: str) -> None:
    preflight = {"origin": "https://shop.example", "access-control-request-method": "PUT"}
    answer = api.http.request(method, path, headers=preflight if method == "OPTIONS" else {})
    assert answer.headers.get_list(HEADER) == [str(UUID(answer.headers[HEADER]))]


def test_socket_has_one(api: Api) -> None:
    with open_socket(socket_url(api, api.start())) as socket:
        UUID(socket.response.headers[HEADER])
