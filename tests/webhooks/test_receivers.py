"""Which addresses are reached, and what a receiver can cost."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from socket import socket

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from store.webhooks import MAX_ANSWER
from tests.webhooks.receiver import SECRET, receiving
from webhooks import receivers
from webhooks.receivers import Receivers
from webhooks.signatures import signed_headers

BODY = json.dumps({"id": "e1", "text": "Grüße"}).encode()

FORBIDDEN = [
    "http://127.0.0.1:9/x",
    "http://localhost:9/x",
    "https://169.254.169.254/latest/meta-data",
    "https://[fe80::1]/x",
    "https://[::1]/x",
    "https://[::ffff:169.254.169.254]/x",
    "https://[::ffff:127.0.0.1]/x",
    "https://[fd00:ec2::254]/x",
    "https://0.0.0.0/x",
    "https://[::]/x",
    "https://224.0.0.1/x",
    "https://2130706433/x",
    "https://0x7f.1/x",
]


@pytest.mark.parametrize("url", FORBIDDEN)
async def test_addresses_of_the_machine_and_its_link_are_not_reached(url: str) -> None:
    answer = await Receivers(hosts=(), loopback=False).post(url, BODY, {})
    assert answer.status is None
    assert "which is of this machine or its link" in answer.text


async def test_only_listed_hosts_are_reached() -> None:
    async with receiving() as receiver:
        refused = await Receivers(hosts=("crm.example.org",), loopback=True).post(receiver.url, BODY, {})
        assert refused.text == "the host '127.0.0.1' is not among PERENNIAL_WEBHOOK_HOSTS"
        assert not receiver.attempts


async def test_signature_is_verified_and_a_changed_byte_is_not() -> None:
    headers = signed_headers([SECRET], "e1", datetime.now(UTC), BODY)
    assert Webhook(SECRET).verify(BODY, headers)["text"] == "Grüße"
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(BODY.replace(b"e1", b"e2"), headers)


async def test_each_secret_signs_while_one_is_replaced() -> None:
    other = SECRET.replace("whsec_dGhl", "whsec_VEhF")
    headers = signed_headers([other, SECRET], "e1", datetime.now(UTC), BODY)
    for secret in (SECRET, other):
        Webhook(secret).verify(BODY, headers)


async def test_only_the_beginning_of_an_answer_is_kept() -> None:
    async with receiving() as receiver:
        receiver.answer = "a\0b" * 100_000
        headers = signed_headers([SECRET], "e1", datetime.now(UTC), BODY)
        sender = Receivers(hosts=(), loopback=True)
        answer = await sender.post(receiver.url, BODY, headers)
        await sender.close()
    assert answer.status == 200
    assert len(answer.text) <= MAX_ANSWER
    assert "\0" not in answer.text


async def test_receiver_that_does_not_answer_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receivers, "ANSWER_SECONDS", 0.2)
    with socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        answer = await Receivers(hosts=(), loopback=True).post(url, BODY, {})
    assert answer.status is None
    assert answer.text.startswith("no answer within")


async def test_receiver_that_is_away_has_a_plain_reason() -> None:
    answer = await Receivers(hosts=(), loopback=True).post("http://127.0.0.1:9/", BODY, {})
    assert answer.status is None
    assert answer.text == "its server does not answer"
