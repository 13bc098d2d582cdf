"""Requests under an unknown name are refused: a page whose name resolves to this machine must not reach the API."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.api.calls import Api, assert_refused, served

pytestmark = pytest.mark.slow

DENIED = (403, "AccessDeniedException")
OWN_SECRET = "a secret that is not published"
UNKNOWN = [
    *(
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "upstream",
        "notlocalhost",
    ),
    *(
        "[::1].evil.example",
        "10.0.0.7",
        "[2001:db8::7]:80",
        "0.0.0.0",
        "::ffff:10.0.0.7",
        "localhost:x",
        "localhost:1:1",
    ),
    '"><script>alert(1)</script>',
]


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A Perennial on all addresses, with a public URL and two names."""
    settings = {
        "PERENNIAL_API_HOST": "0.0.0.0",
        "PERENNIAL_PUBLIC_URL": "https://Chat.example.org:8443/base",
        "PERENNIAL_ALLOWED_HOSTS": '["api", "perennial.internal"]',
    }
    workstream = 'mode = "live", queue = "live"'
    configuration = f'access_keys.own.secret = "{OWN_SECRET}"\ninstances.demo.workstreams.live = {{ {workstream} }}'
    with served(tmp_path_factory.mktemp("public"), configuration, **settings) as api:
        yield api


def status(api: Api, host: str, path: str = "/openapi.json") -> int:
    return api.http.get(path, headers={"host": host}).status_code


@pytest.mark.parametrize("host", UNKNOWN)
def test_unknown_host_is_refused(api: Api, host: str) -> None:
    for path in ("/", "/docs", "/openapi.json", "/contacts/demo/x", "/v1/agent", "/participant/connection"):
        refused = api.http.get(path, headers={"host": host})
        assert_refused(refused, *DENIED, f"The host {host!r} is not served here; PERENNIAL_ALLOWED_HOSTS")


@pytest.mark.parametrize("path", ["/participant/websocket?token=x", "/v1/agent/socket"])
def test_socket_under_an_unknown_host_is_refused(api: Api, path: str) -> None:
    with socket.create_connection(("127.0.0.1", api.stack.api_port)) as connection:
        with pytest.raises(InvalidStatus) as refusal:
            with connect(f"ws://evil.example{path}", sock=connection):
                pass
    assert refusal.value.response.status_code == 403
    assert b"evil.example" in (refusal.value.response.body or b"")


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:1", "localhost", "LOCALHOST:8080", "localhost.", "x.localhost", "[::1]", "[::1]:80"],
)
def test_loopback_is_known(api: Api, host: str) -> None:
    assert status(api, host) == 200


@pytest.mark.parametrize(
    "host",
    [
        *("chat.example.org", "chat.example.org:8443", "CHAT.example.org.", "api", "api:8080", "perennial.internal"),
        *("10.0.0.7", "10.0.0.7:8080", "[2001:db8::7]:80", "localhost"),
    ],
)
def test_configured_names_and_addresses_are_known(public: Api, host: str) -> None:
    assert status(public, host) == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "x.chat.example.org", "chat.example.org.evil.example", "api.evil.example"]
)
def test_other_names_are_refused_in_public(public: Api, host: str) -> None:
    assert status(public, host) == 403


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_probes_are_answered_under_any_name(api: Api, path: str) -> None:
    assert status(api, "api-1.internal", path) == 200
