"""Exchanges of tokens of an identity provider for agent tokens, and a configuration in which they are possible."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.api.calls import Api
from tests.api.token_issuer import AUDIENCE, ISSUER, PublishedKeys, public_pem
from tests.stack import SECRET

PATH = "/v1/agents/token"
DENIED = (403, "AccessDeniedException")


def configuration(keys: PublishedKeys) -> str:
    return f"""
    [access_keys.perennial]
    secret = "{SECRET}"
    [instances.demo.workstreams.live]
    mode = "live"
    queue = "queue"
    [instances.demo.identity_provider]
    issuer = "{ISSUER}"
    audience = "{AUDIENCE}"
    jwks_url = "{keys.url}"
    [instances.demo.agents.a1]
    name = "Agent One"
    [instances.demo.agents.a2]
    name = "Agent Two"
    [instances.demo.agents.s1]
    name = "Supervisor One"
    supervisor = true
    [instances.fixed.workstreams.live]
    mode = "live"
    queue = "queue"
    [instances.fixed.identity_provider]
    issuer = "{ISSUER}/fixed"
    audience = "{AUDIENCE}"
    user_claim = "employee"
    [instances.fixed.identity_provider.keys]
    fixed = '''{public_pem("ec")}'''
    [instances.fixed.agents.a1]
    name = "Agent of Fixed"
    [instances.closed.workstreams.live]
    mode = "live"
    queue = "queue"
    [instances.closed.agents.a1]
    name = "Agent of Closed"
    """


@pytest.fixture(scope="module")
def issuer() -> Iterator[PublishedKeys]:
    with PublishedKeys().served() as issuer:
        yield issuer


def exchange(api: Api, token: Any, instance: str = "demo") -> httpx.Response:
    return api.http.post(PATH, json={"instance": instance, "token": token})
