"""Request paths: ids, unknown paths, and unsupported operations."""

from __future__ import annotations

import re
import socket
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import Session

from tests.api.calls import OWN_OPERATIONS, ROUTES, WITH_BODY, Api, assert_refused, valid_body
from tests.compat.chats import Chat
from tests.stack import Stack

IDS = [(operation, member) for operation, (_, path) in ROUTES.items() for member in re.findall(r"{(\w+)}", path)]
MAX_LENGTHS = {
    "InstanceId": 100,
    "ContactId": 256,
    "InitialContactId": 256,
    "UserId": 256,
    "QueueId": 256,
    "ContactFlowId": 500,
}
SERVICES = {"connect": "InvalidRequestException", "connectparticipant": "ValidationException"}


def operations(service: str) -> list[Any]:
    model: Any = Session().get_service_model(service)
    return [model.operation_model(name) for name in model.operation_names]


UNSUPPORTED = [
    (service, operation) for service in SERVICES for operation in operations(service) if operation.name not in ROUTES
]


def unsupported_id(parameter: object) -> str:
    return getattr(parameter, "name", str(parameter))


@pytest.mark.parametrize(("operation", "member"), IDS)
def test_invalid_path_ids_are_refused(api: Api, chat: Chat, operation: str, member: str) -> None:
    def refused(value: str, status: int, name: str, mention: str = member) -> None:
        body = valid_body(operation, chat) if operation in WITH_BODY else None
        response = api.send(operation, body, chat=chat, path={member: quote(value, safe="")})
        assert_refused(response, status, name, mention)

    max_length = MAX_LENGTHS[member]
    for unknown in (
        "x",
        "a" * max_length,
        "€" * max_length,
        "x y?z#",
        "%00",
        "..%2f",
        f"{uuid4()}",
        "arn:aws:connect:x/nowhere",
    ):
        refused(unknown, 404, "ResourceNotFoundException")
    for longer in ("a" * (max_length + 1), "€" * (max_length + 1), "/" * (max_length + 1)):
        refused(longer, 400, "InvalidRequestException")
    for null in ("\0", "a\0b", "x/\0", "\0/x"):
        refused(null, 400, "InvalidRequestException")


def test_lone_surrogate_in_path_is_not_found(api: Api) -> None:
    response = api.send("DescribeContact", path={"ContactId": "%ED%A0%80"})
    assert_refused(response, 404, "ResourceNotFoundException", "ContactId")


@pytest.mark.parametrize(
    "path",
    [
        *("/contact", "/contact/", "/contact/chat/", "/CONTACT/CHAT", "//contact/chat", "/contact//chat"),
        *("/participant", "/participant/", "/participant/message/", "/participant/message/x", "/v2", "/contact%2Fchat"),
        *("/contacts/demo", "/participant/..%2fcontact/chat", "/contact/chat%00", "/%ff", "/a%0d%0ab"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH"])
def test_unknown_path_is_refused(api: Api, method: str, path: str) -> None:
    # as it is: httpx takes `//contact` for a host
    url = api.http.base_url.copy_with(raw_path=path.encode())
    assert_refused(api.http.request(method, url), 404, "UnknownOperationException", method)


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/contact/chat"), ("DELETE", "/participant/message"), ("POST", "/")]
)
def test_wrong_method_is_refused(api: Api, method: str, path: str) -> None:
    assert_refused(api.http.request(method, path), 404, "UnknownOperationException", path)


@pytest.mark.parametrize(("service", "operation"), UNSUPPORTED, ids=unsupported_id)
def test_unsupported_operation_is_refused(clients: dict[str, Any], service: str, operation: Any) -> None:
    members = operation.input_shape.members if operation.input_shape else {}
    uri_members = {name: "x" for name, member in members.items() if member.serialization.get("location") == "uri"}
    with pytest.raises(ClientError) as refused:
        getattr(clients[service], xform_name(operation.name))(**uri_members)
    assert refused.value.response["Error"]["Code"] == SERVICES[service]
    assert f"{service}:{operation.name} is not served" in refused.value.response["Error"]["Message"]
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_models_contain_all_supported_and_many_unsupported_operations() -> None:
    assert len(UNSUPPORTED) > 300
    assert {operation.name for service in SERVICES for operation in operations(service)} > {*ROUTES} - {*OWN_OPERATIONS}


@pytest.fixture(scope="module")
def clients(stack: Stack) -> dict[str, Any]:
    """boto3 clients without parameter validation, so that calls may lack required members."""
    config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
    return {service: stack.client(service, config=config) for service in SERVICES}


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET /\xff\xfe HTTP/1.1",
        b"GET /?\xff HTTP/1.1",
        b"GET /contacts/demo/\xff%2f HTTP/1.1",
        b"nonsense",
        b"\x00\x01",
    ],
)
def test_malformed_http_request_is_refused(api: Api, request_line: bytes) -> None:
    with socket.create_connection(("127.0.0.1", api.stack.api_port)) as connection:
        connection.settimeout(10)
        connection.sendall(request_line + b"\r\nhost: localhost\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("host", ["x:abc", "a/b?c", "", "x y", "127.0.0.1:999999", "ä", "[::1"])
def test_invalid_host_header_is_refused(api: Api, chat: Chat, host: str) -> None:
    name = {b"host": host.encode()}
    bearer = {b"x-amz-bearer": chat.participant_token.encode()}
    refused = api.http.post("/participant/connection", json={"Type": ["WEBSOCKET"]}, headers={**name, **bearer})
    assert_refused(refused, 403, "AccessDeniedException", "is not served here")
    assert_refused(api.http.get("/nowhere", headers=name), 403, "AccessDeniedException", "is not served here")


def test_port_out_of_range_in_the_host_header_is_tolerated(api: Api, chat: Chat) -> None:
    headers = {"host": "127.0.0.1:99999", "x-amz-bearer": chat.participant_token}
    connected = api.http.post("/participant/connection", json={"Type": ["WEBSOCKET"]}, headers=headers)
    assert connected.json()["Websocket"]["Url"].startswith("ws://")


def test_health_answers_head(api: Api) -> None:
    answer = api.http.head("/healthz")
    assert (answer.status_code, answer.content) == (200, b"")


def test_plain_request_to_a_socket_says_that_it_is_a_websocket(api: Api) -> None:
    for path in ("/v1/agent/socket", "/participant/websocket"):
        assert_refused(api.http.get(path), 404, "UnknownOperationException", f"GET {path} is a WebSocket")
    assert_refused(api.http.get("/v1/agent/sockets"), 404, "UnknownOperationException", "There is no operation")
