"""The short way to the participant plane: it exists, and answers as FastAPI's own way does."""

# no `from __future__ import annotations`: FastAPI resolves the annotations of local functions

from collections.abc import Callable
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Header, Request

from api.dependencies import ServicesInRequest
from api.direct_routes import DirectRoutes
from api.participant import connection, messages, transcript
from api.server import serve
from domain.errors import Throttled
from runtime.errors import StartupError
from runtime.settings import Settings
from tests.api.calls import Api
from tests.compat.chats import Chat

ROUTERS = (messages.router, transcript.router, connection.router)
ORIGIN = "http://localhost:3000"
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
    return api.http.post(path, headers={"x-amz-bearer": chat.token, "origin": ORIGIN}, **options)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("body", "status"),
    [(b'{"ContentType": "text/plain", "Content": "hi"}', 200), (b"{}", 400), (b"{", 400), (b'{"Content": 1}', 400)],
)
def test_both_ways_answer_alike(api: Api, chat: Chat, body: bytes, status: int) -> None:
    # an encoded character in the path leads past the short way
    short, long = (post(api, path, chat, content=body) for path in ("/participant/message", "/participant/m%65ssage"))
    assert (short.status_code, long.status_code) == (status, status)
    assert short.headers["access-control-allow-origin"] == long.headers["access-control-allow-origin"] == ORIGIN
    assert short.headers["content-type"] == long.headers["content-type"]
    assert short.headers.get("x-amzn-errortype") == long.headers.get("x-amzn-errortype")
    assert short.json().keys() == long.json().keys()
    if status != 200:
        assert short.json() == long.json()


async def by_token(request: Request, services: ServicesInRequest) -> str:
    return f"{request.headers['token']} of {services}"


async def by_two(first: Annotated[str, Depends(by_token)], second: Annotated[str, Depends(by_token)]) -> str:
    return f"{first}, {second}"


async def test_dependencies_may_have_dependencies_and_any_order_of_parameters() -> None:
    router = APIRouter()

    @router.post("/x")
    async def operation(  # pyright: ignore[reportUnusedFunction]
        both: Annotated[str, Depends(by_two)], request: Request
    ) -> str:
        return f"{request.method}: {both}"

    app = DirectRoutes(no_app, "us", [router], {})  # pyright: ignore[reportArgumentType]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as http:
        assert (await http.post("/x", headers={"token": "t"})).json() == "POST: t of us, t of us"


def synchronous() -> str:
    return ""


async def by_header(token: Annotated[str, Header()]) -> str:
    return token


async def nested(token: Annotated[str, Depends(by_header)]) -> str:
    return token


def router_with(dependency: Callable[..., Any]) -> APIRouter:
    """A router whose only operation has this dependency."""
    router = APIRouter()

    @router.post("/x")
    async def operation(value: Annotated[str, Depends(dependency)]) -> str:  # pyright: ignore[reportUnusedFunction]
        return value

    return router


@pytest.mark.parametrize(
    ("dependency", "mistake"), [(synchronous, "coroutine"), (by_header, "not token"), (nested, "not token")]
)
def test_dependency_that_cannot_be_called_is_a_mistake(dependency: Callable[..., Any], mistake: str) -> None:
    with pytest.raises(TypeError, match=mistake):
        DirectRoutes(no_app, None, [router_with(dependency)], {})  # pyright: ignore[reportArgumentType]


async def test_api_with_such_a_mistake_does_not_start() -> None:
    app = FastAPI()
    app.add_middleware(DirectRoutes, None, [router_with(synchronous)], {})  # pyright: ignore[reportArgumentType]
    with pytest.raises(StartupError):
        async with serve(app, Settings(api_port=0)):
            pass


def test_dependency_without_a_parameter_is_a_mistake() -> None:
    """It would not be called, and it may be a check of permissions."""
    router = APIRouter(dependencies=[Depends(by_token)])

    @router.post("/x")
    async def operation() -> str:  # pyright: ignore[reportUnusedFunction]
        return ""

    with pytest.raises(TypeError, match="parameter"):
        DirectRoutes(no_app, None, [router], {})  # pyright: ignore[reportArgumentType]


async def test_overloaded_process_refuses_before_it_reads_the_request() -> None:
    def refuse() -> None:
        raise Throttled("too many")

    app = DirectRoutes(no_app, None, ROUTERS, {"/participant/message": refuse})  # pyright: ignore[reportArgumentType]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as http:
        response = await http.post("/participant/message", content=b"not even JSON")
    assert response.status_code == 429
    assert response.headers["x-amzn-errortype"] == "ThrottlingException"
    assert response.headers["retry-after"] == "1"
