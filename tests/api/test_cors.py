"""Pages of other origins: allowed ones call the planes for browsers and read all answers, errors too; others nothing."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.api.calls import CONTROL_OPERATIONS, PARTICIPANT_OPERATIONS, ROUTES, Api, assert_refused, served, valid_body
from tests.api.test_keys import ALL, start_chat
from tests.api.test_websocket import socket_url
from tests.compat.chats import Chat

ORIGIN = {"origin": "http://localhost:3000"}
"""An allowed origin: without a setting, those on this machine."""
UNKNOWN_ORIGINS = (
    "https://shop.example",
    "http://localhost.evil.example",
    "http://evil.example:3000",
    "null",
    "file://",
    "http://[",
    "",
)
DESK = ("/v1/agent", "/v1/agent/contacts", "/v1/agent/socket-ticket", "/v1/agents/token", "/v1/supervision/agents")
CHATJS_HEADERS = (
    "authorization",
    "content-type",
    "x-amz-bearer",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-user-agent",
)
"""Headers of Chromium's preflight request for ChatJS 5.0.0."""
OTHER_HEADERS = ("baggage", "sentry-trace", "traceparent", "x-datadog-trace-id", "x-any-thing")
"""Headers that tracing libraries add to the requests of a page."""


def names(header: str) -> set[str]:
    return {name.strip().lower() for name in header.split(",")}


def preflight(api: Api, method: str, path: str, origin: str) -> httpx.Response:
    request_headers = {
        "access-control-request-method": method,
        "access-control-request-headers": ",".join(CHATJS_HEADERS + OTHER_HEADERS),
    }
    return api.http.options(path, headers={"origin": origin, **request_headers})


@pytest.mark.parametrize("path", [*(ROUTES[name][1] for name in PARTICIPANT_OPERATIONS), *DESK])
def test_preflight_allows_chatjs_requests_and_what_libraries_add_to_them(api: Api, path: str) -> None:
    response = preflight(api, "POST", path, ORIGIN["origin"])
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == ORIGIN["origin"]
    assert "Origin" in response.headers["vary"]
    assert names(response.headers["access-control-allow-headers"]) >= {*CHATJS_HEADERS, *OTHER_HEADERS}
    assert "*" not in response.headers["access-control-allow-headers"]
    assert names(response.headers["access-control-allow-methods"]) >= {"get", "post", "put", "delete", "options"}
    assert int(response.headers["access-control-max-age"]) >= 600
    assert "access-control-allow-credentials" not in response.headers


@pytest.mark.parametrize("operation", CONTROL_OPERATIONS)
def test_pages_of_other_origins_cannot_call_the_control_plane(api: Api, chat: Chat, operation: str) -> None:
    """Not even those that are allowed elsewhere: a page has no key of a backend."""
    (method, path), chat = ROUTES[operation], api.suitable_chat(operation, chat)
    assert_not_readable(preflight(api, method, path, ORIGIN["origin"]))
    body = valid_body(operation, chat) if method != "GET" else None
    assert_not_readable(api.send(operation, body, chat=chat, headers=ORIGIN))


@pytest.mark.parametrize(
    "path", ["/v1/instances/demo", "/v1/agents/sign-in", "/v1/contacts/x/transcript", "/openapi.json"]
)
def test_pages_of_other_origins_cannot_call_the_rest(api: Api, path: str) -> None:
    assert_not_readable(preflight(api, "GET", path, ORIGIN["origin"]))
    assert_not_readable(api.http.get(path, headers=ORIGIN))


@pytest.mark.parametrize("origin", UNKNOWN_ORIGINS)
@pytest.mark.parametrize("path", [ROUTES["SendMessage"][1], *DESK])
def test_pages_of_unknown_origins_cannot_call_anything(api: Api, path: str, origin: str) -> None:
    assert_not_readable(preflight(api, "POST", path, origin))
    assert_not_readable(api.http.post(path, headers={"origin": origin}))


def assert_not_readable(response: httpx.Response) -> None:
    assert not any(name.startswith("access-control-allow-origin") for name in response.headers)


def socket_answer(api: Api, url: str, **headers: str) -> int:
    """The status of a handshake with these headers; 101 when the socket opens."""
    try:
        with connect(url, additional_headers=headers):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


@pytest.mark.parametrize("origin", UNKNOWN_ORIGINS)
def test_pages_of_unknown_origins_cannot_open_sockets(api: Api, chat: Chat, origin: str) -> None:
    assert socket_answer(api, socket_url(api, chat), origin=origin) == 403
    desk = api.stack.url.replace("http", "ws") + "/v1/agent/socket"
    agent = api.send("SignIn", {"instance": "demo", "user": "a1"}).json()
    assert socket_answer(api, desk, origin=origin, authorization=f"Bearer {agent['token']}") == 403


@pytest.mark.parametrize(
    "origin", ["http://localhost:3000", "https://127.0.0.1", "http://[::1]:8080", "http://chat.localhost"]
)
def test_pages_on_this_machine_may_open_sockets(api: Api, chat: Chat, origin: str) -> None:
    assert socket_answer(api, socket_url(api, chat), origin=origin) == 101


