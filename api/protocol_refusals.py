"""Refusals of what never reaches the application, because a protocol cannot read it. They have the shape of all errors."""

from __future__ import annotations

from http import HTTPStatus
from uuid import uuid4

from api.errors import render
from api.request_ids import HEADER
from api.security_headers import DEFAULTS
from domain.errors import MalformedRequest


def refusal(status: int, message: str, path: str, *headers: tuple[bytes, bytes]) -> bytes:
    """Return the whole answer, after which the connection ends.

    Args:
        status: the status.
        message: what the client reads.
        path: of the request, as far as it is known: the planes have different names for one error.
        headers: further ones.
    """
    response = render(MalformedRequest(message), path)
    own = ((HEADER.encode(), str(uuid4()).encode()), (b"connection", b"close"))
    lines = [name + b": " + value for name, value in (*response.raw_headers, *DEFAULTS, *own, *headers)]
    start = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode()
    return b"\r\n".join([start, *lines, b"", bytes(response.body)])
