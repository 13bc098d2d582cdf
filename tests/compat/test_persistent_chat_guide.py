"""The example of Amazon Connect's guide «Enable persistent chat», step by step.

A customer starts a chat. Agent a1 accepts it (C1) and transfers it to agent a2 (C2). a2 ends the chat. The customer is
forwarded to the disconnect flow for a post-chat survey (C3). The survey is displayed, and the chat session ends. Later
the customer returns, in one of two ways; and a third chat continues the second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.compat.chat_client import ChatClient, describe, start_chat
from tests.stack import SECRET, Stack

EVENT = "application/vnd.amazonaws.connect.event."


@dataclass
class Session:
    """A past chat session with its three contacts."""

    chat: ChatClient
    c1: str
    c2: str
    c3: str


def act_as_agent(stack: Stack, user: str, contact_id: str, action: str) -> None:
    """Perform an agent action on a contact over the agent API."""
    key = {"Authorization": f"Bearer {SECRET}"}
    signed_in = httpx.post(
        f"{stack.url}/v1/agents/sign-in", json={"instance": "demo", "user": user}, headers=key
    ).json()
    token = {"Authorization": f"Bearer {signed_in['token']}"}
    response = httpx.post(f"{stack.url}/v1/agent/contacts/{contact_id}/{action}", headers=token)
    assert response.status_code == 200, response.text


def create_past_session(stack: Stack) -> Session:
    response = stack.connect().start_chat_contact(
        InstanceId="demo",
        ContactFlowId="persistent-survey",
        ParticipantDetails={"DisplayName": "Ada"},
        Attributes={"topic": "bees"},
    )
    chat = ChatClient(stack, response).send("hello")
    chat.assign("a1")
    c1 = chat.id
    c2 = chat.transfer(c1, UserId="a2")
    chat.send("hello again")
    act_as_agent(stack, "a2", c2, "end")
    chat.send("Good", "No, that is all")
    items = stack.participant().get_transcript(ConnectionToken=chat.token, MaxResults=100)["Transcript"]
    c3 = items[0]["ContactId"]
    assert len({c1, c2, c3}) == 3
    return Session(chat, c1, c2, c3)


@pytest.fixture(scope="module")
def session(stack: Stack) -> Session:
    return create_past_session(stack)


def past_contact_ids(chat: ChatClient) -> list[str]:
    """Return the ids of the past contacts in the transcript, latest first."""
    related = [item["RelatedContactId"] for page in chat.pages(7) for item in page if "RelatedContactId" in item]
    return list(dict.fromkeys(related))


def test_session_has_three_linked_contacts(stack: Stack, session: Session) -> None:
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


def test_session_transcript_assigns_each_item_to_its_contact(session: Session) -> None:
    items = [item for page in session.chat.pages() for item in page][::-1]
    contents = [(item["ContactId"], item.get("Content") or item["ContentType"].removeprefix(EVENT)) for item in items]
    c1, c2, c3 = session.c1, session.c2, session.c3
    assert contents == [
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


def test_use_case_1_from_segment_of_c2_hides_survey_contact(stack: Stack, session: Session) -> None:
    """The customer continues the session but the post-chat survey stays hidden."""
    chat = start_chat(stack, session.c2, "FROM_SEGMENT")
    assert chat.response["ContinuedFromContactId"] == session.c2
    assert past_contact_ids(chat) == [session.c2, session.c1]
    contact = describe(stack, chat.id)
    assert (contact["RelatedContactId"], contact["ContactAssociationId"]) == (session.c2, session.c1)
    assert (contact["InitialContactId"], contact["Id"]) == (chat.id, chat.id)
    assert "PreviousContactId" not in contact


def test_answers_of_the_hidden_survey_do_not_come_along(stack: Stack, session: Session) -> None:
    answers = describe(stack, session.c3)["Attributes"]
    assert set(answers) == {"topic", "satisfaction", "comment"}
    for source in (session.c1, session.c2):
        assert describe(stack, start_chat(stack, source, "FROM_SEGMENT").id)["Attributes"] == {"topic": "bees"}
    assert describe(stack, start_chat(stack, session.c3, "FROM_SEGMENT").id)["Attributes"] == answers


def test_use_case_2_entire_past_session_of_c1_includes_survey_contact(stack: Stack, session: Session) -> None:
    """The customer continues the session and sees all of it."""
    chat = start_chat(stack, session.c1, "ENTIRE_PAST_SESSION")
    assert chat.response["ContinuedFromContactId"] == session.c3
    assert past_contact_ids(chat) == [session.c3, session.c2, session.c1]
    contact = describe(stack, chat.id)
    assert (contact["RelatedContactId"], contact["ContactAssociationId"]) == (session.c3, session.c1)


def test_continuation_of_a_continuation_includes_the_whole_past(stack: Stack, session: Session) -> None:
    second = start_chat(stack, session.c2, "FROM_SEGMENT").send("second").end()
    third = start_chat(stack, second.id, "ENTIRE_PAST_SESSION")
    assert third.response["ContinuedFromContactId"] == second.id
    assert past_contact_ids(third) == [second.id, session.c2, session.c1]
    contact: dict[str, Any] = describe(stack, third.id)
    assert (contact["RelatedContactId"], contact["ContactAssociationId"]) == (second.id, session.c1)


def test_chat_with_open_survey_cannot_be_continued(stack: Stack) -> None:
    response = stack.connect().start_chat_contact(
        InstanceId="demo", ContactFlowId="persistent-survey", ParticipantDetails={"DisplayName": "Ada"}
    )
    chat = ChatClient(stack, response).send("hello").assign("a1")
    act_as_agent(stack, "a1", chat.id, "end")
    with pytest.raises(stack.connect().exceptions.ClientError, match="has not ended"):
        start_chat(stack, chat.id)
    chat.send("Terrible")
    question = "How did we do?\n1. Good\n2. Fair\n3. Poor"
    assert chat.message_texts()[:4] == [question, "Please answer with one of the choices.", "Terrible", question]
    chat.send("3", "no")
    assert describe(stack, chat.id)["Attributes"] == {"satisfaction": "Poor", "comment": "no"}
    corrected = {"satisfaction": "Fair", "comment": "no"}
    stack.connect().update_contact_attributes(InstanceId="demo", InitialContactId=chat.id, Attributes=corrected)
    act_as_agent(stack, "a1", chat.id, "close")
    assert describe(stack, chat.id)["Attributes"] == corrected
    assert start_chat(stack, chat.id).response["ContinuedFromContactId"] == chat.id
