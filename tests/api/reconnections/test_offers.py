"""Reconnection offers for a returning customer, by link or by customer id, and the reasons when there is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from api.reconnections import EXPIRED_REASONS
from api.tokens import TokenKind
from domain.contacts import EndReason
from tests.api.calls import Api, assert_refused, valid_body
from tests.api.reconnections.calls import (
    DENIED,
    LATE_URL,
    NOT_FOUND,
    ONE,
    REFUSED,
    YEAR,
    act,
    agent_headers,
    create_link,
    no_offer,
    read_messages,
    reconnect,
    request_link,
    send_message,
    start_assigned_chat,
    start_survey,
)
from tests.compat.chats import eventually


def test_reconnection_after_chat_end_is_refused(api: Api) -> None:
    by_agent, by_customer, stopped = start_assigned_chat(api), api.start("live"), api.start("live")
    links = [create_link(api, chat) for chat in (by_agent, by_customer, stopped)]
    act(api, "end", by_agent).raise_for_status()
    api.send("DisconnectParticipant", {}, chat=by_customer).raise_for_status()
    api.end(stopped)
    for id in links:
        assert reconnect(api, reconnect_id=id) == no_offer("ended", LATE_URL)
    act(api, "close", by_agent).raise_for_status()
    assert reconnect(api, reconnect_id=links[0]) == no_offer("ended", LATE_URL)


def test_reconnection_during_survey_is_refused(api: Api) -> None:
    chat = api.start("asking", CustomerId="asked")
    id = create_link(api, chat)
    survey = start_survey(api, chat)
    assert "DisconnectTimestamp" not in api.send("DescribeContact", chat=survey).json()["Contact"]
    for body in ({"reconnect_id": id}, {"workstream": "asking", "customer_id": "asked"}):
        assert reconnect(api, **body) == no_offer("ended")


def test_reconnection_after_the_window_is_redirected(api: Api) -> None:
    chat = api.start("hasty", CustomerId="late")
    id = create_link(api, chat)
    eventually(lambda: reconnect(api, reconnect_id=id)["chat"] is None, "end of the window")
    for body in ({"reconnect_id": id}, {"workstream": "hasty", "customer_id": "late"}):
        assert reconnect(api, **body) == no_offer("expired", LATE_URL)


def test_every_end_reason_is_deliberate_or_a_time_limit() -> None:
    # these end a contact but not its conversation
    contact_only = {EndReason.TRANSFERRED, EndReason.RELEASED, EndReason.AGENT_LOST}
    deliberate = {EndReason.CUSTOMER_ENDED, EndReason.AGENT_ENDED, EndReason.STOPPED, EndReason.WORKFLOW_GONE}
    assert {*EndReason} - contact_only - deliberate == EXPIRED_REASONS


def test_expired_link_is_redirected(api: Api) -> None:
    chat = api.start("live")
    yesterday = int((datetime.now(UTC) - timedelta(days=1)).timestamp())
    expired = api.tokens().make(TokenKind.RECONNECT, chat.contact_id, until=yesterday)
    assert reconnect(api, reconnect_id=expired) == no_offer("expired", LATE_URL)
    assert reconnect(api, reconnect_id=create_link(api, chat))["chat"]


def test_invalid_links_are_unknown(api: Api) -> None:
    chat = api.start("live")
    until = int((datetime.now(UTC) + YEAR).timestamp())
    tokens, valid_link = api.tokens(), create_link(api, chat)
    head, body, signature = valid_link.split(".")
    forged = type(tokens)(("k" * 64,)).make(TokenKind.RECONNECT, chat.contact_id, until=until)
    for id in (
        *("nonsense", "a.b.c", chat.contact_id, "é", chat.participant_token, chat.token, forged),
        *(f"{head}.{body}.{signature[::-1]}", valid_link[:-8]),
        *(
            tokens.make(kind, chat.contact_id, YEAR, until=until)
            for kind in TokenKind
            if kind is not TokenKind.RECONNECT
        ),
        tokens.make(TokenKind.RECONNECT, f"{uuid4()}", until=until),
    ):
        assert reconnect(api, reconnect_id=id) == no_offer("unknown"), id


def test_link_grants_no_other_access(api: Api) -> None:
    chat = api.start("live")
    id = create_link(api, chat)
    for operation in ("CreateParticipantConnection", "SendMessage", "GetTranscript"):
        assert_refused(api.send(operation, valid_body(operation, chat), token=id), *DENIED, "reconnect token")
    assert_refused(api.http.get("/v1/agent/contacts", headers={"authorization": f"Bearer {id}"}), *DENIED)


def test_link_and_customer_of_one_tenant_are_unknown_to_another(api: Api) -> None:
    chat = api.start("live", CustomerId="both")
    other_chat = api.start("live", InstanceId="other", CustomerId="both")
    assert reconnect(api, reconnect_id=create_link(api, chat), instance="other") == no_offer("unknown")
    offer = reconnect(api, workstream="live", customer_id="both", instance="other")
    assert offer["chat"]["ContactId"] == other_chat.contact_id
    other_link = request_link(api, other_chat.contact_id, "other", ONE).json()["reconnect_id"]
    assert reconnect(api, reconnect_id=other_link) == no_offer("unknown")
    assert reconnect(api, reconnect_id=other_link, instance="other")["chat"]["ContactId"] == other_chat.contact_id


@pytest.mark.parametrize("workstream", ["live", "persistent", "parkable"])
def test_known_customer_is_offered_their_newest_open_chat(api: Api, workstream: str) -> None:
    customer_id = f"{uuid4()}"
    assert reconnect(api, workstream=workstream, customer_id=customer_id)["reason"] == "unknown"
    older, newer = (
        api.start(workstream, CustomerId=customer_id),
        start_assigned_chat(api, workstream, CustomerId=customer_id),
    )
    send_message(api, newer, "it is me")
    offer = reconnect(api, workstream=workstream, customer_id=customer_id)
    assert (offer["chat"]["ContactId"], offer["chat"]["ParticipantId"]) == (newer.contact_id, newer.participant_id)
    assert offer["state"] == "ACTIVE"
    assert read_messages(api, offer["chat"]["ParticipantToken"]) == ["it is me"]
    act(api, "end", newer).raise_for_status()
    assert reconnect(api, workstream=workstream, customer_id=customer_id)["chat"]["ContactId"] == older.contact_id
    api.end(older)
    assert reconnect(api, workstream=workstream, customer_id=customer_id)["reason"] == "ended"


def test_known_customer_is_unknown_in_another_workstream(api: Api) -> None:
    customer_id = f"{uuid4()}"
    api.start("live", CustomerId=customer_id)
    api.start("persistent")
    assert reconnect(api, workstream="persistent", customer_id=customer_id) == no_offer("unknown")
    assert reconnect(api, workstream="live", customer_id=customer_id.upper()) == no_offer("unknown", LATE_URL)


def test_live_chat_without_reconnection_is_not_offered(api: Api) -> None:
    api.start("plain", CustomerId="plain")
    assert reconnect(api, workstream="plain", customer_id="plain") == no_offer("unknown")


@pytest.mark.parametrize(
    ("body", "mention"),
    [
        ({}, "reconnect_id"),
        ({"workstream": "live"}, "customer_id"),
        ({"customer_id": "c"}, "workstream"),
        ({"reconnect_id": "x", "workstream": "live"}, "reconnect_id"),
        ({"reconnect_id": "x", "customer_id": "c"}, "reconnect_id"),
        ({"reconnect_id": "x", "workstream": "live", "customer_id": "c"}, "reconnect_id"),
        ({"reconnect_id": None, "workstream": None, "customer_id": None}, "reconnect_id"),
        ({"reconnect_id": 1}, "reconnect_id"),
        ({"reconnect_id": "x", "token": "y"}, "token"),
        ({"instance": None, "reconnect_id": "x"}, "instance"),
    ],
)
def test_malformed_reconnection_is_refused(api: Api, body: dict[str, Any], mention: str) -> None:
    assert_refused(api.send("Reconnect", {"instance": "demo", **body}), *REFUSED, mention)


def test_unknown_instance_or_workstream_is_not_found(api: Api) -> None:
    identity = {"workstream": "live", "customer_id": "c"}
    assert_refused(
        api.send("Reconnect", {**identity, "instance": "nowhere"}), *NOT_FOUND, "instance: there is no instance"
    )
    elsewhere = {"instance": "demo", **identity, "workstream": "elsewhere"}
    assert_refused(api.send("Reconnect", elsewhere), *NOT_FOUND, "workstream")


def test_reconnection_requires_a_backend_key(api: Api) -> None:
    chat = api.start("live")
    body = {"instance": "demo", "reconnect_id": create_link(api, chat)}
    agent_token = agent_headers(api)["authorization"].removeprefix("Bearer ")
    for token in ("wrong", agent_token, chat.token, chat.participant_token, body["reconnect_id"]):
        assert_refused(api.send("Reconnect", body, token=token), *DENIED)
    assert_refused(api.send("Reconnect", body, token=ONE), *NOT_FOUND, "no instance 'demo' for this access key")
