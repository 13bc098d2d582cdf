"""The short way to the participant plane: it exists, and answers as FastAPI's own way does."""

from __future__ import annotations

import httpx
import pytest

from api.direct_routes import DirectRoutes
from api.participant import connection, messages, transcript
from domain.errors import Throttled
from tests.api.calls import Api
from tests.compat.chats import Chat

ROUTERS = (messages.router, transcript.router, connection.router)
BODY = {"ContentType": "text/plain", "Content": "hello"}


async def no_app(*_: object) -> None:
    raise AssertionError("the request was forwarded")


def test_every_operation_of_the_participant_plane_has_a_short_way() -> None:
    direct = DirectRoutes(no_app, None, ROUTERS, {})  # pyright: ignore[reportArgumentType]
    assert sorted(direct.paths) == [
        "/participant/connection",
        "/participant/disconnect",
        "/participant/event",
        "/participant/message",
        "/participant/transcript",
    ]


def post(api: Api, path: str, chat: Chat, **options: object) -> httpx.Response:
    return api.http.post(path, headers={"x-amz-bearer": chat.token, "origin": "https://example.org"}, **options)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("body", "status"),
    [(b'{"ContentType": "text/plain", "Content": "hi"}', 200), (b"{}", 400), (b"{", 400), (b'{"Content": 1}', 400)],
)
def test_both_ways_answer_alike(api: Api, chat: Chat, body: bytes, status: int) -> None:
    # an encoded character in the path leads past the short way
    short, long = (post(api, path, chat, content=body) for path in ("/participant/message", "/participant/m%65ssage"))
    assert (short.status_code, long.status_code) == (status, status)
    assert short.headers["access-control-allow-origin"] == long.headers["access-control-allow-origin"] == "*"
    assert short.headers["content-type"] == long.headers["content-type"]
    assert short.headers.get("x-amzn-errortype") == long.headers.get("x-amzn-errortype")
    assert short.json().keys() == long.json().keys()
    if status != 200:
        assert short.json() == long.json()


async def test_overloaded_process_refuses_before_it_reads_the_request() -> None:
    def refuse() -> None:
        raise Throttled("too many")

    app = DirectRoutes(no_app, None, ROUTERS, {"/participant/message": refuse})  # pyright: ignore[reportArgumentType]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as http:
        response = await http.post("/participant/message", content=b"not even JSON")
    assert response.status_code == 429
    assert response.headers["x-amzn-errortype"] == "ThrottlingException"
    assert response.headers["retry-after"] == "1"
