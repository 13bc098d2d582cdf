"""A backend that changes the configuration."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx

from tests.api.calls import Api

ALL, ONE = "secret-of-the-key-all", "secret-of-the-key-one"
KINDS = ("workstreams", "queues", "hours", "agents")
LIVE_WORKSTREAM = {"mode": "live", "queue": "new"}
DENIED = (403, "AccessDeniedException")
NOT_FOUND = (404, "ResourceNotFoundException")
REFUSED = (400, "InvalidRequestException")


class Admin:
    """A backend that changes the configuration of one instance."""

    def __init__(self, tenants: Api, instance: str, secret: str = ALL) -> None:
        self._http = tenants.http
        self._headers = {"authorization": f"Bearer {secret}"}
        self.path = f"/v1/instances/{instance}"

    def send(self, method: str, path: str = "", body: Any = None) -> httpx.Response:
        content = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        return self._http.request(method, f"{self.path}{path}", content=content, headers=self._headers)

    def get(self, path: str = "") -> Any:
        return self.send("GET", path).raise_for_status().json()

    def put(self, path: str, body: Any) -> Any:
        return self.send("PUT", path, body).raise_for_status().json()

    def delete(self, path: str) -> None:
        assert self.send("DELETE", path).raise_for_status().json() == {}

    def reset(self, path: str) -> httpx.Response:
        return self.send("POST", f"{path}/reset")


def administer(tenants: Api, instance: str) -> Iterator[Admin]:
    admin = Admin(tenants, instance)
    before = {kind: admin.get(f"/{kind}") for kind in KINDS}
    yield admin
    for _ in range(3):  # a value can be reset only after the values that depend on it
        for change in admin.get()["changes"]:
            admin.reset(f"/{change['kind']}/{change['name']}")
    assert {kind: admin.get(f"/{kind}") for kind in KINDS} == before
    assert admin.get()["changes"] == []
