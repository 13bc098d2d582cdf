"""Every error a caller can meet, and the one place that renders them.

The two services name the same failure differently; each class carries both names. Status and names are those of the
botocore models (1.44.5).
"""

from __future__ import annotations

import logging
from typing import ClassVar
from uuid import uuid4

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger(__name__)

PARTICIPANT_PATHS = "/participant/"


class Fault(Exception):
    """A refusal in the caller's terms. `str()` of it is the message."""

    status: ClassVar[int] = 500
    connect: ClassVar[str] = "InternalServiceException"
    participant: ClassVar[str] = "InternalServerException"


class Malformed(Fault):
    """The request does not have the shape of the operation: no JSON, a member missing or of the wrong type."""

    status = 400
    connect = "InvalidRequestException"
    participant = "ValidationException"


class InvalidValue(Fault):
    """A member has the right shape and a value that is not allowed."""

    status = 400
    connect = "InvalidParameterException"
    participant = "ValidationException"


class AccessDenied(Fault):
    """No, a wrong, an expired or a foreign credential, or a chat that has ended."""

    status = 403
    connect = "AccessDeniedException"
    participant = "AccessDeniedException"


class NotFound(Fault):
    """What the request names does not exist."""

    status = 404
    connect = "ResourceNotFoundException"
    participant = "ResourceNotFoundException"


class UnknownOperation(Fault):
    """Neither service has anything at this method and path."""

    status = 404
    connect = "UnknownOperationException"
    participant = "UnknownOperationException"


class ContactNotFound(Fault):
    """The contact to stop does not exist."""

    status = 410
    connect = "ContactNotFoundException"
    participant = "ResourceNotFoundException"


class TooLarge(Fault):
    """The request's body is longer than any operation takes."""

    status = 413
    connect = "InvalidRequestException"
    participant = "ValidationException"


class QuotaExceeded(Fault):
    """As many as there may be are there already."""

    status = 402
    connect = "ServiceQuotaExceededException"
    participant = "ServiceQuotaExceededException"


class Throttled(Fault):
    """Too much at once; clients try again by themselves."""

    status = 429
    connect = "ThrottlingException"
    participant = "ThrottlingException"


class Unavailable(Fault):
    """We cannot do it at the moment; clients try again by themselves."""


class Ended(Fault):
    """The conversation's workflow is over, or never was."""

    status = 403
    connect = "AccessDeniedException"
    participant = "AccessDeniedException"

    def __init__(self) -> None:
        super().__init__("The chat has ended.")


def render(fault: Fault, path: str) -> JSONResponse:
    """The response for a fault: its name in header and body, because browsers may not see the header."""
    name = fault.participant if path.startswith(PARTICIPANT_PATHS) else fault.connect
    return JSONResponse(
        {"__type": name, "Message": str(fault)},
        status_code=fault.status,
        headers={"x-amzn-errortype": name, "x-amzn-requestid": str(uuid4())},
    )


def wording(message: str) -> str:
    """What pydantic says of a value, in the caller's terms: a length that it checks late is that of a text."""
    return message.removeprefix("Value error, ").replace(" items after validation", " characters")


def install(app: FastAPI) -> None:
    """Makes the application answer every failure in this way."""

    async def on_fault(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Fault)
        return render(error, request.url.path)

    async def on_validation(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        member = ".".join(str(part) for part in first["loc"][1:])
        return render(Malformed(f"{member}: {wording(first['msg'])}"), request.url.path)

    async def on_http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        return render(UnknownOperation(f"There is no {request.method} {request.url.path}."), request.url.path)

    app.add_exception_handler(Fault, on_fault)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(HTTPException, on_http)


class LastResort:
    """ASGI middleware that answers for a bug. It stands inside of CORS: no browser sees what CORS does not let it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes on, and answers what failed before it had an answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answered = False

        async def sending(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception:
            if answered:
                raise
            logger.exception("%s %s failed", scope["method"], scope["path"])
            await render(Unavailable("Something went wrong on our side."), scope["path"])(scope, receive, send)
