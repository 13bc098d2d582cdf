"""The engine hangs while a command is on its way: the answer says so, and the command can be repeated."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.api.agent.agent_client import sign_in
from tests.api.calls import Api, assert_refused, served
from tests.compat.chats import eventually
from tests.stack import KEY_ID, SECRET

pytestmark = pytest.mark.slow

CONFIGURATION = f"""
    access_keys.{KEY_ID}.secret = "{SECRET}"
    [instances.demo.workstreams.live]
    mode = "live"
    queue = "live"
    [instances.demo.agents.a1]
    name = "Ann"
    """


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with served(tmp_path, CONFIGURATION) as api:
        yield api


def test_end_that_timed_out_may_happen_and_can_be_repeated(api: Api) -> None:
    api.http.timeout = 60
    agent, chat = sign_in(api, "a1"), api.start("live")
    api.send("AssociateContactWithUser", {"UserId": "a1"}, chat=chat).raise_for_status()
    with api.stack.hanging_temporal(), ThreadPoolExecutor() as pool:
        late = pool.submit(agent.post, f"contacts/{chat.contact_id}/end").result()
    assert_refused(late, 503, "InternalServiceException", "may still take effect. It can be repeated")
    assert "rpc" not in json.dumps(late.json()).lower()
    assert f"{late.headers['x-amzn-requestid']}]" in api.stack.log()

    def end_again() -> bool:
        return agent.post(f"contacts/{chat.contact_id}/end").status_code == 200

    eventually(end_again, "the end is repeated", seconds=60)
    assert agent.contacts()[chat.contact_id]["state"] == "WRAP_UP"
    assert end_again()
