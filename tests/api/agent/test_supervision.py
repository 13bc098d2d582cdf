"""Supervisors see and move what is anybody's; nobody else does. Backends set presences by PutUserStatus."""

from __future__ import annotations

import pytest
from temporalio.client import Client

from tests.api.calls import Api, assert_refused
from tests.api.desk.seats import Seat, seat, waits

DENIED = (403, "AccessDeniedException")
REFUSED = (400, "InvalidRequestException")
NOT_FOUND = (404, "ResourceNotFoundException")
ROOM = "supervision/"


def test_supervision_is_for_supervisors(api: Api, a1: Seat) -> None:
    chat = waits(api, a1, "shelf", "shelf")
    own = a1.pick(chat, "shelf").raise_for_status().json()["contact_id"]
    answers = [a1.get(path, ROOM) for path in ("agents", "contacts")]
    for action, body in (("assign", {"user": "a1"}), ("release", None), ("end", None), ("transfer", {"user": "a2"})):
        answers.append(a1.post(f"contacts/{own}/{action}", body, ROOM))
    answers.append(a1.put("agents/a1/presence", {"presence": "away"}, ROOM))
    for answer in answers:
        assert_refused(answer, *DENIED, "supervisor")
    assert a1.contacts()[own]["state"] == "ACTIVE"


def test_a_supervisor_assigns_over_capacity_and_what_is_offered_to_another(
    api: Api, a1: Seat, a2: Seat, supervisor: Seat
) -> None:
    a2.pick(waits(api, a2, "shelf", "shelf"), "shelf").raise_for_status()
    a1.becomes("available")
    chat = api.start("live")
    offer = a1.is_offered(chat)
    found = supervisor.get("contacts", ROOM, agent="a1").json()["contacts"]
    assert [(c["contact_id"], c["state"], c["offered_to"]) for c in found] == [(chat.contact_id, "OPEN", "a1")]
    assert supervisor.post(f"contacts/{chat.contact_id}/assign", {"user": "a2"}, ROOM).json() == {}
    assert a2.contacts()[chat.contact_id]["state"] == "ACTIVE"
    agents = {agent["user"]: agent for agent in supervisor.get("agents", ROOM).json()["agents"]}
    assert list(agents) == ["a1", "a2", "s", "unlucky"]
    assert (agents["a2"]["load"], agents["a2"]["over_capacity"]) == (2, True)
    assert (agents["a1"]["load"], agents["a1"]["presence"]) == (0, "available")
    assert_refused(a1.post(f"offers/{offer}/accept"), *REFUSED, "the offer is over")
    again = supervisor.post(f"contacts/{chat.contact_id}/assign", {"user": "a1"}, ROOM)
    assert_refused(again, *REFUSED, "assign: not possible")
    nobody = supervisor.post(f"contacts/{chat.contact_id}/assign", {"user": "nobody"}, ROOM)
    assert_refused(nobody, *NOT_FOUND, "nobody")


def test_a_supervisor_lists_releases_transfers_and_ends(api: Api, a1: Seat, a2: Seat, supervisor: Seat) -> None:
    waiting, worked = (waits(api, a1, "shelf", "shelf") for _ in range(2))
    a1.pick(worked, "shelf").raise_for_status()

    def listed(**query: object) -> list[str]:
        return [c["initial_contact_id"] for c in supervisor.get("contacts", ROOM, **query).json()["contacts"]]

    both = [waiting.contact_id, worked.contact_id]
    assert [id for id in listed() if id in both] == both
    assert listed(queue="shelf") == both
    assert listed(queue="shelf", state="OPEN") == [waiting.contact_id]
    assert listed(agent="a1") == [worked.contact_id]
    page = supervisor.get("contacts", ROOM, queue="shelf", limit=1).json()
    assert (len(page["contacts"]), page["more"]) == (1, True)
    assert_refused(supervisor.get("contacts", ROOM, state="ASLEEP"), *REFUSED, "state")
    assert_refused(supervisor.get("contacts", ROOM, limit=0), *REFUSED, "limit")

    moved = supervisor.post(f"contacts/{worked.contact_id}/transfer", {"user": "a2"}, ROOM).raise_for_status().json()
    assert a1.contacts() == {}
    assert list(a2.contacts()) == [moved["contact_id"]]
    assert supervisor.post(f"contacts/{moved['contact_id']}/release", None, ROOM).json() == {}
    assert a2.contacts() == {}
    assert_refused(supervisor.post(f"contacts/{moved['contact_id']}/release", None, ROOM), *REFUSED, "ended")
    assert_refused(supervisor.post(f"contacts/{waiting.contact_id}/release", None, ROOM), *REFUSED, "release: not")
    for leg in supervisor.get("contacts", ROOM, queue="shelf").json()["contacts"]:
        assert supervisor.post(f"contacts/{leg['contact_id']}/end", None, ROOM).json() == {}
    assert listed(queue="shelf") == []
    assert_refused(supervisor.post("contacts/nothing/end", None, ROOM), *NOT_FOUND, "nothing")


