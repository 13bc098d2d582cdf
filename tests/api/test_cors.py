"""Browsers of any origin may call, and may read what they are answered, refusals and failures included."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from tests.api.calls import ROUTES, Api, assert_refused, valid
from tests.api.test_keys import ALL, start
from tests.compat.chats import Chat

ORIGIN = {"origin": "https://shop.example"}
CHATJS = ("authorization", "content-type", "x-amz-bearer", "x-amz-content-sha256", "x-amz-date", "x-amz-user-agent")
"""What Chromium asks for before a call of ChatJS 5.0.0."""


def names(header: str) -> set[str]:
    return {name.strip().lower() for name in header.split(",")}


@pytest.mark.parametrize("operation", ROUTES)
def test_preflight(api: Api, operation: str) -> None:
    method, path = ROUTES[operation]
    asks = {"access-control-request-method": method, "access-control-request-headers": ",".join(CHATJS)}
    answer = api.http.options(path, headers={**ORIGIN, **asks})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert names(answer.headers["access-control-allow-headers"]) >= {*CHATJS}
    assert "*" not in answer.headers["access-control-allow-headers"]
    assert names(answer.headers["access-control-allow-methods"]) >= {"get", "post", "put", "options"}
    assert int(answer.headers["access-control-max-age"]) >= 600
    assert "access-control-allow-credentials" not in answer.headers


def test_success_can_be_read(api: Api, chat: Chat) -> None:
    sent = api.send("SendMessage", valid("SendMessage", chat), chat=chat, headers=ORIGIN)
    assert sent.status_code == 200
    assert sent.headers["access-control-allow-origin"] == "*"


def test_refusals_can_be_read(api: Api, chat: Chat, ended: Chat) -> None:
    connection = valid("CreateParticipantConnection", chat)
    refusals = (
        (403, api.send("CreateParticipantConnection", connection, chat=ended, headers=ORIGIN)),
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


def test_failures_can_be_read_and_are_logged_once(two: Api) -> None:
    """With its table of items gone, the store cannot answer."""
    place = start(two, "one")
    chat = Chat(place["ContactId"], place["ParticipantId"], place["ParticipantToken"], "")
    connection = two.send("CreateParticipantConnection", {"Type": ["CONNECTION_CREDENTIALS"]}, chat=chat).json()
    token = connection["ConnectionCredentials"]["ConnectionToken"]
    with closing(sqlite3.connect(two.stack.folder / "store.db", timeout=30, isolation_level=None)) as store:
        store.execute("ALTER TABLE items RENAME TO items_gone")
        try:
            said = len(two.stack.log())
            failure = two.send("GetTranscript", {}, token=token, headers=ORIGIN)
        finally:
            store.execute("ALTER TABLE items_gone RENAME TO items")
    assert_refused(failure, 500, "InternalServerException", "on our side")
    assert failure.headers["access-control-allow-origin"] == "*"
    assert "items" not in failure.text
    log = two.stack.log()[said:]
    assert log.count("POST /participant/transcript failed") == 1
    assert "Exception in ASGI application" not in log
    assert two.send("GetTranscript", {}, token=token).status_code == 200
    assert two.send("DescribeContact", chat=chat, token=ALL, path={"InstanceId": "one"}).status_code == 200
