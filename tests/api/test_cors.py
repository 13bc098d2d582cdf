"""CORS: browsers of any origin may call and may read all responses, including errors."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing

import pytest

from tests.api.calls import ROUTES, Api, assert_refused, valid_body
from tests.api.test_keys import ALL, start_chat
from tests.compat.chats import Chat

ORIGIN = {"origin": "https://shop.example"}
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


@pytest.mark.parametrize("operation", ROUTES)
def test_preflight_allows_chatjs_requests_and_what_libraries_add_to_them(api: Api, operation: str) -> None:
    method, path = ROUTES[operation]
    request_headers = {
        "access-control-request-method": method,
        "access-control-request-headers": ",".join(CHATJS_HEADERS + OTHER_HEADERS),
    }
    response = api.http.options(path, headers={**ORIGIN, **request_headers})
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == "*"
    assert names(response.headers["access-control-allow-headers"]) >= {*CHATJS_HEADERS, *OTHER_HEADERS}
    assert "*" not in response.headers["access-control-allow-headers"]
    assert names(response.headers["access-control-allow-methods"]) >= {"get", "post", "put", "delete", "options"}
    assert int(response.headers["access-control-max-age"]) >= 600
    assert "access-control-allow-credentials" not in response.headers


def test_success_is_readable_from_any_origin(api: Api, chat: Chat) -> None:
    sent = api.send("SendMessage", valid_body("SendMessage", chat), chat=chat, headers=ORIGIN)
    assert sent.status_code == 200
    assert sent.headers["access-control-allow-origin"] == "*"


def test_refusals_are_readable_from_any_origin(api: Api, chat: Chat, ended_chat: Chat) -> None:
    connection = valid_body("CreateParticipantConnection", chat)
    refusals = (
        (403, api.send("CreateParticipantConnection", connection, chat=ended_chat, headers=ORIGIN)),
        (403, api.send("CreateParticipantConnection", connection, token="nonsense", headers=ORIGIN)),
        (403, api.send("CreateParticipantConnection", connection, headers=ORIGIN)),
        (400, api.send("SendMessage", {}, chat=chat, headers=ORIGIN)),
        (400, api.send("GetTranscript", b"{", chat=chat, headers=ORIGIN)),
        (413, api.send("SendMessage", b"x" * 1_100_000, chat=chat, headers=ORIGIN)),
        (400, api.http.post("/participant/start-attachment-upload", headers=ORIGIN)),
        (404, api.http.post("/participant/nowhere", headers=ORIGIN)),
        (404, api.send("DescribeContact", headers=ORIGIN)),
    )
    for status, refusal in refusals:
        assert refusal.status_code == status
        assert refusal.headers["access-control-allow-origin"] == "*"
        assert names(refusal.headers["access-control-expose-headers"]) == {"x-amzn-errortype", "x-amzn-requestid"}


def test_server_errors_are_readable_from_any_origin_and_logged_once(tenants: Api) -> None:
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
    assert failure.headers["access-control-allow-origin"] == "*"
    assert "items" not in failure.text
    log = tenants.stack.log()[log_start:]
    assert log.count("POST /participant/transcript failed") == 1
    request_id = failure.headers["x-amzn-requestid"]
    assert re.search(rf"/participant/transcript failed \[instance one contact [-0-9a-f]+ request {request_id}\]", log)
    assert "Exception in ASGI application" not in log
    assert tenants.send("GetTranscript", {}, token=token).status_code == 200
    assert tenants.send("DescribeContact", chat=chat, token=ALL, path={"InstanceId": "one"}).status_code == 200
