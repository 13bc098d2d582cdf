"""Offers to available agents. The answer and the status of the agent decide where the chat goes."""

from __future__ import annotations

import pytest

from tests.api.agent.agent_client import AgentClient
from tests.api.calls import Api, assert_refused
from tests.compat.chats import eventually

REFUSED = (400, "InvalidRequestException")
NOT_FOUND = (404, "ResourceNotFoundException")


def test_rejected_offer_goes_to_next_agent_who_accepts_it(api: Api, a1: AgentClient, a2: AgentClient) -> None:
    a1.set_status("available")
    chat = api.start("live")
    first = a1.wait_for_offer(chat)
    (offer,) = a1.offers()
    assert offer == {
        "offer_id": first,
        "contact_id": chat.contact_id,
        "initial_contact_id": chat.contact_id,
        "workstream": "live",
        "queue": "live",
        "customer": "Ada",
        "attributes": {},
        "offered_at": offer["offered_at"],
        "until": offer["until"],
    }
    assert offer["offered_at"] < offer["until"]
    assert a1.me()["load"] == 1

    a2.set_status("available")
    assert_refused(a2.post(f"offers/{first}/accept"), *NOT_FOUND, "offer_id: you have no offer")
    assert_refused(a2.post("offers/never/reject"), *NOT_FOUND, "offer_id: you have no offer 'never'")
    assert a1.post(f"offers/{first}/reject").json() == {}
    second = a2.wait_for_offer(chat)
    assert a1.offers() == []
    assert a1.me()["load"] == 0
    assert a1.post(f"offers/{first}/reject").json() == {}, "reject must be idempotent"
    assert_refused(a1.post(f"offers/{first}/accept"), *REFUSED, "the offer is over: rejected")

    accepted = a2.post(f"offers/{second}/accept").raise_for_status().json()
    assert accepted == a2.contacts()[chat.contact_id]
    assert accepted["state"] == "ACTIVE"
    assert a2.post(f"offers/{second}/accept").json() == accepted, "accept must be idempotent"
    assert_refused(a2.post(f"offers/{second}/reject"), *REFUSED, "the offer is over: accepted")
    assert a1.contacts() == {}


def test_agent_at_capacity_receives_offers_only_after_work_leaves(api: Api, a1: AgentClient) -> None:
    a1.set_status("available")
    first = api.start("persistent")
    a1.post(f"offers/{a1.wait_for_offer(first)}/accept").raise_for_status()
    second = api.start("persistent")
    eventually(lambda: a1.waiting_contacts("persistent"), "chat that waits for capacity")
    me = a1.me()
    assert (me["load"], me["capacity"], me["over_capacity"]) == (1, 1, False)
    assert a1.offers() == []

    # parking frees capacity at once
    a1.post(f"contacts/{first.contact_id}/park").raise_for_status()
    a1.post(f"offers/{a1.wait_for_offer(second)}/accept").raise_for_status()
    assert a1.me()["load"] == 1
    # resuming a parked chat may exceed the capacity
    assert a1.post(f"contacts/{first.contact_id}/resume").json() == {}
    me = a1.me()
    assert (me["load"], me["over_capacity"]) == (2, True)


def test_auto_accept_assigns_chat_without_open_offer(api: Api, a1: AgentClient) -> None:
    a1.set_status("available")
    chat = api.start("auto")
    eventually(lambda: chat.contact_id in a1.contacts(), "assigned chat")
    assert a1.offers() == []


@pytest.mark.parametrize("status", ["away", "offline"])
def test_offer_goes_to_next_agent_when_agent_becomes_away_or_offline(
    api: Api, a1: AgentClient, a2: AgentClient, status: str
) -> None:
    a1.set_status("available")
    chat = api.start("live")
    offer = a1.wait_for_offer(chat)
    a2.set_status("available")
    assert a1.set_status(status)["status"] == status
    a2.wait_for_offer(chat)
    assert a1.offers() == []
    assert_refused(a1.post(f"offers/{offer}/accept"), *REFUSED, "the offer is over")
    # this is no missed offer: the agent receives the next offer as soon as they are available again
    a1.set_status("available")
    a2.set_status("away")
    again = a1.wait_for_offer(chat)
    assert again != offer
    a1.post(f"offers/{again}/accept").raise_for_status()


def test_agent_going_offline_releases_active_chats_and_keeps_parked_ones(
    api: Api, a1: AgentClient, a2: AgentClient
) -> None:
    a1.set_status("available")
    parked, active = api.start("persistent"), api.start("live")
    for chat, action in ((parked, "park"), (active, "")):
        a1.post(f"offers/{a1.wait_for_offer(chat)}/accept").raise_for_status()
        if action:
            a1.post(f"contacts/{chat.contact_id}/{action}").raise_for_status()
    assert a1.set_status("away")["load"] == 1
    assert a1.set_status("offline")["load"] == 0
    assert list(a1.contacts()) == [parked.contact_id]
    (waiting,) = a2.waiting_contacts("live")
    assert (waiting["initial_contact_id"], waiting["ahead"]) == (active.contact_id, True)
    a2.set_status("available")
    accepted = a2.post(f"offers/{a2.wait_for_offer(active)}/accept").raise_for_status().json()
    assert accepted["contact_id"] == waiting["contact_id"] != active.contact_id


def test_status_set_when_free_applies_after_work_ends(api: Api, a1: AgentClient) -> None:
    a1.set_status("available")
    chat = api.start("live")
    a1.post(f"offers/{a1.wait_for_offer(chat)}/accept").raise_for_status()
    # the present status is not stored as next status, so offers continue
    assert a1.set_status("available", when_free=True)["next_status"] is None
    me = a1.set_status("offline", when_free=True)
    assert (me["status"], me["next_status"], me["load"]) == ("available", "offline", 1)
    a1.post(f"contacts/{chat.contact_id}/end").raise_for_status()
    a1.post(f"contacts/{chat.contact_id}/close").raise_for_status()
    me = a1.me()
    assert (me["status"], me["next_status"], me["load"]) == ("offline", None, 0)


@pytest.mark.parametrize(
    "body", [{}, {"status": "asleep"}, {"status": 1}, {"status": "away", "when_free": "yes"}, {"x": 1}]
)
def test_invalid_status_is_refused(a1: AgentClient, body: dict[str, object]) -> None:
    assert a1.put("status", body).status_code == 400
    assert a1.me()["status"] == "offline"
