"""`one_chat_per_customer`: a customer has one open chat, however many tabs start one at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.api.calls import Api, served
from tests.stack import KEY_ID, SECRET

CONFIGURATION = f"""
    access_keys.{KEY_ID}.secret = "{SECRET}"
    [instances.demo.workstreams.one]
    mode = "persistent"
    queue = "queue"
    one_chat_per_customer = true
    [instances.demo.workstreams.another]
    mode = "persistent"
    queue = "queue"
    one_chat_per_customer = true
    [instances.demo.workstreams.any]
    mode = "persistent"
    queue = "queue"
    """


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with served(Path(tmp_path_factory.mktemp("open")), CONFIGURATION) as api:
        yield api


def start(api: Api, customer_id: str | None, workstream: str = "one", **members: Any) -> str:
    body = {
        "InstanceId": "demo",
        "ContactFlowId": workstream,
        "ParticipantDetails": {"DisplayName": "Ada"},
        "ClientToken": f"{uuid4()}",
        "CustomerId": customer_id,
        **members,
    }
    return api.send("StartChatContact", body).raise_for_status().json()["ContactId"]


def stop(api: Api, contact_id: str) -> None:
    api.send("StopContact", {"InstanceId": "demo", "ContactId": contact_id}).raise_for_status()


def test_concurrent_starts_of_a_customer_get_one_chat(api: Api) -> None:
    with ThreadPoolExecutor(8) as pool:
        started = list(pool.map(partial(start, api), 8 * ["crm-1"]))
    assert len({*started}) == 1
    assert start(api, "crm-1") == started[0]


def test_other_customers_workstreams_and_chats_without_customer_are_apart(api: Api) -> None:
    started = [
        *(start(api, customer) for customer in ("crm-2", "crm-3", None, None)),
        start(api, "crm-2", "another"),
        *(start(api, "crm-2", "any") for _ in range(2)),
    ]
    assert len({*started}) == len(started)


def test_customer_gets_a_new_chat_after_the_end(api: Api) -> None:
    first = start(api, "crm-4", ClientToken="first")
    second_tab = start(api, "crm-4", ClientToken="second tab")
    assert second_tab == first
    stop(api, first)
    new = start(api, "crm-4")
    assert new != first
    repeated = [start(api, "crm-4", ClientToken=token) for token in ("first", "second tab")]
    assert repeated == [first, first]
    stop(api, new)
    with ThreadPoolExecutor(8) as pool:
        started = list(pool.map(partial(start, api), 8 * ["crm-4"]))
    assert len({*started}) == 1
    assert started[0] not in (first, new)
