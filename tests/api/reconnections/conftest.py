"""A Perennial with workstreams with and without reconnection."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.calls import Api, served
from tests.api.reconnections.calls import LATE_URL
from tests.stack import TOPIC

CONFIG = """
[access_keys.perennial]
secret = "perennial-demo-secret"
[access_keys.one]
secret = "secret-of-the-key-one"
instances = ["other"]

[instances.demo.workstreams]
plain = { mode = "live", queue = "q" }
persistent = { mode = "persistent", queue = "q" }
quiet = { mode = "live", queue = "q", reconnect_window = "PT1H", reconnection = {} }
hasty = { mode = "live", queue = "q", connect_within = 0.2, reconnect_window = 0.2, reconnection = { redirect_url = "LATE" } }
parkable = { mode = "persistent", queue = "q", reconnection = { portal_url = "http://localhost:3000/#/chat" } }

[instances.demo.workstreams.live]
mode = "live"
queue = "q"
reconnect_window = "PT1H"
reconnection = { portal_url = "https://portal.example/?lang=en#help", redirect_url = "LATE" }

[instances.demo.workstreams.asking]
mode = "live"
queue = "q"
reconnect_window = "PT1H"
reconnection = {}
survey = { questions = [{ key = "score", text = "How was it?" }] }

[instances.demo.topics]
"TOPIC" = "http://127.0.0.1:9/sns"

[instances.demo.agents]
a1 = { name = "Agent One" }
a2 = { name = "Agent Two" }

[instances.other.workstreams.live]
mode = "live"
queue = "q"
reconnect_window = "PT1H"
reconnection = {}
"""


@pytest.fixture(scope="package")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with served(
        tmp_path_factory.mktemp("reconnections"), CONFIG.replace("LATE", LATE_URL).replace("TOPIC", TOPIC)
    ) as api:
        yield api
