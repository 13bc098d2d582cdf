"""The codec of the Temporal UI and the `temporal` command: `POST /codec/decode` and `/codec/encode`.

Both call it with the payloads that somebody looks at, and get them decrypted. A page may call it only from a configured origin,
and every call needs a token: as a bearer token or, in a browser, as the password of HTTP Basic. `GET /codec` makes a browser ask
for that password, which it then also sends with the calls of the UI.
"""

from __future__ import annotations

import hmac
from base64 import b64decode
from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from runtime.codec_bodies import Convert, convert_body
from runtime.encryption import EncryptionCodec
from runtime.settings import Settings

PATH = "/codec"

MAX_BODY_BYTES = 10_000_000
"""The UI sends the payloads of a page of events at once."""

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="Perennial codec", charset="UTF-8"', **_HEADERS}


class Codec:
    """ASGI middleware that answers the requests to `/codec`, and forwards all others.

    Without keys or tokens in the settings it forwards all. It is the outermost part that looks at paths, because the other parts
    let pages of any origin call, without credentials.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._codec = _codec_app(settings) if settings.encryption_keys and settings.codec_tokens else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or forward it."""
        is_own = scope["type"] == "http" and (scope["path"] == PATH or scope["path"].startswith(f"{PATH}/"))
        await (self._codec if self._codec and is_own else self._app)(scope, receive, send)


def _codec_app(settings: Settings) -> ASGIApp:
    codec = EncryptionCodec(settings.encryption_keys)
    operations = _Operations(codec, settings.codec_tokens)
    cors = Middleware(
        CORSMiddleware,
        allow_origins=settings.codec_origins,
        allow_methods=["GET", "POST"],
        allow_headers=["authorization", "content-type", "x-namespace"],
        allow_credentials=True,
    )
    routes = [
        Route(PATH, operations.greet),
        Route(f"{PATH}/decode", operations.decode, methods=["POST"]),
        Route(f"{PATH}/encode", operations.encode, methods=["POST"]),
    ]
    return Starlette(routes=routes, middleware=[cors])


class _Operations:
    def __init__(self, codec: EncryptionCodec, tokens: Sequence[str]) -> None:
        self._codec = codec
        self._tokens = tokens

    async def greet(self, request: Request) -> Response:
        """A page on which a browser asks for the token."""
        if not self._may_call(request):
            return _refusal()
        return PlainTextResponse("This browser may read payloads in the Temporal UI now.\n", headers=_HEADERS)

    async def decode(self, request: Request) -> Response:
        """Decrypt payloads. Those that need an unknown key stay encrypted."""
        return await self._convert(request, self._codec.decode_readable)

    async def encode(self, request: Request) -> Response:
        """Encrypt payloads, such as the body of a signal."""
        return await self._convert(request, self._codec.encode)

    async def _convert(self, request: Request, convert: Convert) -> Response:
        if not self._may_call(request):
            return _refusal()
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                return PlainTextResponse(f"The body is longer than {MAX_BODY_BYTES} bytes.\n", 413, _HEADERS)
        try:
            converted = await convert_body(bytes(body), convert)
        except ValueError as error:
            return PlainTextResponse(f"Malformed: {error}.\n", 400, _HEADERS)
        return Response(converted, media_type="application/json", headers=_HEADERS)

    def _may_call(self, request: Request) -> bool:
        sent = _sent_token(request.headers.get("authorization", "")).encode()
        return any(hmac.compare_digest(sent, token.encode()) for token in self._tokens)


def _sent_token(header: str) -> str:
    """The bearer token or the password of an `Authorization` header; empty without one."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return b64decode(value, validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def _refusal() -> Response:
    return PlainTextResponse("The request needs a codec token.\n", 401, _CHALLENGE)
