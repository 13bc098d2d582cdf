"""The library of Standard Webhooks for JavaScript verifies what is sent, in every format."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.npm import NODE, install
from tests.webhooks.receiver import SECRET
from webhooks.signatures import signed_headers
from wire.cloud_events import cloud_event_of_test
from wire.contact_events import contact_event_of_test

FOLDER = Path(__file__).parent / "javascript"
OTHER_SECRET = "whsec_" + "A" * 44


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    install(FOLDER)


def verified(*requests: tuple[str, bytes, dict[str, str]]) -> list[dict[str, Any] | None]:
    """What the library makes of requests, each a secret, a body and headers. None: it refuses."""
    sent = [{"secret": secret, "body": body.decode(), "headers": headers} for secret, body, headers in requests]
    command = [str(NODE), "verify.cjs"]
    done = subprocess.run(command, cwd=FOLDER, input=json.dumps(sent), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def body_of(event: dict[str, Any]) -> bytes:
    return json.dumps({**event, "text": "Grüße \U0001f41d"}, ensure_ascii=False).encode()


@pytest.mark.parametrize("event_of_test", [cloud_event_of_test, contact_event_of_test])
def test_request_is_verified_and_a_changed_byte_is_not(event_of_test: Any) -> None:
    now = datetime.now(UTC)
    body = body_of(event_of_test("demo", "e1", now))
    headers = signed_headers([SECRET], "e1", now, body)
    at = body.index(b"e1")
    changed = body[:at] + b"e2" + body[at + 2 :]
    later = {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}
    other = {**headers, "webhook-id": "e2"}
    found = verified(
        *((SECRET, body, headers), (SECRET, changed, headers), (SECRET, body, later), (SECRET, body, other)),
        (OTHER_SECRET, body, headers),
    )
    assert found[0] == json.loads(body)
    assert found[1:] == [None] * 4


def test_each_secret_verifies_while_one_is_replaced() -> None:
    now = datetime.now(UTC)
    body = body_of(cloud_event_of_test("demo", "e1", now))
    headers = signed_headers([OTHER_SECRET, SECRET], "e1", now, body)
    assert None not in verified((SECRET, body, headers), (OTHER_SECRET, body, headers))
