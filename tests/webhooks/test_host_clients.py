"""Connections to hosts that share an address: each host shows its own certificate, and few are kept."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import SOCK_STREAM
from typing import Any

import httpx
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from webhooks import lookups
from webhooks.host_clients import HostClients
from webhooks.receivers import Receivers


def write_certificate(file: Path, host: str) -> None:
    """Write a key and a certificate of a host that it has signed itself."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
    )


@pytest.fixture
async def port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[int]:
    """The port of a server with the certificate of one.example, which all hosts have as their address."""
    file = tmp_path / "one.example.pem"
    write_certificate(file, "one.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(file))

    def look_up(_: str, port: int, **__: Any) -> list[Any]:
        return [(2, SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(lookups, "getaddrinfo", look_up)

    async def receive(_: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.router.add_post("/", receive)
    runner = web.AppRunner(app)
    await runner.setup()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


async def test_host_gets_nothing_over_the_connection_to_another_one(port: int) -> None:
    sender = Receivers(hosts=(), loopback=True)
    for _ in range(2):
        assert (await sender.post(f"https://one.example:{port}/", b"{}", {})).status == 200
    answer = await sender.post(f"https://two.example:{port}/", b"{}", {})
    await sender.close()
    assert answer.status is None
    assert "two.example" in answer.text


async def test_hosts_that_were_not_used_for_long_are_closed(port: int) -> None:
    clients = HostClients(most=2)
    kept = []
    for host in ("a", "b", "a", "c"):
        async with clients.client(host) as client:
            kept.append(client)
    a, b, same, c = kept
    assert a is same
    assert [client.is_closed for client in (a, b, c)] == [False, True, False]
    await clients.close()
    assert a.is_closed


async def test_client_in_use_is_not_closed(port: int) -> None:
    clients = HostClients(most=1)
    async with clients.client("a") as a:
        async with clients.client("b") as b:
            await asyncio.sleep(0)
        assert not a.is_closed
    assert [a.is_closed, b.is_closed].count(True) == 1
    await clients.close()


async def test_host_that_is_used_again_while_another_one_is_closed_stays_open(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients, again = HostClients(most=2), AsyncExitStack()
    async with clients.client("a") as a, clients.client("b"):
        close_a = a.aclose
    used: list[httpx.AsyncClient] = []

    async def close_while_b_is_used() -> None:
        await close_a()
        used.append(await again.enter_async_context(clients.client("b")))

    monkeypatch.setattr(a, "aclose", close_while_b_is_used)
    async with clients.client("c"), clients.client("d"):
        pass
    assert [client.is_closed for client in used] == [False]
    await again.aclose()
    await clients.close()
