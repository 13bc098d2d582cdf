"""An issuer of tokens with real keys, which publishes them on a real HTTP server of this machine."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as new_ec_key
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as new_rsa_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey

ISSUER, AUDIENCE = "https://login.example.org", "perennial"

PUBLISHED: dict[str, tuple[str, dict[str, str]]] = {
    "rsa": ("rsa", {"use": "sig", "alg": "RS256"}),
    "ec": ("ec", {}),
    "for encryption": ("another rsa", {"use": "enc"}),
    "for RS512": ("another rsa", {"alg": "RS512"}),
    "weak": ("weak rsa", {}),
    "other curve": ("other curve", {}),
}
"""The keys that a new issuer publishes: the name of the key, and more members, by `kid`. Only two may verify tokens."""


@cache
def private_key(name: str) -> PrivateKey:
    """Return the key of this name, made at its first use."""
    if "rsa" in name:
        return new_rsa_key(65_537, 1_024 if "weak" in name else 2_048)
    return new_ec_key(SECP384R1() if name == "other curve" else SECP256R1())


def public_pem(name: str) -> str:
    """Return the public half of a key."""
    return private_key(name).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def algorithm_of(name: str) -> str:
    """Return the usual algorithm of a key."""
    return "RS256" if "rsa" in name else "ES384" if name == "other curve" else "ES256"


def published(name: str, key_id: str, **members: str) -> dict[str, Any]:
    """Return a key as an entry of a JWKS."""
    key = private_key(name).public_key()
    content = RSAAlgorithm.to_jwk(key) if "rsa" in name else ECAlgorithm.to_jwk(key)  # pyright: ignore[reportArgumentType]
    # the library says what a key is for as if it only verified
    return {**json.loads(content), "key_ops": None, "kid": key_id, **members}


def claims(subject: str = "a1", **others: Any) -> dict[str, Any]:
    """Return claims that are right for an hour. A claim that is `...` is left out."""
    now = int(time.time())
    everything = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "iat": now, "exp": now + 3_600, **others}
    return {name: value for name, value in everything.items() if value is not ...}


def signed(
    body: dict[str, Any], key: str = "rsa", *, kid: Any = None, algorithm: str | None = None, **headers: Any
) -> str:
    """Return a token that is signed with the key of this name. `kid` is by default that name; `...` leaves it out."""
    named = {} if kid is ... else {"kid": kid if kid is not None else key}
    return jwt.encode(body, private_key(key), algorithm or algorithm_of(key), headers={**named, **headers})


class PublishedKeys:
    """The HTTP server of an issuer. `answer` can be replaced; `requests` are the paths that were asked for."""

    def __init__(self) -> None:
        self.keys = {kid: published(name, kid, **members) for kid, (name, members) in PUBLISHED.items()}
        self.requests: list[str] = []
        self.answer: Callable[[BaseHTTPRequestHandler], None] = self.send_keys
        self._port = 0

    @property
    def url(self) -> str:
        """The address of the JWKS."""
        return f"http://127.0.0.1:{self._port}/keys"

    def document(self) -> bytes:
        """The JWKS as it is now."""
        return json.dumps({"keys": list(self.keys.values())}).encode()

    def send_keys(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer with the JWKS."""
        send(handler, self.document())

    @contextmanager
    def served(self) -> Generator[PublishedKeys]:
        """Serve them while the block lasts: each time at the same address."""
        answer = self._answer

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer(self)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._port = server.server_address[1]
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.requests.append(handler.path)
        self.answer(handler)


def send(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    """Send an answer."""
    handler.send_response(status)
    for name, value in {"content_length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)
