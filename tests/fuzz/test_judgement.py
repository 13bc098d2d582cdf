"""What counts as a wrong answer."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from fuzz.credentials import Proof
from fuzz.exchange import Received
from fuzz.judgement import problem
from fuzz.settings import FOREIGN, INSTANCE
from fuzz.world import MARK

CONTROL, PARTICIPANT = "/contact/stop", "/participant/message"
OWN, WITHOUT = Proof({}), Proof({}, opens=False)


def answer(body: object = None, status: int = 200, **headers: str) -> Received:
    ids = {"x-amzn-requestid": str(uuid4()), "content-type": "application/json"}
    renamed = {name.replace("_", "-"): value for name, value in headers.items()}
    return Received(status, ids | renamed, json.dumps(body).encode(), is_whole=True)


def error(status: int, name: str, **headers: str) -> Received:
    return answer({"__type": name, "Message": "It is wrong."}, status, x_amzn_errortype=name, **headers)


def test_right_answers_are_right() -> None:
    assert problem(answer({"ContactId": "x"}), CONTROL, OWN) is None
    assert problem(error(400, "InvalidRequestException"), CONTROL, OWN) is None
    assert problem(error(400, "ValidationException"), PARTICIPANT, OWN) is None
    assert problem(error(403, "AccessDeniedException"), CONTROL, WITHOUT) is None
    assert problem(error(429, "ThrottlingException", retry_after="1"), PARTICIPANT, OWN) is None
    assert problem(error(400, "InvalidRequestException", connection="close"), PARTICIPANT, OWN) is None
    assert problem(answer({"Content": MARK}), PARTICIPANT, OWN._replace(tenant=FOREIGN)) is None


@pytest.mark.parametrize(
    ("received", "path", "proof", "what"),
    [
        (error(500, "InternalServiceException"), CONTROL, OWN, "status 500"),
        (error(400, "ValidationException"), CONTROL, OWN, "has the error"),
        (error(400, "InvalidRequestException"), PARTICIPANT, OWN, "has the error"),
        (error(418, "InvalidRequestException"), CONTROL, OWN, "has the error"),
        (error(503, "InternalServiceException"), CONTROL, OWN, "no Retry-After"),
        (answer({"Message": "x"}, 400, x_amzn_errortype="ValidationException"), PARTICIPANT, OWN, "another body"),
        (
            answer({"__type": "AccessDeniedException", "Message": " "}, 403, x_amzn_errortype="AccessDeniedException"),
            CONTROL,
            OWN,
            "no message",
        ),
        (answer(float("nan")), CONTROL, OWN, "not JSON"),
        (answer({}, x_amzn_requestid=""), CONTROL, OWN, "no request id"),
        (answer({}), CONTROL, WITHOUT, "without valid credentials"),
        (answer({"Content": MARK}), PARTICIPANT, OWN._replace(tenant=INSTANCE), "another tenant"),
    ],
)
def test_wrong_answers_are_wrong(received: Received, path: str, proof: Proof, what: str) -> None:
    assert what in str(problem(received, path, proof))
