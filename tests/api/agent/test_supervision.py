"""Supervisors read and change the contacts of all agents. Backends set agent status with PutUserStatus."""

from __future__ import annotations

import pytest
from temporalio.client import Client

from tests.api.agent.agent_client import AgentClient, sign_in, start_waiting_chat
from tests.api.calls import Api, assert_refused

DENIED = (403, "AccessDeniedException")
REFUSED = (400, "InvalidRequestException")
NOT_FOUND = (404, "ResourceNotFoundException")
SUPERVISION = "supervision/"


def test_supervision_requires_a_supervisor(api: Api, a1: AgentClient) -> None:
    chat = start_waiting_chat(api, a1, "shelf", "shelf")
    contact_id = a1.pick(chat, "shelf").raise_for_status().json()["contact_id"]
    answers = [a1.get(path, SUPERVISION) for path in ("agents", "contacts", "queues")]
    for action, body in (("assign", {"user": "a1"}), ("release", None), ("end", None), ("transfer", {"user": "a2"})):
        answers.append(a1.post(f"contacts/{contact_id}/{action}", body, SUPERVISION))
    answers.append(a1.put("agents/a1/status", {"status": "away"}, SUPERVISION))
    for response in answers:
        assert_refused(response, *DENIED, "supervisor")
    assert a1.contacts()[contact_id]["state"] == "ACTIVE"


def test_supervisor_assigns_over_capacity_and_despite_an_open_offer(
    api: Api, a1: AgentClient, a2: AgentClient, supervisor: AgentClient
) -> None:
    a2.pick(start_waiting_chat(api, a2, "shelf", "shelf"), "shelf").raise_for_status()
    a1.set_status("available")
    chat = api.start("live")
    offer = a1.wait_for_offer(chat)
    found = supervisor.get("contacts", SUPERVISION, agent="a1").json()["contacts"]
    assert [(c["contact_id"], c["state"], c["offered_to"]) for c in found] == [(chat.contact_id, "OPEN", "a1")]
    assert supervisor.post(f"contacts/{chat.contact_id}/assign", {"user": "a2"}, SUPERVISION).json() == {}
    assert a2.contacts()[chat.contact_id]["state"] == "ACTIVE"
    agents = {agent["user"]: agent for agent in supervisor.get("agents", SUPERVISION).json()["agents"]}
    assert list(agents) == ["a1", "a2", "s", "unlucky"]
    assert [user for user, agent in agents.items() if agent["supervisor"]] == ["s"]
    assert (a1.me()["supervisor"], supervisor.me()["supervisor"]) == (False, True)
    assert (agents["a2"]["load"], agents["a2"]["over_capacity"]) == (2, True)
    assert (agents["a1"]["load"], agents["a1"]["status"]) == (0, "available")
    assert_refused(a1.post(f"offers/{offer}/accept"), *REFUSED, "the offer is over")
    again = supervisor.post(f"contacts/{chat.contact_id}/assign", {"user": "a1"}, SUPERVISION)
    assert_refused(again, *REFUSED, "assign: not possible")
    nobody = supervisor.post(f"contacts/{chat.contact_id}/assign", {"user": "nobody"}, SUPERVISION)
    assert_refused(nobody, *NOT_FOUND, "nobody")


