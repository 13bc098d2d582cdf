"""A Perennial for the readers of the documentation, and the state in which each page begins."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.chatjs.conftest import chatjs as chatjs
from tests.docs.reader import WEBHOOK_SECRET, Reader
from tests.stack import SECRET, TOPIC, Stack


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    # docs/webhooks.md and docs/streaming.md ask for what their readers have configured; nothing listens there
    webhook = {"url": "http://127.0.0.1:9/hook", "secrets": [json.loads(WEBHOOK_SECRET)], "types": ["survey"]}
    variables = {
        "PERENNIAL_INSTANCES__demo__webhooks__crm": json.dumps(webhook),
        "PERENNIAL_INSTANCES__demo__topics": json.dumps({TOPIC: "http://127.0.0.1:9/items"}),
    }
    stack = Stack(tmp_path_factory.mktemp("docs") / "data", variables)
    stack.start()
    yield stack
    assert "Traceback" not in stack.log()
    assert stack.stop() == 0, stack.log()


@pytest.fixture
def reader(chatjs: None, stack: Stack, tmp_path: Path) -> Iterator[Reader]:
    """A reader of one page. Afterwards every chat is closed and every agent offline."""
    yield Reader(stack, tmp_path)
    with httpx.Client(base_url=stack.url, timeout=30) as http:
        _clean(http)


def _clean(http: httpx.Client) -> None:
    key = {"authorization": f"Bearer {SECRET}"}
    signed_in = http.post("/v1/agents/sign-in", headers=key, json={"instance": "demo", "user": "s1"})
    supervisor = {"authorization": f"Bearer {signed_in.raise_for_status().json()['token']}"}
    for agent in http.get("/v1/supervision/agents", headers=supervisor).json()["agents"]:
        path = f"/v1/supervision/agents/{agent['user']}/status"
        http.put(path, headers=supervisor, json={"status": "offline"}).raise_for_status()
    for contact in http.get("/v1/supervision/contacts", headers=supervisor).json()["contacts"]:
        for action in ("end", "close"):
            http.post(f"/v1/supervision/contacts/{contact['contact_id']}/{action}", headers=supervisor)
