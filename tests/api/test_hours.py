"""Starts and transfers at closed queues."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.api.calls import Api, assert_refused
from tests.api.conftest import OPENING_DAY
from tests.compat.chats import Chat, eventually

ALL = "secret-of-the-key-all"
REFUSED = (400, "InvalidRequestException")


def start_chat(tenants: Api, workstream: str, token: str = "", **members: Any) -> httpx.Response:
    body = {
        "InstanceId": "hours",
        "ContactFlowId": workstream,
        "ParticipantDetails": {"DisplayName": "Ada"},
        "ClientToken": token,
        **members,
    }
    return tenants.send("StartChatContact", body, token=ALL)


def start_assigned_chat(tenants: Api, workstream: str) -> str:
    """Start a chat, assign it to an agent, and return its contact id."""
    contact_id: str = start_chat(tenants, workstream).raise_for_status().json()["ContactId"]
    chat, ids = Chat(contact_id, "", "", ""), {"InstanceId": "hours"}
    tenants.send("AssociateContactWithUser", {"UserId": "a1"}, chat=chat, token=ALL, path=ids).raise_for_status()
    return contact_id


def transfer(tenants: Api, contact_id: str, token: str = "", **target: Any) -> httpx.Response:
    body = {"InstanceId": "hours", "ContactId": contact_id, "ContactFlowId": "open", "ClientToken": token, **target}
    return tenants.send("TransferContact", body, token=ALL)


def test_live_chat_cannot_start_at_closed_queue(tenants: Api) -> None:
    assert_refused(start_chat(tenants, "closed"), *REFUSED, "ContactFlowId: the queue 'closed' is closed.")
    assert_refused(start_chat(tenants, "soon"), *REFUSED, f"the queue 'soon' is closed until {OPENING_DAY} 08:00 UTC.")


@pytest.mark.parametrize("workstream", ["open", "waiting", "persistent"])
def test_chat_starts_at_open_queue_or_when_workstream_queues_or_is_persistent(tenants: Api, workstream: str) -> None:
    assert start_chat(tenants, workstream).status_code == 200


def test_repeated_start_returns_existing_chat_although_queue_is_closed(tenants: Api) -> None:
    token = str(uuid4())
    existing = start_chat(tenants, "open", token).raise_for_status().json()["ContactId"]
    queue = "/v1/instances/hours/queues/open"
    key = {"authorization": f"Bearer {ALL}"}
    tenants.http.put(queue, json={"hours": "never"}, headers=key).raise_for_status()
    try:
        assert_refused(start_chat(tenants, "open"), *REFUSED, "is closed")
        assert start_chat(tenants, "open", token).raise_for_status().json()["ContactId"] == existing
    finally:
        tenants.http.post(f"{queue}/reset", headers=key).raise_for_status()


def test_live_chat_cannot_be_transferred_to_closed_queue(tenants: Api) -> None:
    contact_id = start_assigned_chat(tenants, "open")
    assert_refused(transfer(tenants, contact_id, QueueId="closed"), *REFUSED, "QueueId: the queue 'closed' is closed.")
    assert_refused(transfer(tenants, contact_id, QueueId="soon"), *REFUSED, f"until {OPENING_DAY} 08:00 UTC.")
    assert transfer(tenants, contact_id, QueueId="open").status_code == 200


def test_persistent_chat_can_be_transferred_to_closed_queue(tenants: Api) -> None:
    assert transfer(tenants, start_assigned_chat(tenants, "persistent"), QueueId="soon").status_code == 200


def test_chat_can_be_transferred_to_agent_outside_hours(tenants: Api) -> None:
    assert transfer(tenants, start_assigned_chat(tenants, "waiting"), UserId="a1").status_code == 200


def test_waiting_customer_receives_opening_time_in_their_language(tenants: Api) -> None:
    contact_id = start_chat(tenants, "waiting", Attributes={"language": "de-AT"}).raise_for_status().json()["ContactId"]

    def is_notified() -> bool:
        path = f"/v1/contacts/{contact_id}/transcript?instance=hours&format=text"
        text = tenants.http.get(path, headers={"authorization": f"Bearer {ALL}"}).raise_for_status().text
        return f"Wir öffnen: {OPENING_DAY} 08:00 UTC." in text

    eventually(is_notified, "message with the opening time")