def test_supervisor_lists_transfers_releases_and_ends_contacts(
    api: Api, a1: AgentClient, a2: AgentClient, supervisor: AgentClient
) -> None:
    waiting, active = (start_waiting_chat(api, a1, "shelf", "shelf") for _ in range(2))
    a1.pick(active, "shelf").raise_for_status()

    def list_contacts(**query: object) -> list[str]:
        return [c["initial_contact_id"] for c in supervisor.get("contacts", SUPERVISION, **query).json()["contacts"]]

    both = [waiting.contact_id, active.contact_id]
    assert [id for id in list_contacts() if id in both] == both
    assert list_contacts(queue="shelf") == both
    assert list_contacts(queue="shelf", state="OPEN") == [waiting.contact_id]
    assert list_contacts(agent="a1") == [active.contact_id]
    page = supervisor.get("contacts", SUPERVISION, queue="shelf", limit=1).json()
    assert (len(page["contacts"]), page["more"]) == (1, True)
    assert_refused(supervisor.get("contacts", SUPERVISION, state="ASLEEP"), *REFUSED, "state")
    assert_refused(supervisor.get("contacts", SUPERVISION, limit=0), *REFUSED, "limit")

    for body, status, mention in (
        ({"user": "nobody"}, NOT_FOUND, "user: there is no agent 'nobody'"),
        ({"queue": "none"}, NOT_FOUND, "queue: there is no queue 'none'"),
        ({}, REFUSED, "Exactly one of queue and user"),
    ):
        refused = supervisor.post(f"contacts/{active.contact_id}/transfer", body, SUPERVISION)
        assert_refused(refused, *status, mention)
        assert refused.json()["Message"].startswith(mention)
    transferred = (
        supervisor.post(f"contacts/{active.contact_id}/transfer", {"user": "a2"}, SUPERVISION).raise_for_status().json()
    )
    assert a1.contacts() == {}
    assert list(a2.contacts()) == [transferred["contact_id"]]
    assert supervisor.post(f"contacts/{transferred['contact_id']}/release", None, SUPERVISION).json() == {}
    assert a2.contacts() == {}
    again = supervisor.post(f"contacts/{transferred['contact_id']}/release", None, SUPERVISION)
    assert again.json() == {}, "a release that timed out can be repeated"
    assert_refused(
        supervisor.post(f"contacts/{waiting.contact_id}/release", None, SUPERVISION), *REFUSED, "release: not"
    )
    for contact in supervisor.get("contacts", SUPERVISION, queue="shelf").json()["contacts"]:
        assert supervisor.post(f"contacts/{contact['contact_id']}/end", None, SUPERVISION).json() == {}
    assert list_contacts(queue="shelf") == []
    assert_refused(supervisor.post("contacts/nothing/end", None, SUPERVISION), *NOT_FOUND, "nothing")


def test_supervisor_sees_who_waits_and_who_serves_a_queue(
    api: Api, a1: AgentClient, a2: AgentClient, supervisor: AgentClient
) -> None:
    a1.set_status("busy-do-not-disturb")
    a2.set_status("away")
    chat = start_waiting_chat(api, a1, "shelf", "shelf")
    (waiting,) = a1.waiting_contacts("shelf")
    queues = {queue["queue"]: queue for queue in supervisor.get("queues", SUPERVISION).json()["queues"]}
    assert list(queues) == ["live", "persistent", "shelf", "strict"]
    assert queues["shelf"] == {
        "queue": "shelf",
        "waiting": 1,
        "longest_since": waiting["since"],
        "agents": 3,
        "present": 1,
    }
    assert queues["strict"] == {"queue": "strict", "waiting": 0, "longest_since": None, "agents": 2, "present": 1}
    (listed,) = supervisor.get("contacts", SUPERVISION, queue="shelf").json()["contacts"]
    assert (listed["contact_id"], listed["customer"]) == (chat.contact_id, "Ada")


def test_agent_sees_where_contacts_can_be_transferred(a1: AgentClient, a2: AgentClient) -> None:
    a2.set_status("busy")
    targets = a1.get("transfer-targets").json()
    assert targets["queues"] == ["live", "persistent", "shelf", "strict"]
    agents = {agent["user"]: agent for agent in targets["agents"]}
    assert list(agents) == ["a2", "s", "unlucky"]
    assert agents["a2"] == {"user": "a2", "name": "Agent Two", "status": "busy"}


def test_supervisor_closes_wrap_up_and_reads_notes(api: Api, a1: AgentClient, supervisor: AgentClient) -> None:
    chat = start_waiting_chat(api, a1, "shelf", "shelf")
    a1.pick(chat, "shelf").raise_for_status()
    note = a1.post(f"contacts/{chat.contact_id}/notes", {"text": "Call back."}).raise_for_status().json()
    refused = supervisor.post(f"contacts/{chat.contact_id}/close", None, SUPERVISION)
    assert_refused(refused, *REFUSED, "close: not possible")
    a1.post(f"contacts/{chat.contact_id}/end").raise_for_status()
    assert a1.me()["load"] == 1
    supervisor.post(f"contacts/{chat.contact_id}/close", None, SUPERVISION).raise_for_status()
    assert a1.me()["load"] == 0
    assert supervisor.get(f"contacts/{chat.contact_id}/notes", SUPERVISION).json() == {"notes": [note]}
    assert_refused(a1.get(f"contacts/{chat.contact_id}/notes", SUPERVISION), *DENIED, "supervisor")


