"""HTTP responses for errors: one table, one renderer.

The two services of Amazon Connect have different names for the same error. Status codes and names are those of the botocore
models (1.44.5).
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import NamedTuple

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError, ValidationException, WebSocketRequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from api.unsupported_operations import unsupported_operation
from domain.errors import (
    AccessDenied,
    ContactNotFound,
    ConversationEnded,
    EngineUnavailable,
    Fault,
    InvalidSignature,
    InvalidValue,
    LimitReached,
    MalformedRequest,
    NoReceipts,
    NotFound,
    PositionGone,
    QuotaExceeded,
    RequestTooLarge,
    Throttled,
    TokenReused,
    TooFast,
    Unavailable,
    UnexpectedError,
    UnknownOperation,
    UploadChanged,
)
from domain.mistakes import name_of, plain_message

logger = logging.getLogger(__name__)

PARTICIPANT_PATHS = "/participant/"

_PROBES = ("/healthz", "/readyz", "/metrics")

RETRY_AFTER_SECONDS = 1
"""When the client of a request that is not served should try again. boto3 and ChatJS have a delay of their own."""


TRY_AGAIN_LATER = 1013
"""The code with which a socket is closed that could not be served."""


class ErrorFormat(NamedTuple):
    """HTTP status of an error, and its name in the services `connect` and `connectparticipant`."""

    status: int
    connect: str
    participant: str


ERROR_FORMATS: dict[type[Fault], ErrorFormat] = {
    MalformedRequest: ErrorFormat(400, "InvalidRequestException", "ValidationException"),
    InvalidValue: ErrorFormat(400, "InvalidParameterException", "ValidationException"),
    QuotaExceeded: ErrorFormat(402, "ServiceQuotaExceededException", "ServiceQuotaExceededException"),
    AccessDenied: ErrorFormat(403, "AccessDeniedException", "AccessDeniedException"),
    InvalidSignature: ErrorFormat(403, "InvalidSignatureException", "InvalidSignatureException"),
    ConversationEnded: ErrorFormat(403, "AccessDeniedException", "AccessDeniedException"),
    NotFound: ErrorFormat(404, "ResourceNotFoundException", "ResourceNotFoundException"),
    UnknownOperation: ErrorFormat(404, "UnknownOperationException", "UnknownOperationException"),
    PositionGone: ErrorFormat(410, "ResourceNotFoundException", "ResourceNotFoundException"),
    TokenReused: ErrorFormat(409, "IdempotencyException", "ConflictException"),
    NoReceipts: ErrorFormat(409, "InvalidRequestException", "ConflictException"),
    UploadChanged: ErrorFormat(409, "InvalidRequestException", "ConflictException"),
    ContactNotFound: ErrorFormat(410, "ContactNotFoundException", "ResourceNotFoundException"),
    RequestTooLarge: ErrorFormat(413, "InvalidRequestException", "ValidationException"),
    Throttled: ErrorFormat(429, "ThrottlingException", "ThrottlingException"),
    LimitReached: ErrorFormat(429, "LimitExceededException", "ThrottlingException"),
    UnexpectedError: ErrorFormat(500, "InternalServiceException", "InternalServerException"),
    Unavailable: ErrorFormat(503, "InternalServiceException", "InternalServerException"),
}
"""Each error class with its format. A subclass without an entry has the format of its base class."""


def render(fault: Fault, path: str) -> JSONResponse:
    """Build the response for an error. Its name is in header and body, for clients that read only one."""
    error_format = next(ERROR_FORMATS[kind] for kind in type(fault).__mro__ if kind in ERROR_FORMATS)
    name = error_format.participant if path.startswith(PARTICIPANT_PATHS) else error_format.connect
    headers = {"x-amzn-errortype": name}
    if isinstance(fault, EngineUnavailable) and fault.__cause__:
        logger.warning("%s: %s Cause: %s", path, fault, fault.__cause__)
    if isinstance(fault, Throttled) and not isinstance(fault, TooFast):
        logger.warning("refused for overload: %s", name)
    if isinstance(fault, Throttled | Unavailable):
        headers["retry-after"] = str(fault.retry_after if isinstance(fault, Throttled) else RETRY_AFTER_SECONDS)
    return JSONResponse({"__type": name, "Message": str(fault)}, status_code=error_format.status, headers=headers)


async def refuse_socket(websocket: WebSocket, fault: Fault) -> None:
    """Refuse a WebSocket before it opens. The response to its handshake is that of the error."""
    await websocket.send_denial_response(render(fault, websocket.url.path))


async def _end_socket(websocket: WebSocket, response: JSONResponse) -> None:
    """Refuse a socket that is not open yet, and close one that is. Its client opens another one, or has gone meanwhile."""
    with suppress(WebSocketDisconnect, RuntimeError):
        if websocket.application_state is WebSocketState.CONNECTING:
            await websocket.send_denial_response(response)
        elif websocket.application_state is WebSocketState.CONNECTED:
            await websocket.close(TRY_AGAIN_LATER)


def install(app: FastAPI) -> None:
    """Register the handlers that render every failure of the application."""

    async def on_fault(request: Request | WebSocket, error: Exception) -> JSONResponse | None:
        assert isinstance(error, Fault)
        response = render(error, request.url.path)
        if isinstance(request, Request):
            return response
        await _end_socket(request, response)
        return None  # Starlette would send a response into the socket that has just ended

    async def on_invalid_parameter(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        return render(_invalid_parameter(error), request.url.path)

    async def on_invalid_socket_parameter(websocket: WebSocket, error: Exception) -> None:
        assert isinstance(error, WebSocketRequestValidationError)
        await refuse_socket(websocket, _invalid_parameter(error))

    async def on_no_route(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        if _is_socket(request):
            message = f"GET {request.url.path} is a WebSocket: connect to it with ws:// or wss://."
            return render(UnknownOperation(message), request.url.path)
        response = render(unsupported_operation(request.method, request.url.path), request.url.path)
        if request.url.path in _PROBES:  # as on the port of a worker
            response.status_code = error.status_code
            response.headers.update(error.headers or {})
        return response

    app.add_exception_handler(Fault, on_fault)  # pyright: ignore[reportArgumentType] - also called for sockets
    app.add_exception_handler(RequestValidationError, on_invalid_parameter)
    app.add_exception_handler(WebSocketRequestValidationError, on_invalid_socket_parameter)  # pyright: ignore[reportArgumentType]
    app.add_exception_handler(HTTPException, on_no_route)


def _invalid_parameter(error: ValidationException) -> MalformedRequest:
    first = error.errors()[0]
    return MalformedRequest(f"{name_of(first['loc'][1:], 'The request')}: {plain_message(first)}")


def _is_socket(request: Request) -> bool:
    """Whether a WebSocket has the path of this request."""
    scope = {**request.scope, "type": "websocket"}
    return request.method == "GET" and any(route.matches(scope)[0] is Match.FULL for route in request.app.router.routes)


class UnexpectedErrorMiddleware:
    """ASGI middleware that answers unexpected exceptions. It runs inside CORS: browsers only see responses with its headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request. Answer an exception if the response has not started; otherwise raise it again."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_started = False

        async def forward(message: Message) -> None:
            nonlocal has_started
            has_started = True
            await send(message)

        try:
            await self._app(scope, receive, forward)
        except Exception:
            if has_started:
                raise
            logger.exception("%s %s failed", scope["method"], scope["path"])
            await render(UnexpectedError(), scope["path"])(scope, receive, send)
