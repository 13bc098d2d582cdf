"""The scheme that a proxy forwards: only a trusted proxy is believed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.api.calls import Api, served
from tests.stack import KEY_ID, SECRET

pytestmark = pytest.mark.slow

CONFIGURATION = f"""
access_keys.{KEY_ID}.secret = "{SECRET}"
instances.demo.workstreams.persistent = {{ mode = "persistent", queue = "queue" }}
instances.demo.agents.a1.name = "Agent One"
"""


@pytest.mark.parametrize(("proxies", "scheme"), [('["127.0.0.0/8"]', "wss"), ('["10.0.0.0/8"]', "ws")])
def test_forwarded_scheme_counts_only_from_a_trusted_proxy(tmp_path: Path, proxies: str, scheme: str) -> None:
    settings = {"PERENNIAL_TRUSTED_PROXIES": proxies, "PERENNIAL_ALLOWED_HOSTS": '["chat.example.org"]'}
    with served(tmp_path, CONFIGURATION, **settings) as api:
        assert socket_url(api, {}).startswith("ws://127.0.0.1:")
        forwarded = {"x-forwarded-proto": "https", "x-forwarded-for": "127.0.0.1", "host": "chat.example.org"}
        assert socket_url(api, forwarded).startswith(f"{scheme}://chat.example.org/")


def socket_url(api: Api, headers: dict[str, str]) -> str:
    """The address of the socket in the answer to a customer."""
    own = {"x-amz-bearer": api.start().participant_token, **headers}
    answer = api.http.post("/participant/connection", json={"Type": ["WEBSOCKET"]}, headers=own)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["Websocket"]["Url"])