async def test_supervisor_end_of_terminated_chat_frees_its_agent(api: Api, supervisor: AgentClient) -> None:
    agent = sign_in(api, "unlucky")  # agent of this test only: the terminated contact stays in their list
    chat = start_waiting_chat(api, agent, "shelf", "shelf")
    agent.pick(chat, "shelf").raise_for_status()
    client = await Client.connect(api.stack.temporal)
    await client.get_workflow_handle(chat.contact_id).terminate()
    assert agent.me()["load"] == 1
    assert supervisor.post(f"contacts/{chat.contact_id}/end", None, SUPERVISION).json() == {}
    assert agent.me()["load"] == 0
    assert supervisor.post(f"contacts/{chat.contact_id}/end", None, SUPERVISION).json() == {}, "end must be idempotent"


def test_supervisor_sets_agent_status(a1: AgentClient, supervisor: AgentClient) -> None:
    assert supervisor.put("agents/a1/status", {"status": "busy"}, SUPERVISION).json()["status"] == "busy"
    assert a1.me()["status"] == "busy"
    assert_refused(supervisor.put("agents/nobody/status", {"status": "busy"}, SUPERVISION), *NOT_FOUND, "nobody")


@pytest.mark.parametrize("prefix", ["", "arn:aws:connect:x:1:instance/demo/agent-state/"])
def test_put_user_status_applies_when_agent_has_no_work(api: Api, a1: AgentClient, prefix: str) -> None:
    assert api.send("PutUserStatus", {"AgentStatusId": f"{prefix}available"}).json() == {}
    chat = api.start("live")
    a1.post(f"offers/{a1.wait_for_offer(chat)}/accept").raise_for_status()
    # with work left, the status applies when the work ends, as on Amazon Connect
    assert api.send("PutUserStatus", {"AgentStatusId": f"{prefix}offline"}).json() == {}
    me = a1.me()
    assert (me["status"], me["next_status"], me["load"]) == ("available", "offline", 1)
    api.end(chat)
    a1.post(f"contacts/{chat.contact_id}/close").raise_for_status()
    assert a1.me()["status"] == "offline"
    assert_refused(api.send("PutUserStatus", {"AgentStatusId": "asleep"}), *NOT_FOUND, "AgentStatusId")
    assert_refused(
        api.send("PutUserStatus", {"AgentStatusId": "away"}, path={"UserId": "nobody"}), *NOT_FOUND, "UserId"
    )


def test_supervisor_moves_waiting_contacts_and_a_whole_queue(
    api: Api, a1: AgentClient, supervisor: AgentClient
) -> None:
    chats = [start_waiting_chat(api, a1, "shelf", "shelf") for _ in range(3)]
    first = supervisor.post(f"contacts/{chats[0].contact_id}/transfer", {"queue": "persistent"}, SUPERVISION)
    moved = first.raise_for_status().json()["contact_id"]
    listed = supervisor.get("contacts", SUPERVISION, queue="persistent", state="OPEN").json()["contacts"]
    assert moved in [contact["contact_id"] for contact in listed]
    for body, status, mention in (
        ({"queue": "none"}, NOT_FOUND, "queue: there is no queue 'none'"),
        ({}, REFUSED, "Exactly one of queue and user"),
        ({"queue": "shelf"}, REFUSED, "in this queue already"),
    ):
        assert_refused(supervisor.post("queues/shelf/transfer", body, SUPERVISION), *status, mention)
    assert_refused(a1.post("queues/shelf/transfer", {"queue": "persistent"}, SUPERVISION), *DENIED)
    done = supervisor.post("queues/shelf/transfer", {"queue": "persistent"}, SUPERVISION).raise_for_status().json()
    assert done == {"transferred": 2, "refused": 0, "more": False}
    assert supervisor.get("contacts", SUPERVISION, queue="shelf", state="OPEN").json()["contacts"] == []
    listed = supervisor.get("contacts", SUPERVISION, queue="persistent", state="OPEN").json()["contacts"]
    mine = [each for each in listed if each["initial_contact_id"] in {chat.contact_id for chat in chats}]
    assert len(mine) == 3
    for contact in mine:
        supervisor.post(f"contacts/{contact['contact_id']}/end", None, SUPERVISION).raise_for_status()
