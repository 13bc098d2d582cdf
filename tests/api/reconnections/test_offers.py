"""What a customer who is back is offered, with a link or by who they are, or why there is nothing to go back to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from api.reconnections import EXPIRED_REASONS
from api.tokens import TokenKind
from domain.contacts import EndReason
from tests.api.calls import Api, assert_refused, valid
from tests.api.reconnections.calls import (
    DENIED,
    LATE,
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
    nothing,
    said,
    say,
    surveyed,
)
from tests.compat.chats import eventually


def test_nobody_comes_back_after_an_end(api: Api) -> None:
    by_agent, by_customer, stopped = assigned(api), api.start("live"), api.start("live")
    links = [link(api, chat) for chat in (by_agent, by_customer, stopped)]
    act(api, "end", by_agent).raise_for_status()
    api.send("DisconnectParticipant", {}, chat=by_customer).raise_for_status()
    api.end(stopped)
    for id in links:
        assert back(api, reconnect_id=id) == nothing("ended", LATE)
    act(api, "close", by_agent).raise_for_status()
    assert back(api, reconnect_id=links[0]) == nothing("ended", LATE)


def test_nobody_comes_back_into_a_survey(api: Api) -> None:
    chat = api.start("asking", CustomerId="asked")
    id = link(api, chat)
    survey = surveyed(api, chat)
    assert "DisconnectTimestamp" not in api.send("DescribeContact", chat=survey).json()["Contact"]
    for body in ({"reconnect_id": id}, {"workstream": "asking", "customer_id": "asked"}):
        assert back(api, **body) == nothing("ended")


def test_who_comes_too_late_is_sent_on(api: Api) -> None:
    chat = api.start("hasty", CustomerId="late")
    id = link(api, chat)
    eventually(lambda: back(api, reconnect_id=id)["chat"] is None, "end of the window")
    for body in ({"reconnect_id": id}, {"workstream": "hasty", "customer_id": "late"}):
        assert back(api, **body) == nothing("expired", LATE)


def test_every_end_is_too_late_or_somebodys_will() -> None:
    # of the others a contact can die, a conversation goes on
    of_contacts = {EndReason.TRANSFERRED, EndReason.RELEASED, EndReason.AGENT_LOST}
    will = {EndReason.CUSTOMER_ENDED, EndReason.AGENT_ENDED, EndReason.STOPPED}
    assert {*EndReason} - of_contacts - will == EXPIRED_REASONS


def test_an_old_link_leads_nowhere_but_on(api: Api) -> None:
    chat = api.start("live")
    yesterday = int((datetime.now(UTC) - timedelta(days=1)).timestamp())
    old = api.tokens().make(TokenKind.RECONNECT, chat.contact_id, until=yesterday)
    assert back(api, reconnect_id=old) == nothing("expired", LATE)
    assert back(api, reconnect_id=link(api, chat))["chat"]


def test_what_is_no_link_is_unknown(api: Api) -> None:
    chat = api.start("live")
    until = int((datetime.now(UTC) + YEAR).timestamp())
    tokens, good = api.tokens(), link(api, chat)
    head, body, signature = good.split(".")
    forged = type(tokens)(("k" * 64,)).make(TokenKind.RECONNECT, chat.contact_id, until=until)
    for id in (
        *("nonsense", "a.b.c", chat.contact_id, "é", chat.participant_token, chat.token, forged),
        *(f"{head}.{body}.{signature[::-1]}", good[:-8]),
        *(
            tokens.make(kind, chat.contact_id, YEAR, until=until)
            for kind in TokenKind
            if kind is not TokenKind.RECONNECT
        ),
        tokens.make(TokenKind.RECONNECT, f"{uuid4()}", until=until),
    ):
        assert back(api, reconnect_id=id) == nothing("unknown"), id


def test_a_link_is_nothing_but_a_link(api: Api) -> None:
    chat = api.start("live")
    id = link(api, chat)
    for operation in ("CreateParticipantConnection", "SendMessage", "GetTranscript"):
        assert_refused(api.send(operation, valid(operation, chat), token=id), *DENIED, "reconnect token")
    assert_refused(api.http.get("/v1/agent/contacts", headers={"authorization": f"Bearer {id}"}), *DENIED)


def test_a_link_of_one_tenant_is_unknown_to_another(api: Api) -> None:
    chat = api.start("live", CustomerId="both")
    own = api.start("live", InstanceId="other", CustomerId="both")
    assert back(api, reconnect_id=link(api, chat), instance="other") == nothing("unknown")
    found = back(api, workstream="live", customer_id="both", instance="other")
    assert found["chat"]["ContactId"] == own.contact_id
    theirs = ask_link(api, own.contact_id, "other", ONE).json()["reconnect_id"]
    assert back(api, reconnect_id=theirs) == nothing("unknown")
    assert back(api, reconnect_id=theirs, instance="other")["chat"]["ContactId"] == own.contact_id


@pytest.mark.parametrize("workstream", ["live", "persistent", "parkable"])
def test_a_known_customer_finds_their_newest_chat(api: Api, workstream: str) -> None:
    who = f"{uuid4()}"
    assert back(api, workstream=workstream, customer_id=who)["reason"] == "unknown"
    older, newer = api.start(workstream, CustomerId=who), assigned(api, workstream, CustomerId=who)
    say(api, newer, "it is me")
    found = back(api, workstream=workstream, customer_id=who)
    assert (found["chat"]["ContactId"], found["chat"]["ParticipantId"]) == (newer.contact_id, newer.participant_id)
    assert found["state"] == "ACTIVE"
    assert said(api, found["chat"]["ParticipantToken"]) == ["it is me"]
    act(api, "end", newer).raise_for_status()
    assert back(api, workstream=workstream, customer_id=who)["chat"]["ContactId"] == older.contact_id
    api.end(older)
    assert back(api, workstream=workstream, customer_id=who)["reason"] == "ended"


def test_a_known_customer_of_another_workstream_is_unknown(api: Api) -> None:
    who = f"{uuid4()}"
    api.start("live", CustomerId=who)
    api.start("persistent")
    assert back(api, workstream="persistent", customer_id=who) == nothing("unknown")
    assert back(api, workstream="live", customer_id=who.upper()) == nothing("unknown", LATE)


def test_a_live_chat_without_reconnection_is_not_gone_back_to(api: Api) -> None:
    api.start("plain", CustomerId="plain")
    assert back(api, workstream="plain", customer_id="plain") == nothing("unknown")


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
def test_malformed_returns(api: Api, body: dict[str, Any], mention: str) -> None:
    assert_refused(api.send("Reconnect", {"instance": "demo", **body}), *REFUSED, mention)


def test_unknown_places(api: Api) -> None:
    identity = {"workstream": "live", "customer_id": "c"}
    assert_refused(api.send("Reconnect", {**identity, "instance": "nowhere"}), *NOT_FOUND, "nowhere")
    elsewhere = {"instance": "demo", **identity, "workstream": "elsewhere"}
    assert_refused(api.send("Reconnect", elsewhere), *NOT_FOUND, "workstream")


def test_returns_are_for_backends(api: Api) -> None:
    chat = api.start("live")
    body = {"instance": "demo", "reconnect_id": link(api, chat)}
    at_desk = desk(api)["authorization"].removeprefix("Bearer ")
    for token in ("wrong", at_desk, chat.token, chat.participant_token, body["reconnect_id"]):
        assert_refused(api.send("Reconnect", body, token=token), *DENIED)
    assert_refused(api.send("Reconnect", body, token=ONE), *DENIED, "not for instance")
