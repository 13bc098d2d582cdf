"""Every error has an HTTP status and a name that botocore knows."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.loaders import Loader

from api.errors import ERROR_FORMATS, render
from domain import errors
from domain.errors import ConversationEnded, EngineUnavailable, Fault

UNNAMED = {
    "UnknownOperationException",
    "ServiceQuotaExceededException",
    "ValidationException",
    "AccessDeniedException",
    "InvalidSignatureException",
}
"""Names that botocore does not model in both services, but that AWS uses in them."""

FAULTS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Fault)]


@pytest.mark.parametrize("kind", [kind for kind in FAULTS if kind is not Fault], ids=lambda kind: kind.__name__)
def test_every_error_class_has_a_format(kind: type[Fault]) -> None:
    assert any(base in ERROR_FORMATS for base in kind.__mro__)


@pytest.mark.parametrize(("service", "position"), [("connect", 1), ("connectparticipant", 2)])
def test_error_names_are_those_of_botocore(service: str, position: int) -> None:
    model: dict[str, Any] = Loader().load_service_model(service, "service-2")
    names = {error_format[position] for error_format in ERROR_FORMATS.values()} - UNNAMED
    assert names <= {name for name, shape in model["shapes"].items() if shape.get("exception")}


def test_subclass_without_format_uses_that_of_its_base_class() -> None:
    response = render(EngineUnavailable(), "/contact/chat")
    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"
    body = {"__type": "InternalServiceException", "Message": str(EngineUnavailable())}
    assert json.loads(bytes(response.body)) == body


def test_participant_plane_has_names_of_its_own() -> None:
    response = render(EngineUnavailable(), "/participant/message")
    assert response.headers["x-amzn-errortype"] == "InternalServerException"
    assert render(ConversationEnded(), "/participant/message").status_code == 403
