"""Reconnect links: who may create them, for which chats, and what they offer."""

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
    act,
    agent_headers,
    create_link,
    read_messages,
    reconnect,
    request_link,
    send_message,
    start_assigned_chat,
    start_survey,
)
from tests.compat.chats import Chat


def test_link_returns_customer_to_the_same_chat(api: Api) -> None:
    chat = start_assigned_chat(api)
    send_message(api, chat, "before")
    link = request_link(api, chat.contact_id).json()
    assert set(link) == {"reconnect_id", "url", "expires_in"}
    assert link["expires_in"] == timedelta(days=30).total_seconds()
    offer = reconnect(api, reconnect_id=link["reconnect_id"])
    token = offer["chat"].pop("ParticipantToken")
    assert offer == {
        "chat": {"ContactId": chat.contact_id, "ParticipantId": chat.participant_id},
        "state": "ACTIVE",
        "started_at": offer["started_at"],
        "redirect_url": None,
    }
    started_at = datetime.fromisoformat(offer["started_at"])
    assert abs(datetime.now(UTC) - started_at) < timedelta(minutes=1)
    assert read_messages(api, token) == ["before"]
    assert reconnect(api, reconnect_id=link["reconnect_id"])["chat"]  # a link can be used repeatedly


def test_link_url_keeps_query_and_fragment_of_the_portal(api: Api) -> None:
    link = request_link(api, api.start("live").contact_id).json()
    url = urlsplit(link["url"])
    assert (url.scheme, url.netloc, url.path, url.fragment) == ("https", "portal.example", "/", "help")
    assert parse_qs(url.query) == {"lang": ["en"], "reconnect_id": [link["reconnect_id"]]}
    link_with_fragment = request_link(api, api.start("parkable").contact_id).json()
    assert (
        link_with_fragment["url"] == f"http://localhost:3000/?reconnect_id={link_with_fragment['reconnect_id']}#/chat"
    )


def test_link_without_portal_has_no_url(api: Api) -> None:
    link = request_link(api, api.start("quiet").contact_id).json()
    assert link["url"] is None
    assert reconnect(api, reconnect_id=link["reconnect_id"])["chat"]


def test_agents_create_links_for_their_own_contacts_only(api: Api) -> None:
    chat, waiting = start_assigned_chat(api), api.start("live")
    link = act(api, "reconnect-link", chat).raise_for_status().json()
    assert reconnect(api, reconnect_id=link["reconnect_id"])["chat"]["ContactId"] == chat.contact_id
    assert_refused(act(api, "reconnect-link", chat, "a2"), *NOT_FOUND, "you have no contact")
    assert_refused(act(api, "reconnect-link", waiting), *NOT_FOUND, "you have no contact")
    second_contact = act(api, "transfer", chat, body={"user": "a2"}).raise_for_status().json()["contact_id"]
    assert_refused(act(api, "reconnect-link", chat), *REFUSED, "the contact has ended")
    later_link = act(api, "reconnect-link", Chat(second_contact, "", "", ""), "a2").raise_for_status().json()
    for id in (link["reconnect_id"], later_link["reconnect_id"], create_link(api, chat)):
        assert reconnect(api, reconnect_id=id)["chat"]["ContactId"] == chat.contact_id


def test_link_to_parked_chat_offers_the_waiting_chat(api: Api) -> None:
    chat = start_assigned_chat(api, "parkable")
    act(api, "park", chat).raise_for_status()
    link = act(api, "reconnect-link", chat).raise_for_status().json()
    assert reconnect(api, reconnect_id=link["reconnect_id"])["state"] == "WAITING"


@pytest.mark.parametrize("workstream", ["plain", "persistent"])
def test_link_is_refused_when_workstream_has_no_reconnection(api: Api, workstream: str) -> None:
    chat = start_assigned_chat(api, workstream)
    for refused in (request_link(api, chat.contact_id), act(api, "reconnect-link", chat)):
        assert_refused(refused, *REFUSED, "no reconnection")


def test_link_to_ended_or_surveyed_chat_is_refused(api: Api) -> None:
    ended, stopped, surveyed_chat = start_assigned_chat(api), api.start("live"), api.start("asking")
    start_survey(api, surveyed_chat)
    act(api, "end", ended).raise_for_status()
    api.end(stopped)
    for chat in (ended, stopped, surveyed_chat):
        assert_refused(request_link(api, chat.contact_id), *REFUSED, "has ended")
    assert_refused(act(api, "reconnect-link", ended), *REFUSED, "has ended")


def test_link_requires_a_backend_key_of_the_tenant(api: Api) -> None:
    chat = start_assigned_chat(api)
    assert_refused(request_link(api, f"{uuid4()}"), *NOT_FOUND, "contact_id")
    assert_refused(request_link(api, chat.contact_id, "other"), *NOT_FOUND, "contact_id")
    assert_refused(request_link(api, chat.contact_id, "nowhere"), *NOT_FOUND, "nowhere")
    assert_refused(request_link(api, chat.contact_id, secret=ONE), *NOT_FOUND, "no instance 'demo' for this access key")
    agent_token = agent_headers(api)["authorization"].removeprefix("Bearer ")
    for secret in ("wrong", agent_token, chat.token, create_link(api, chat)):
        assert_refused(request_link(api, chat.contact_id, secret=secret), *DENIED)
    backend_headers = {"authorization": "Bearer perennial-demo-secret"}
    path = f"/v1/agent/contacts/{chat.contact_id}/reconnect-link"
    assert_refused(api.http.post(path, headers=backend_headers), *DENIED)


@pytest.mark.parametrize("body", [{}, {"instance": 1}, {"instance": "demo", "user": "a1"}, []])
def test_malformed_link_request_is_refused(api: Api, body: Any) -> None:
    path, headers = f"/v1/contacts/{uuid4()}/reconnect-link", {"authorization": "Bearer perennial-demo-secret"}
    assert_refused(api.http.post(path, json=body, headers=headers), *REFUSED)
