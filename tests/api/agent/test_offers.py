"""Chats are offered to who is available; what they answer, and their presence, decides where they go."""

from __future__ import annotations

import pytest

from tests.api.calls import Api, assert_refused
from tests.api.desk.seats import Seat
from tests.compat.chats import eventually

REFUSED = (400, "InvalidRequestException")


def test_an_offer_that_is_rejected_goes_to_the_next_agent_who_accepts_it(api: Api, a1: Seat, a2: Seat) -> None:
    a1.becomes("available")
    chat = api.start("live")
    first = a1.is_offered(chat)
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

    a2.becomes("available")
    assert_refused(a2.post(f"offers/{first}/accept"), *REFUSED, "the offer is over")
    assert a1.post(f"offers/{first}/reject").json() == {}
    second = a2.is_offered(chat)
    assert a1.offers() == []
    assert a1.me()["load"] == 0
    assert a1.post(f"offers/{first}/reject").json() == {}, "to say it again is no news"
    assert_refused(a1.post(f"offers/{first}/accept"), *REFUSED, "the offer is over: rejected")

    taken = a2.post(f"offers/{second}/accept").raise_for_status().json()
    assert taken == a2.contacts()[chat.contact_id]
    assert taken["state"] == "ACTIVE"
    assert a2.post(f"offers/{second}/accept").json() == taken, "to say it again is no news"
    assert_refused(a2.post(f"offers/{second}/reject"), *REFUSED, "the offer is over: accepted")
    assert a1.contacts() == {}


def test_who_is_full_is_offered_nothing_until_something_leaves_them(api: Api, a1: Seat) -> None:
    a1.becomes("available")
    first = api.start("persistent")
    a1.post(f"offers/{a1.is_offered(first)}/accept").raise_for_status()
    second = api.start("persistent")
    eventually(lambda: a1.waiting("persistent"), "chat that waits for room")
    me = a1.me()
    assert (me["load"], me["capacity"], me["over_capacity"]) == (1, 1, False)
    assert a1.offers() == []

    # parking frees at once
    a1.post(f"contacts/{first.contact_id}/park").raise_for_status()
    a1.post(f"offers/{a1.is_offered(second)}/accept").raise_for_status()
    assert a1.me()["load"] == 1
    # and who takes up again what they parked may have more than they have room for
    assert a1.post(f"contacts/{first.contact_id}/resume").json() == {}
    me = a1.me()
    assert (me["load"], me["over_capacity"]) == (2, True)


def test_where_offers_are_accepted_as_they_are_made(api: Api, a1: Seat) -> None:
    a1.becomes("available")
    chat = api.start("auto")
    eventually(lambda: chat.contact_id in a1.contacts(), "chat that was given")
    assert a1.offers() == []


@pytest.mark.parametrize("presence", ["away", "offline"])
def test_what_is_offered_to_who_goes_away_goes_to_the_next_one(api: Api, a1: Seat, a2: Seat, presence: str) -> None:
    a1.becomes("available")
    chat = api.start("live")
    offer = a1.is_offered(chat)
    a2.becomes("available")
    assert a1.becomes(presence)["presence"] == presence
    a2.is_offered(chat)
    assert a1.offers() == []
    assert_refused(a1.post(f"offers/{offer}/accept"), *REFUSED, "the offer is over")
    # nothing is held against them: they are asked again as soon as they are back
    a1.becomes("available")
    a2.becomes("away")
    again = a1.is_offered(chat)
    assert again != offer
    a1.post(f"offers/{again}/accept").raise_for_status()


def test_who_goes_offline_gives_back_what_they_work_on_and_keeps_what_they_parked(api: Api, a1: Seat, a2: Seat) -> None:
    a1.becomes("available")
    parked, worked = api.start("persistent"), api.start("live")
    for chat, then in ((parked, "park"), (worked, "")):
        a1.post(f"offers/{a1.is_offered(chat)}/accept").raise_for_status()
        if then:
            a1.post(f"contacts/{chat.contact_id}/{then}").raise_for_status()
    assert a1.becomes("away")["load"] == 1
    assert a1.becomes("offline")["load"] == 0
    assert list(a1.contacts()) == [parked.contact_id]
    (waiting,) = a2.waiting("live")
    assert (waiting["initial_contact_id"], waiting["ahead"]) == (worked.contact_id, True)
    a2.becomes("available")
    taken = a2.post(f"offers/{a2.is_offered(worked)}/accept").raise_for_status().json()
    assert taken["contact_id"] == waiting["contact_id"] != worked.contact_id


def test_a_presence_for_later(api: Api, a1: Seat) -> None:
    a1.becomes("available")
    chat = api.start("live")
    a1.post(f"offers/{a1.is_offered(chat)}/accept").raise_for_status()
    # what they are already is no wish for later: they go on being offered chats
    assert a1.becomes("available", when_free=True)["next_presence"] is None
    me = a1.becomes("offline", when_free=True)
    assert (me["presence"], me["next_presence"], me["load"]) == ("available", "offline", 1)
    a1.post(f"contacts/{chat.contact_id}/end").raise_for_status()
    a1.post(f"contacts/{chat.contact_id}/close").raise_for_status()
    me = a1.me()
    assert (me["presence"], me["next_presence"], me["load"]) == ("offline", None, 0)


@pytest.mark.parametrize(
    "body", [{}, {"presence": "asleep"}, {"presence": 1}, {"presence": "away", "when_free": "yes"}, {"x": 1}]
)
def test_presences_that_are_none(a1: Seat, body: dict[str, object]) -> None:
    assert a1.put("presence", body).status_code == 400
    assert a1.me()["presence"] == "offline"
