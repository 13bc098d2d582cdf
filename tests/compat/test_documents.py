"""The example of Amazon Connect's guide «Enable persistent chat», word for word.

A customer starts a chat. Agent a1 accepts it (C1) and transfers it to agent a2 (C2). a2 ends the chat. The customer is
forwarded to the disconnect flow for a post-chat survey (C3). The survey is displayed, and the chat session ends. Later
the customer returns, in one of two ways; and a third chat continues the second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.compat.talks import Talk, describe, start
from tests.stack import SECRET, Stack

EVENT = "application/vnd.amazonaws.connect.event."


@dataclass
class Session:
    """The past chat session with its three contacts."""

    talk: Talk
    c1: str
    c2: str
    c3: str


def desk(stack: Stack, user: str, contact_id: str, action: str) -> None:
    """An agent acts at their desk."""
    key = {"Authorization": f"Bearer {SECRET}"}
    signed_in = httpx.post(
        f"{stack.url}/v1/agents/sign-in", json={"instance": "demo", "user": user}, headers=key
    ).json()
    token = {"Authorization": f"Bearer {signed_in['token']}"}
    answer = httpx.post(f"{stack.url}/v1/agent/contacts/{contact_id}/{action}", headers=token)
    assert answer.status_code == 200, answer.text


def past_session(stack: Stack) -> Session:
    chat = stack.connect().start_chat_contact(
        InstanceId="demo",
        ContactFlowId="persistent-survey",
        ParticipantDetails={"DisplayName": "Ada"},
        Attributes={"topic": "bees"},
    )
    talk = Talk(stack, chat).say("hello")
    talk.assign("a1")
    c1 = talk.id
    c2 = talk.transfer(c1, UserId="a2")
    talk.say("hello again")
    desk(stack, "a2", c2, "end")
    talk.say("Good", "No, that is all")
    items = stack.participant().get_transcript(ConnectionToken=talk.token, MaxResults=100)["Transcript"]
    c3 = items[0]["ContactId"]
    assert len({c1, c2, c3}) == 3
    return Session(talk, c1, c2, c3)


@pytest.fixture(scope="module")
def session(stack: Stack) -> Session:
    return past_session(stack)


def contacts_seen(talk: Talk) -> list[str]:
    """The past contacts whose items can be read, the latest first."""
    related = [item["RelatedContactId"] for page in talk.pages(7) for item in page if "RelatedContactId" in item]
    return list(dict.fromkeys(related))


def test_the_session_has_three_contacts(stack: Stack, session: Session) -> None:
    one, two, three = (describe(stack, contact_id) for contact_id in (session.c1, session.c2, session.c3))
    assert [c["InitiationMethod"] for c in (one, two, three)] == ["API", "TRANSFER", "DISCONNECT"]
    assert [c.get("PreviousContactId") for c in (one, two, three)] == [None, session.c1, session.c2]
    assert {c["InitialContactId"] for c in (one, two, three)} == {session.c1}
    assert {c["ContactAssociationId"] for c in (one, two, three)} == {session.c1}
    assert [c.get("RelatedContactId") for c in (one, two, three)] == [None, None, None]
    assert [c.get("AgentInfo", {}).get("Id") for c in (one, two, three)] == ["a1", "a2", None]
    assert [c.get("DisconnectReason") for c in (one, two, three)] == [None, "AGENT_DISCONNECT", None]
    assert one["DisconnectTimestamp"] == two["InitiationTimestamp"]
    assert two["DisconnectTimestamp"] == three["InitiationTimestamp"]
    assert three["DisconnectTimestamp"] > three["InitiationTimestamp"]
    answers = {"topic": "bees", "satisfaction": "Good", "comment": "No, that is all"}
    assert three["Attributes"] == answers


def test_what_was_said(session: Session) -> None:
    items = [item for page in session.talk.pages() for item in page][::-1]
    said = [(item["ContactId"], item.get("Content") or item["ContentType"].removeprefix(EVENT)) for item in items]
    c1, c2, c3 = session.c1, session.c2, session.c3
    assert said == [
        (c1, "participant.joined"),
        (c1, "hello"),
        (c1, "transfer.succeeded"),
        (c2, "hello again"),
        (c3, "How did we do?\n1. Good\n2. Fair\n3. Poor"),
        (c3, "Good"),
        (c3, "Is there anything else you would like to tell us?"),
        (c3, "No, that is all"),
        (c3, "Thank you."),
        (c3, "participant.left"),
        (c3, "chat.ended"),
    ]


def test_use_case_1_from_segment_c2(stack: Stack, session: Session) -> None:
    """The customer continues the session but the post-chat survey stays hidden."""
    chat = start(stack, session.c2, "FROM_SEGMENT")
    assert chat.started["ContinuedFromContactId"] == session.c2
    assert contacts_seen(chat) == [session.c2, session.c1]
    contact = describe(stack, chat.id)
    assert (contact["RelatedContactId"], contact["ContactAssociationId"]) == (session.c2, session.c1)
    assert (contact["InitialContactId"], contact["Id"]) == (chat.id, chat.id)
    assert "PreviousContactId" not in contact


def test_use_case_2_entire_past_session_of_c1(stack: Stack, session: Session) -> None:
    """The customer continues the session and sees all of it."""
    chat = start(stack, session.c1, "ENTIRE_PAST_SESSION")
    assert chat.started["ContinuedFromContactId"] == session.c3
    assert contacts_seen(chat) == [session.c3, session.c2, session.c1]
    contact = describe(stack, chat.id)
    assert (contact["RelatedContactId"], contact["ContactAssociationId"]) == (session.c3, session.c1)


def test_linkages_are_cumulative(stack: Stack, session: Session) -> None:
    second = start(stack, session.c2, "FROM_SEGMENT").say("second").end()
    third = start(stack, second.id, "ENTIRE_PAST_SESSION")
    assert third.started["ContinuedFromContactId"] == second.id
    assert contacts_seen(third) == [second.id, session.c2, session.c1]
    contact: dict[str, Any] = describe(stack, third.id)
    assert (contact["RelatedContactId"], contact["ContactAssociationId"]) == (second.id, session.c1)


def test_a_session_with_an_open_survey_has_not_ended(stack: Stack) -> None:
    chat = stack.connect().start_chat_contact(
        InstanceId="demo", ContactFlowId="persistent-survey", ParticipantDetails={"DisplayName": "Ada"}
    )
    talk = Talk(stack, chat).say("hello").assign("a1")
    desk(stack, "a1", talk.id, "end")
    with pytest.raises(stack.connect().exceptions.ClientError, match="has not ended"):
        start(stack, talk.id)
    talk.say("Terrible")
    asked = "How did we do?\n1. Good\n2. Fair\n3. Poor"
    assert talk.said()[:4] == [asked, "Please answer with one of the choices.", "Terrible", asked]
    talk.say("3", "no")
    assert describe(stack, talk.id)["Attributes"] == {"satisfaction": "Poor", "comment": "no"}
    corrected = {"satisfaction": "Fair", "comment": "no"}
    stack.connect().update_contact_attributes(InstanceId="demo", InitialContactId=talk.id, Attributes=corrected)
    desk(stack, "a1", talk.id, "close")
    assert describe(stack, talk.id)["Attributes"] == corrected
    assert start(stack, talk.id).started["ContinuedFromContactId"] == talk.id
