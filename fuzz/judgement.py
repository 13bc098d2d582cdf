"""What an answer may look like, as docs/wire-compatibility.md has it. It shares nothing with the product."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from fuzz.credentials import Proof
from fuzz.exchange import Received
from fuzz.settings import FOREIGN
from fuzz.world import MARK

PARTICIPANT = "/participant/"

FOR_MACHINES = ("/healthz", "/readyz", "/metrics")
"""What the machines around ask for. Its errors are plain text."""

CONNECT_ERRORS = {
    400: {"InvalidRequestException", "InvalidParameterException"},
    402: {"ServiceQuotaExceededException"},
    403: {"AccessDeniedException", "InvalidSignatureException"},
    404: {"ResourceNotFoundException", "UnknownOperationException"},
    405: {"UnknownOperationException"},
    408: {"InvalidRequestException"},
    409: {"IdempotencyException"},
    410: {"ContactNotFoundException"},
    413: {"InvalidRequestException"},
    429: {"ThrottlingException", "LimitExceededException"},
    426: {"InvalidRequestException"},
    431: {"InvalidRequestException"},
    503: {"InternalServiceException"},
}
PARTICIPANT_ERRORS = {
    400: {"ValidationException"},
    402: {"ServiceQuotaExceededException"},
    403: {"AccessDeniedException"},
    404: {"ResourceNotFoundException", "UnknownOperationException"},
    408: {"ValidationException"},
    409: {"ConflictException"},
    410: {"ResourceNotFoundException"},
    413: {"ValidationException"},
    429: {"ThrottlingException"},
    426: {"ValidationException"},
    431: {"ValidationException"},
    503: {"InternalServerException"},
}

WITHOUT_BODY = "/participant/file"
"""Downloads of files. Their errors have no body, because ChatJS takes any body for the file."""

UNREAD = (400, 408, 431)
"""With these a request is refused that nobody can read, and the connection ends. Its plane may not be known."""

OVERLOAD = (429, 503)
"""Answers that the same request must not get again and again."""


def problem(received: Received, path: str, proof: Proof, *, is_head: bool = False) -> str | None:
    """Return what is wrong with an answer; None when it is right. `path`: of the request, as it was sent."""
    if received.status >= 500 and received.status not in OVERLOAD:
        return f"status {received.status}"
    if not _is_id(received.headers.get("x-amzn-requestid", "")):
        return "the answer has no request id"
    if not proof.opens and received.status < 400:
        return "it is served without valid credentials"
    if proof.tenant not in ("", FOREIGN) and MARK.encode() in received.body:
        return "the answer has words of another tenant"
    if received.status >= 400:
        return None if path.startswith(FOR_MACHINES) else _wrong_error(received, path, is_head)
    return None if is_head else _wrong_answer(received)


def _errors(path: str) -> Mapping[int, set[str]]:
    return PARTICIPANT_ERRORS if path.startswith(PARTICIPANT) else CONNECT_ERRORS


def _wrong_error(received: Received, path: str, is_head: bool) -> str | None:
    name = received.headers.get("x-amzn-errortype")
    allowed = _errors(path).get(received.status, set[str]())
    if received.status in UNREAD and received.headers.get("connection") == "close":
        allowed = CONNECT_ERRORS[received.status] | PARTICIPANT_ERRORS[received.status]
    if name not in allowed:
        return f"status {received.status} has the error {name}"
    if received.status in OVERLOAD and not received.headers.get("retry-after", "").isdecimal():
        return f"status {received.status} has no Retry-After"
    if is_head or (path.startswith(WITHOUT_BODY) and not received.body):
        return None
    body = _json(received)
    if not isinstance(body, dict) or body.keys() != {"__type", "Message"} or body["__type"] != name:
        return "the error has another body than its type and message"
    message: Any = body["Message"]
    return None if isinstance(message, str) and message.strip() else "the error has no message"


def _wrong_answer(received: Received) -> str | None:
    is_json = received.headers.get("content-type", "").startswith("application/json")
    if is_json and _json(received) is None:
        return "the answer is not JSON"
    return None


def _json(received: Received) -> Any:
    """The value of a body; None when it is not JSON in UTF-8. Words such as NaN are not."""

    def refuse(word: str) -> None:
        raise ValueError(word)

    try:
        return json.loads(received.body.decode(), parse_constant=refuse)
    except ValueError:
        return None


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