def test_a_supervisor_closes_a_wrap_up_and_reads_notes(api: Api, a1: Seat, supervisor: Seat) -> None:
    chat = waits(api, a1, "shelf", "shelf")
    a1.pick(chat, "shelf").raise_for_status()
    note = a1.post(f"contacts/{chat.contact_id}/notes", {"text": "Call back."}).raise_for_status().json()
    refused = supervisor.post(f"contacts/{chat.contact_id}/close", None, ROOM)
    assert_refused(refused, *REFUSED, "close: not possible")
    a1.post(f"contacts/{chat.contact_id}/end").raise_for_status()
    assert a1.me()["load"] == 1
    supervisor.post(f"contacts/{chat.contact_id}/close", None, ROOM).raise_for_status()
    assert a1.me()["load"] == 0
    assert supervisor.get(f"contacts/{chat.contact_id}/notes", ROOM).json() == {"notes": [note]}
    assert_refused(a1.get(f"contacts/{chat.contact_id}/notes", ROOM), *DENIED, "supervisor")


async def test_a_supervisor_frees_the_agent_of_a_chat_that_was_terminated(api: Api, supervisor: Seat) -> None:
    agent = seat(api, "unlucky")  # who keeps it among their contacts
    chat = waits(api, agent, "shelf", "shelf")
    agent.pick(chat, "shelf").raise_for_status()
    client = await Client.connect(api.stack.temporal)
    await client.get_workflow_handle(chat.contact_id).terminate()
    assert agent.me()["load"] == 1
    assert_refused(supervisor.post(f"contacts/{chat.contact_id}/end", None, ROOM), *REFUSED, "has ended")
    assert agent.me()["load"] == 0


def test_a_supervisor_sets_a_presence(a1: Seat, supervisor: Seat) -> None:
    assert supervisor.put("agents/a1/presence", {"presence": "busy"}, ROOM).json()["presence"] == "busy"
    assert a1.me()["presence"] == "busy"
    assert_refused(supervisor.put("agents/nobody/presence", {"presence": "busy"}, ROOM), *NOT_FOUND, "nobody")


@pytest.mark.parametrize("prefix", ["", "arn:aws:connect:x:1:instance/demo/agent-state/"])
def test_put_user_status(api: Api, a1: Seat, prefix: str) -> None:
    assert api.send("PutUserStatus", {"AgentStatusId": f"{prefix}available"}).json() == {}
    chat = api.start("live")
    a1.post(f"offers/{a1.is_offered(chat)}/accept").raise_for_status()
    # who has work becomes it once they have none, as on Amazon Connect
    assert api.send("PutUserStatus", {"AgentStatusId": f"{prefix}offline"}).json() == {}
    me = a1.me()
    assert (me["presence"], me["next_presence"], me["load"]) == ("available", "offline", 1)
    api.end(chat)
    a1.post(f"contacts/{chat.contact_id}/close").raise_for_status()
    assert a1.me()["presence"] == "offline"
    assert_refused(api.send("PutUserStatus", {"AgentStatusId": "asleep"}), *NOT_FOUND, "AgentStatusId")
    assert_refused(
        api.send("PutUserStatus", {"AgentStatusId": "away"}, path={"UserId": "nobody"}), *NOT_FOUND, "UserId"
    )
