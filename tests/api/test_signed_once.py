"""What a signature is good for: one service, any region, and one write."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace

import httpx
import pytest

from tests.api.calls import Api, assert_refused
from tests.api.signing import SignedRequest
from tests.api.test_signature import NOT_MATCHING, send_signed


@pytest.mark.parametrize(
    ("service", "region"),
    [
        ("s3", "local"),
        ("x", "x"),
        ("execute-api", "local"),
        ("Connect", "local"),
        ("connect", "a b"),
        ("connect", "-"),
    ],
)
def test_signature_for_another_service_or_a_malformed_region_is_denied(api: Api, service: str, region: str) -> None:
    signed = SignedRequest(service=service, region=region)
    assert_refused(send_signed(api, signed), *NOT_MATCHING, "for the service 'connect' in a region")


@pytest.mark.parametrize("region", ["local", "us-east-1", "cn-northwest-1", "eu-isoe-west-1"])
def test_signature_in_any_region_is_accepted(api: Api, region: str) -> None:
    assert_refused(send_signed(api, SignedRequest(region=region)), 404, "ResourceNotFoundException")


def test_signed_write_is_taken_once(api: Api) -> None:
    """Without a ClientToken, a repeated StartChatContact would start another chat."""
    body = json.dumps(
        {"InstanceId": "demo", "ContactFlowId": "persistent", "ParticipantDetails": {"DisplayName": "Ada"}}
    )
    signed = replace(SignedRequest("PUT", "/contact/chat", body=body.encode()), host=f"127.0.0.1:{api.stack.api_port}")
    headers = signed.all_headers()
    answers = [api.http.request(signed.method, signed.path, content=signed.body, headers=headers) for _ in range(3)]
    assert answers[0].status_code == 200
    for repeated in answers[1:]:
        assert_refused(repeated, *NOT_MATCHING, "was received before")


def test_other_attempts_with_a_signature_are_taken_for_seconds(api: Api) -> None:
    """SDKs sign the date by the second: a retry of the same second has the signature of the first attempt."""
    body = json.dumps({"InstanceId": "demo", "ContactId": api.start().contact_id}).encode()
    signed = replace(SignedRequest("POST", "/contact/stop", body=body), host=f"127.0.0.1:{api.stack.api_port}")
    headers = signed.all_headers()

    def attempt(number: int) -> httpx.Response:
        sdk = {"amz-sdk-invocation-id": "one", "amz-sdk-request": f"attempt={number}; max=9"}
        return api.http.post(signed.path, content=body, headers={**headers, **sdk})

    assert [attempt(number).status_code for number in (1, 2, 2, 3)] == [200, 200, 403, 200]
    signature = headers["authorization"].rpartition("=")[2]
    with closing(sqlite3.connect(api.stack.folder / "store.db", timeout=30, isolation_level=None)) as store:
        earlier = f"{signature[:32]}%"
        changed = store.execute("UPDATE single_uses SET expires_at = expires_at - 11000 WHERE id LIKE ?", [earlier])
        assert changed.rowcount == 3
    assert_refused(attempt(4), *NOT_MATCHING, "was received before")


def test_signed_read_may_be_repeated(api: Api) -> None:
    signed = replace(SignedRequest(), host=f"127.0.0.1:{api.stack.api_port}")
    headers = signed.all_headers()
    for _ in range(2):
        assert_refused(api.http.get(signed.path, headers=headers), 404, "ResourceNotFoundException")
