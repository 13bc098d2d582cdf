"""The HTTP interface, a running chat, an ended chat, and a Perennial with three tenants."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import httpx
import pytest

from tests.api.calls import Api, served_whatever_it_logs
from tests.compat.chats import Chat
from tests.stack import Stack

OPENING_DAY = (datetime.now(UTC) + timedelta(days=3)).date()


@pytest.fixture(scope="session")
def api(stack: Stack) -> Iterator[Api]:
    """HTTP interface of the shared Perennial. Afterwards it must be healthy, with no traceback in its log."""
    log_start = len(stack.log())
    with httpx.Client(base_url=stack.url, timeout=30) as http:
        yield Api(stack, http)
        assert http.get("/healthz").json() == {"status": "ok"}
    assert "Traceback" not in stack.log()[log_start:]


@pytest.fixture(scope="session")
def chat(api: Api) -> Chat:
    """A running persistent chat, shared by all tests. Tests must not end it."""
    return api.start()


@pytest.fixture(scope="session")
def ended_chat(api: Api) -> Chat:
    chat = api.start()
    api.end(chat)
    return chat


@pytest.fixture(scope="session")
def tenants(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A Perennial with the tenants `one`, `two`, and `hours` with opening hours. Key `one` is for tenant `one`, and the
    others are for all.

    Queues of `hours`: `closed` never opens, `soon` is closed for at least two days, `open` is open.
    """
    configuration = f"""
        [access_keys.all]
        secret = "secret-of-the-key-all"
        [access_keys.one]
        secret = "secret-of-the-key-one"
        instances = ["one"]
        [access_keys.hashed]
        secret_sha256 = "{sha256(b"secret-of-the-key-hashed").hexdigest()}"
        [instances.one.workstreams.persistent]
        mode = "persistent"
        queue = "queue"
        [instances.one.agents.a1]
        name = "Agent of One"
        [instances.two.workstreams.persistent]
        mode = "persistent"
        queue = "queue"
        [instances.two.agents.a1]
        name = "Agent of Two"

        [instances.hours.hours.never]
        time_zone = "UTC"
        [instances.hours.hours.soon]
        time_zone = "UTC"
        special = {{ "{OPENING_DAY}" = ["08:00-12:00"] }}
        [instances.hours.queues.closed]
        hours = "never"
        [instances.hours.queues.soon]
        hours = "soon"
        [instances.hours.workstreams.open]
        mode = "live"
        queue = "open"
        [instances.hours.workstreams.closed]
        mode = "live"
        queue = "closed"
        [instances.hours.workstreams.soon]
        mode = "live"
        queue = "soon"
        [instances.hours.workstreams.waiting]
        mode = "live"
        queue = "soon"
        outside_hours = "queue"
        texts = {{ out_of_hours = {{ en = "We open: {{OpeningTime}}.", de = "Wir öffnen: {{OpeningTime}}." }} }}
        [instances.hours.workstreams.persistent]
        mode = "persistent"
        queue = "closed"
        [instances.hours.agents.a1]
        name = "Agent with Hours"
        """
    # test_cors takes a table away to see an unexpected error
    with served_whatever_it_logs(tmp_path_factory.mktemp("two"), configuration) as api:
        yield api
