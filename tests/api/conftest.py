"""The HTTP interface, and two chats: one that goes on, and one that is over."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.api.calls import Api
from tests.compat.chats import Chat
from tests.stack import Stack


@pytest.fixture(scope="session")
def api(stack: Stack) -> Iterator[Api]:
    """What these tests send may be refused; it may never be a bug, and the log would tell."""
    said = len(stack.log())
    with httpx.Client(base_url=stack.url, timeout=30) as http:
        yield Api(stack, http)
        assert http.get("/healthz").json() == {"status": "ok"}
    assert "Traceback" not in stack.log()[said:]


@pytest.fixture(scope="session")
def chat(api: Api) -> Chat:
    """Nobody may end it."""
    return api.start()


@pytest.fixture(scope="session")
def ended(api: Api) -> Chat:
    over = api.start()
    api.end(over)
    return over
