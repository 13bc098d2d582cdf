"""Agents list the waiting chats of their queues, pick them, and resume parked ones."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.api.agent.agent_client import AgentClient, start_waiting_chat
from tests.api.calls import Api, assert_refused
from tests.compat.chats import Chat

REFUSED = (400, "InvalidRequestException")
NOT_FOUND = (404, "ResourceNotFoundException")


@pytest.mark.parametrize("workstream", ["shelf", "auto-shelf"])
def test_agent_picks_a_waiting_chat(api: Api, a1: AgentClient, a2: AgentClient, workstream: str) -> None:
    chat = start_waiting_chat(api, a1, workstream, "shelf")
    (waiting,) = a1.waiting_contacts("shelf")
    assert waiting == {
        "position": 1,
        "contact_id": chat.contact_id,
        "initial_contact_id": chat.contact_id,
        "workstream": workstream,
        "since": waiting["since"],
        "priority": 5,
        "ahead": False,
        "units": 1,
        "bound_to": None,
    }
    queues = {queue["queue"]: queue for queue in a1.get("queues").json()["queues"]}
    assert list(queues) == ["live", "persistent", "shelf", "strict"]
    assert queues["shelf"] == {"queue": "shelf", "waiting": 1, "longest_since": waiting["since"]}
    picked = a1.pick(chat, "shelf").raise_for_status().json()
    assert picked == a1.contacts()[chat.contact_id]
    assert picked["state"] == "ACTIVE"
    assert a1.pick(chat, "shelf").json() == picked, "pick must be idempotent"
    assert_refused(a2.pick(chat, "shelf"), *REFUSED, "neither waits nor is parked")
    assert a1.me()["load"] == 1
    assert a1.waiting_contacts("shelf") == []


def test_queue_positions_equal_contact_metrics(api: Api, a1: AgentClient) -> None:
    chats = [start_waiting_chat(api, a1, "shelf", "shelf") for _ in range(3)]
    assert [(c["position"], c["contact_id"]) for c in a1.waiting_contacts("shelf")] == [
        (position, chat.contact_id) for position, chat in enumerate(chats, 1)
    ]
    metrics = {"InstanceId": "demo", "Metrics": [{"Name": "POSITION_IN_QUEUE"}]}
    for position, chat in enumerate(chats, 1):
        metrics_response = api.send("GetContactMetrics", {**metrics, "ContactId": chat.contact_id}).json()
        assert metrics_response["MetricResults"] == [
            {"Name": "POSITION_IN_QUEUE", "Value": {"Number": float(position)}}
        ]
        assert metrics_response["Id"] == chat.contact_id
        assert metrics_response["Arn"].endswith(f"instance/demo/contact/{chat.contact_id}")
    for chat in chats:
        api.end(chat)
    refused = api.send("GetContactMetrics", {**metrics, "ContactId": chats[0].contact_id})
    assert_refused(refused, *REFUSED, "not in a queue")


def test_estimated_wait_is_wait_of_others_minus_own_wait(api: Api, a1: AgentClient) -> None:
    a1.pick(start_waiting_chat(api, a1, "shelf", "shelf"), "shelf").raise_for_status()
    chat = start_waiting_chat(api, a1, "shelf", "shelf")
    body = {"InstanceId": "demo", "ContactId": chat.contact_id, "Metrics": [{"Name": "ESTIMATED_WAIT_TIME"}]}
    (wait,) = api.send("GetContactMetrics", body).json()["MetricResults"]
    assert wait["Name"] == "ESTIMATED_WAIT_TIME"
    assert 0 <= wait["Value"]["Number"] < 15
    api.end(chat)


def test_pick_over_capacity_requires_permission_of_the_workstream(api: Api, a1: AgentClient) -> None:
    a1.pick(start_waiting_chat(api, a1, "shelf", "shelf"), "shelf").raise_for_status()
    strict = start_waiting_chat(api, a1, "strict", "strict")
    assert_refused(a1.pick(strict, "strict"), *REFUSED, "you have no capacity left")
    more = start_waiting_chat(api, a1, "shelf", "shelf")
    a1.pick(more, "shelf").raise_for_status()
    me = a1.me()
    assert (me["load"], me["over_capacity"]) == (2, True)
    api.end(strict)


def test_resume_over_capacity_requires_permission_of_the_workstream(api: Api, a1: AgentClient) -> None:
    strict = start_waiting_chat(api, a1, "strict", "strict")
    a1.pick(strict, "strict").raise_for_status()
    a1.post(f"contacts/{strict.contact_id}/park").raise_for_status()
    other = start_waiting_chat(api, a1, "shelf", "shelf")
    a1.pick(other, "shelf").raise_for_status()
    assert_refused(a1.post(f"contacts/{strict.contact_id}/resume"), *REFUSED, "you have no capacity left")
    assert a1.contacts()[strict.contact_id]["state"] == "WAITING"
    a1.post(f"contacts/{other.contact_id}/release").raise_for_status()
    assert a1.post(f"contacts/{strict.contact_id}/resume").json() == {}
    assert (a1.me()["load"], a1.offers()) == (1, [])
    api.end(other)


def test_invalid_picks_are_refused(api: Api, a1: AgentClient, supervisor: AgentClient) -> None:
    chat = start_waiting_chat(api, a1, "shelf", "shelf")
    assert_refused(a1.pick(chat, "strict"), *NOT_FOUND, "no contact")
    assert_refused(a1.pick(Chat(f"{uuid4()}", "", "", ""), "shelf"), *NOT_FOUND, "no contact")
    for response in (supervisor.pick(chat, "shelf"), supervisor.get("queues/shelf"), a1.get("queues/nowhere")):
        assert_refused(response, *NOT_FOUND, "you serve no queue")
    api.end(chat)
    assert_refused(a1.pick(chat, "shelf"), *REFUSED, "neither waits nor is parked")


def test_notes_follow_the_conversation_to_the_next_agent(api: Api, a1: AgentClient, a2: AgentClient) -> None:
    chat = start_waiting_chat(api, a1, "shelf", "shelf")
    a1.pick(chat, "shelf").raise_for_status()
    note = a1.post(f"contacts/{chat.contact_id}/notes", {"text": "Call back."}).raise_for_status().json()
    assert note == {**note, "contact_id": chat.contact_id, "user": "a1", "text": "Call back."}
    for text in ("", " \n", "x" * 4097, 1, None):
        assert a1.post(f"contacts/{chat.contact_id}/notes", {"text": text}).status_code == 400
    second_contact = (
        a1.post(f"contacts/{chat.contact_id}/transfer", {"user": "a2"}).raise_for_status().json()["contact_id"]
    )
    second_note = a2.post(f"contacts/{second_contact}/notes", {"text": "x" * 4096}).raise_for_status().json()
    assert a2.get(f"contacts/{second_contact}/notes").json() == {"notes": [note, second_note]}
    assert a1.get(f"contacts/{chat.contact_id}/notes").json() == {"notes": [note]}, (
        "a former agent must not read later notes"
    )
    for response in (
        a1.get(f"contacts/{second_contact}/notes"),
        a1.post(f"contacts/{second_contact}/notes", {"text": "no"}),
    ):
        assert_refused(response, *NOT_FOUND, "you have no contact")
