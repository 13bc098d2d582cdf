"""The link by which a customer can go back to a chat: who gives it out, to which chats, and where it leads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from tests.api.calls import Api, assert_refused
from tests.api.reconnections.calls import (
    DENIED,
    NOT_FOUND,
    ONE,
    REFUSED,
    YEAR,
    act,
    ask_link,
    assigned,
    back,
    desk,
    link,
    said,
    say,
    surveyed,
)
from tests.compat.chats import Chat


def test_link_leads_back_to_the_same_chat(api: Api) -> None:
    chat = assigned(api)
    say(api, chat, "before")
    given = ask_link(api, chat.contact_id).json()
    assert set(given) == {"reconnect_id", "url", "expires_in"}
    assert given["expires_in"] == YEAR.total_seconds()
    offer = back(api, reconnect_id=given["reconnect_id"])
    token = offer["chat"].pop("ParticipantToken")
    assert offer == {
        "chat": {"ContactId": chat.contact_id, "ParticipantId": chat.participant_id},
        "state": "ACTIVE",
        "started_at": offer["started_at"],
        "redirect_url": None,
    }
    began = datetime.fromisoformat(offer["started_at"])
    assert abs(datetime.now(UTC) - began) < timedelta(minutes=1)
    assert said(api, token) == ["before"]
    assert back(api, reconnect_id=given["reconnect_id"])["chat"]  # as often as they like


def test_url_keeps_what_the_portal_has(api: Api) -> None:
    given = ask_link(api, api.start("live").contact_id).json()
    url = urlsplit(given["url"])
    assert (url.scheme, url.netloc, url.path, url.fragment) == ("https", "portal.example", "/", "help")
    assert parse_qs(url.query) == {"lang": ["en"], "reconnect_id": [given["reconnect_id"]]}
    routed = ask_link(api, api.start("parkable").contact_id).json()
    assert routed["url"] == f"http://localhost:3000/?reconnect_id={routed['reconnect_id']}#/chat"


def test_url_is_none_without_a_portal(api: Api) -> None:
    given = ask_link(api, api.start("quiet").contact_id).json()
    assert given["url"] is None
    assert back(api, reconnect_id=given["reconnect_id"])["chat"]


def test_agents_have_links_for_their_own_contacts_only(api: Api) -> None:
    chat, waiting = assigned(api), api.start("live")
    given = act(api, "reconnect-link", chat).raise_for_status().json()
    assert back(api, reconnect_id=given["reconnect_id"])["chat"]["ContactId"] == chat.contact_id
    assert_refused(act(api, "reconnect-link", chat, "a2"), *NOT_FOUND, "you have no contact")
    assert_refused(act(api, "reconnect-link", waiting), *NOT_FOUND, "you have no contact")
    leg = act(api, "transfer", chat, body={"user": "a2"}).raise_for_status().json()["contact_id"]
    assert_refused(act(api, "reconnect-link", chat), *REFUSED, "the contact has ended")
    after = act(api, "reconnect-link", Chat(leg, "", "", ""), "a2").raise_for_status().json()
    for id in (given["reconnect_id"], after["reconnect_id"], link(api, chat)):
        assert back(api, reconnect_id=id)["chat"]["ContactId"] == chat.contact_id


def test_link_to_a_parked_chat(api: Api) -> None:
    chat = assigned(api, "parkable")
    act(api, "park", chat).raise_for_status()
    given = act(api, "reconnect-link", chat).raise_for_status().json()
    assert back(api, reconnect_id=given["reconnect_id"])["state"] == "WAITING"


@pytest.mark.parametrize("workstream", ["plain", "persistent"])
def test_no_link_where_there_is_no_reconnection(api: Api, workstream: str) -> None:
    chat = assigned(api, workstream)
    for refused in (ask_link(api, chat.contact_id), act(api, "reconnect-link", chat)):
        assert_refused(refused, *REFUSED, "no reconnection")


def test_no_link_to_a_chat_that_is_over(api: Api) -> None:
    ended, stopped, asked = assigned(api), api.start("live"), api.start("asking")
    surveyed(api, asked)
    act(api, "end", ended).raise_for_status()
    api.end(stopped)
    for chat in (ended, stopped, asked):
        assert_refused(ask_link(api, chat.contact_id), *REFUSED, "has ended")
    assert_refused(act(api, "reconnect-link", ended), *REFUSED, "has ended")


def test_links_are_for_who_may_give_them(api: Api) -> None:
    chat = assigned(api)
    assert_refused(ask_link(api, f"{uuid4()}"), *NOT_FOUND, "contact_id")
    assert_refused(ask_link(api, chat.contact_id, "other"), *NOT_FOUND, "contact_id")
    assert_refused(ask_link(api, chat.contact_id, "nowhere"), *NOT_FOUND, "nowhere")
    assert_refused(ask_link(api, chat.contact_id, secret=ONE), *DENIED, "not for instance")
    at_desk = desk(api)["authorization"].removeprefix("Bearer ")
    for secret in ("wrong", at_desk, chat.token, link(api, chat)):
        assert_refused(ask_link(api, chat.contact_id, secret=secret), *DENIED)
    backend = {"authorization": "Bearer perennial-demo-secret"}
    path = f"/v1/agent/contacts/{chat.contact_id}/reconnect-link"
    assert_refused(api.http.post(path, headers=backend), *DENIED)


@pytest.mark.parametrize("body", [{}, {"instance": 1}, {"instance": "demo", "user": "a1"}, []])
def test_malformed_wish_for_a_link(api: Api, body: Any) -> None:
    path, headers = f"/v1/contacts/{uuid4()}/reconnect-link", {"authorization": "Bearer perennial-demo-secret"}
    assert_refused(api.http.post(path, json=body, headers=headers), *REFUSED)
