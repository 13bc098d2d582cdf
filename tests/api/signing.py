"""AWS Signature v4 written by hand, so that a test can falsify every part of it."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import quote

from tests.stack import KEY_ID, SECRET


@dataclass(frozen=True)
class SignedRequest:
    """A request and its signature. `path` and `query` are in wire form (percent-encoded)."""

    method: str = "GET"
    path: str = "/contacts/demo/x"
    query: str = ""
    body: bytes = b""
    host: str = ""
    headers: dict[str, str] = field(default_factory=dict[str, str])
    signed_headers: Sequence[str] = ("host", "x-amz-date")
    age: timedelta = timedelta()
    scope_date: str | None = None
    service: str = "connect"
    region: str = "local"
    key_id: str = KEY_ID
    secret: str = SECRET
    payload_hash: str | None = None

    def all_headers(self) -> dict[str, str]:
        """Return the headers of the request, including those of the signature."""
        date = (datetime.now(UTC) - self.age).strftime("%Y%m%dT%H%M%SZ")
        headers = {"host": self.host, "x-amz-date": date, **self.headers}
        names = sorted(self.signed_headers)
        scope = f"{self.scope_date or date[:8]}/{self.region}/{self.service}/aws4_request"
        canonical = "\n".join(
            [
                self.method,
                quote(self.path, safe="/~"),
                "&".join(sorted(pair if "=" in pair or not pair else f"{pair}=" for pair in self.query.split("&"))),
                *(f"{name}:{' '.join(headers[name].split())}" for name in names),
                "",
                ";".join(names),
                self.payload_hash or sha256(self.body).hexdigest(),
            ]
        )
        to_sign = "\n".join(["AWS4-HMAC-SHA256", date, scope, sha256(canonical.encode()).hexdigest()])
        key = b"AWS4" + self.secret.encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
        credential = f"Credential={self.key_id}/{scope}"
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={';'.join(names)}, Signature={signature}"
        )
        return headers