@pytest.mark.slow
def test_configured_origins_take_the_place_of_those_on_this_machine(tmp_path: Path) -> None:
    settings = {
        "PERENNIAL_PUBLIC_URL": "https://chat.example.org",
        "PERENNIAL_ALLOWED_ORIGINS": '["https://shop.example", "http://intranet:8080"]',
    }
    workstream = 'mode = "live", queue = "live"'
    configuration = f'access_keys.own.secret = "{ALL}"\ninstances.demo.workstreams.live = {{ {workstream} }}'
    with served(tmp_path, configuration, **settings) as api:
        path = ROUTES["SendMessage"][1]
        for origin in ("https://shop.example", "http://intranet:8080"):
            assert preflight(api, "POST", path, origin).headers["access-control-allow-origin"] == origin
        url = api.stack.url.replace("http", "ws") + "/participant/websocket?token=x"
        for origin in (
            ORIGIN["origin"],
            "https://shop.example.evil.example",
            "https://shop.example:444",
            "http://shop.example",
        ):
            assert_not_readable(preflight(api, "POST", path, origin))
            assert "PERENNIAL_ALLOWED_ORIGINS" in refused_handshake(url, origin)
        for origin in ("https://shop.example", "https://chat.example.org", api.stack.url):
            # past the look at the origin: the token is not valid
            assert "PERENNIAL_ALLOWED_ORIGINS" not in refused_handshake(url, origin)


def refused_handshake(url: str, origin: str) -> str:
    with pytest.raises(InvalidStatus) as refusal:
        with connect(url, additional_headers={"origin": origin}):
            pass
    return (refusal.value.response.body or b"").decode()


def test_success_is_readable_from_an_allowed_origin(api: Api, chat: Chat) -> None:
    sent = api.send("SendMessage", valid_body("SendMessage", chat), chat=chat, headers=ORIGIN)
    assert sent.status_code == 200
    assert sent.headers["access-control-allow-origin"] == ORIGIN["origin"]


def test_refusals_are_readable_from_an_allowed_origin(api: Api, chat: Chat, ended_chat: Chat) -> None:
    connection = valid_body("CreateParticipantConnection", chat)
    refusals = (
        (403, api.send("CreateParticipantConnection", connection, chat=ended_chat, headers=ORIGIN)),
        (403, api.send("CreateParticipantConnection", connection, token="nonsense", headers=ORIGIN)),
        (403, api.send("CreateParticipantConnection", connection, headers=ORIGIN)),
        (400, api.send("SendMessage", {}, chat=chat, headers=ORIGIN)),
        (400, api.send("GetTranscript", b"{", chat=chat, headers=ORIGIN)),
        (413, api.send("SendMessage", b"x" * 1_100_000, chat=chat, headers=ORIGIN)),
        (400, api.http.post("/participant/authentication-url", headers=ORIGIN)),
        (404, api.http.post("/participant/nowhere", headers=ORIGIN)),
        (403, api.http.get("/v1/agent/contacts", headers=ORIGIN)),
    )
    for status, refusal in refusals:
        assert refusal.status_code == status
        assert refusal.headers["access-control-allow-origin"] == ORIGIN["origin"]
        assert names(refusal.headers["access-control-expose-headers"]) == {"x-amzn-errortype", "x-amzn-requestid"}


def test_server_errors_are_readable_from_an_allowed_origin_and_logged_once(tenants: Api) -> None:
    """The server error is caused by a missing database table."""
    session = start_chat(tenants, "one")
    chat = Chat(session["ContactId"], session["ParticipantId"], session["ParticipantToken"], "")
    connection = tenants.send("CreateParticipantConnection", {"Type": ["CONNECTION_CREDENTIALS"]}, chat=chat).json()
    token = connection["ConnectionCredentials"]["ConnectionToken"]
    with closing(sqlite3.connect(tenants.stack.folder / "store.db", timeout=30, isolation_level=None)) as store:
        store.execute("ALTER TABLE items RENAME TO items_gone")
        try:
            log_start = len(tenants.stack.log())
            failure = tenants.send("GetTranscript", {}, token=token, headers=ORIGIN)
        finally:
            store.execute("ALTER TABLE items_gone RENAME TO items")
    assert_refused(failure, 500, "InternalServerException", "unexpected error")
    assert failure.headers["access-control-allow-origin"] == ORIGIN["origin"]
    assert "items" not in failure.text
    log = tenants.stack.log()[log_start:]
    assert log.count("POST /participant/transcript failed") == 1
    request_id = failure.headers["x-amzn-requestid"]
    assert re.search(rf"/participant/transcript failed \[instance one contact [-0-9a-f]+ request {request_id}\]", log)
    assert "Exception in ASGI application" not in log
    assert tenants.send("GetTranscript", {}, token=token).status_code == 200
    assert tenants.send("DescribeContact", chat=chat, token=ALL, path={"InstanceId": "one"}).status_code == 200
