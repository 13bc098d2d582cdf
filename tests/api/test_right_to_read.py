"""The right to read ends with the participation: who has left reads what was said until then, and nothing later."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.api.calls import Api, assert_refused
from tests.api.test_agents import AgentTokenClient, sign_in
from tests.api.test_websocket import TIMEOUT_SECONDS, socket_url, subscribe
from tests.compat.chats import EVENT, Chat, eventually

DENIED = (403, "AccessDeniedException")
BEFORE, LATER = "said before", "said later"


def say(api: Api, chat: Chat, text: str) -> str:
    sent = api.send("SendMessage", {"ContentType": "text/plain", "Content": text}, chat=chat)
    return sent.raise_for_status().json()["Id"]


def connected(api: Api, session: dict[str, Any], **members: Any) -> Chat:
    """A participant with the connection token that they get now."""
    body = {"Type": ["CONNECTION_CREDENTIALS"], **members}
    connection = api.send("CreateParticipantConnection", body, token=session["ParticipantToken"]).raise_for_status()
    token = connection.json()["ConnectionCredentials"]["ConnectionToken"]
    return Chat(session["ContactId"], session["ParticipantId"], session["ParticipantToken"], token)


def joined_agent(api: Api, agent: AgentTokenClient, chat: Chat) -> Chat:
    return connected(api, agent.act("session", chat).raise_for_status().json(), ConnectParticipant=True)


def with_bot(api: Api, chat: Chat) -> Chat:
    body = {
        "InstanceId": "demo",
        "ContactId": chat.contact_id,
        "ParticipantDetails": {"ParticipantRole": "CUSTOM_BOT", "DisplayName": "Bot"},
    }
    made = api.send("CreateParticipant", body).raise_for_status().json()
    token = made["ParticipantCredentials"]["ParticipantToken"]
    session = {"ContactId": chat.contact_id, "ParticipantId": made["ParticipantId"], "ParticipantToken": token}
    return connected(api, session)


def read(api: Api, reader: Chat, **members: Any) -> list[dict[str, Any]]:
    body = {"MaxResults": 100, "SortOrder": "ASCENDING", **members}
    page = api.send("GetTranscript", body, chat=reader).raise_for_status().json()
    assert "NextToken" not in page
    return page["Transcript"]


def contents(items: list[dict[str, Any]]) -> set[str]:
    return {item.get("Content", "") for item in items}


def frames_until_closed(socket: ClientConnection) -> str:
    """All that a socket still receives, until the server closes it."""
    received = ""
    try:
        while True:
            received += str(socket.recv(timeout=TIMEOUT_SECONDS))
    except ConnectionClosed:
        return received


@pytest.fixture
def a1(api: Api) -> AgentTokenClient:
    return sign_in(api, "a1")


@pytest.fixture
def a2(api: Api) -> AgentTokenClient:
    return sign_in(api, "a2")


LEAVES: dict[str, Callable[[AgentTokenClient, Chat], object]] = {
    "transfer to an agent": lambda a1, chat: a1.transfer(chat, "a2"),
    "transfer to a queue": lambda a1, chat: a1.request_transfer(chat, queue="live").raise_for_status(),
    "park": lambda a1, chat: a1.act("park", chat).raise_for_status(),
    "release": lambda a1, chat: a1.act("release", chat).raise_for_status(),
}


@pytest.fixture(params=[*LEAVES, "bot leaves"])
def departure(request: pytest.FixtureRequest, api: Api, a1: AgentTokenClient) -> Iterator[tuple[Chat, Chat, str]]:
    """A chat, one who has left it, and what the socket of the one who left received; something is said before and later."""
    chat = api.start()
    if request.param == "bot leaves":
        leaver = with_bot(api, chat)
    else:
        api.send("AssociateContactWithUser", {"UserId": "a1"}, chat=chat).raise_for_status()
        leaver = joined_agent(api, a1, chat)
    say(api, chat, BEFORE)
    with connect(socket_url(api, leaver)) as socket:
        subscribe(socket)
        if request.param == "bot leaves":
            api.send("DisconnectParticipant", {}, chat=leaver).raise_for_status()
        else:
            LEAVES[request.param](a1, chat)
        later = say(api, chat, LATER)
        eventually(lambda: later in json.dumps(read(api, chat)), "message on record")
        received = frames_until_closed(socket)
    yield chat, leaver, received
    api.end(chat)


def test_nothing_that_is_said_later_is_readable(api: Api, departure: tuple[Chat, Chat, str]) -> None:
    chat, leaver, received = departure
    whole = read(api, chat)
    assert {BEFORE, LATER} <= contents(whole)
    last = next(item for item in reversed(whole) if item["ParticipantId"] == leaver.participant_id)
    later = next(item for item in whole if item.get("Content") == LATER)
    assert LATER not in received
    for members in (
        {},
        {"ScanDirection": "FORWARD", "StartPosition": {"MostRecent": 100}},
        {"ScanDirection": "FORWARD", "StartPosition": {"AbsoluteTime": whole[0]["AbsoluteTime"]}},
        {"ScanDirection": "FORWARD", "StartPosition": {"Id": whole[0]["Id"]}},
        {"StartPosition": {"AbsoluteTime": later["AbsoluteTime"]}},
        {"ScanDirection": "BACKWARD", "StartPosition": {"AbsoluteTime": "2100-01-01T00:00:00.000Z"}},
        {"ContactId": later["ContactId"]},
        {"SortOrder": "DESCENDING"},
    ):
        seen = read(api, leaver, **members)
        assert LATER not in contents(seen), members
        assert all(item["AbsoluteTime"] <= last["AbsoluteTime"] for item in seen), members
    assert BEFORE in contents(read(api, leaver))
    newest = read(api, leaver, ScanDirection="FORWARD", StartPosition={"MostRecent": 1})
    assert [item["Id"] for item in newest] == [read(api, leaver)[-1]["Id"]]
    named = api.send("GetTranscript", {"StartPosition": {"Id": later["Id"]}}, chat=leaver)
    assert_refused(named, 400, "ValidationException", "there is no item")
    for operation, body in (
        ("SendMessage", {"ContentType": "text/plain", "Content": "still here"}),
        ("SendEvent", {"ContentType": EVENT + "typing"}),
        ("CreateParticipantConnection", {"Type": ["WEBSOCKET"]}),
    ):
        assert_refused(api.send(operation, body, chat=leaver), *DENIED)


def test_page_token_from_before_does_not_lead_further(api: Api, a1: AgentTokenClient) -> None:
    chat = api.start()
    api.send("AssociateContactWithUser", {"UserId": "a1"}, chat=chat).raise_for_status()
    agent = joined_agent(api, a1, chat)
    ids = [say(api, chat, f"{BEFORE} {number}") for number in range(3)]
    eventually(lambda: ids[-1] in json.dumps(read(api, chat)), "messages on record")
    page = api.send(
        "GetTranscript", {"MaxResults": 1, "ScanDirection": "FORWARD", "StartPosition": {"Id": ids[0]}}, chat=agent
    )
    token = page.raise_for_status().json()["NextToken"]
    a1.act("release", chat).raise_for_status()
    later = say(api, chat, LATER)
    eventually(lambda: later in json.dumps(read(api, chat)), "message on record")
    seen = read(api, agent, NextToken=token)
    assert contents(seen) >= {f"{BEFORE} 1", f"{BEFORE} 2"}
    assert LATER not in contents(seen)


def test_agent_who_takes_the_chat_again_reads_all(api: Api, a1: AgentTokenClient) -> None:
    chat = api.start()
    api.send("AssociateContactWithUser", {"UserId": "a1"}, chat=chat).raise_for_status()
    agent = joined_agent(api, a1, chat)
    a1.act("park", chat).raise_for_status()
    say(api, chat, LATER)
    eventually(lambda: a1.contacts()[chat.contact_id]["state"] == "OPEN", "customer who returned")
    assert LATER not in contents(read(api, agent))
    a1.act("resume", chat).raise_for_status()
    assert LATER in contents(read(api, agent))


def test_all_read_the_whole_transcript_of_a_chat_that_ended_with_them(api: Api, a1: AgentTokenClient) -> None:
    chat = api.start()
    api.send("AssociateContactWithUser", {"UserId": "a1"}, chat=chat).raise_for_status()
    agent = joined_agent(api, a1, chat)
    say(api, chat, BEFORE)
    a1.act("end", chat).raise_for_status()
    assert read(api, agent) == read(api, chat)
    assert read(api, agent)[-1]["ContentType"] == EVENT + "chat.ended"


def test_agent_does_not_read_the_survey_about_them(api: Api, a1: AgentTokenClient) -> None:
    """Neither while it is open, nor later, nor as the past of another chat of the customer."""
    customer, question, answer = {"CustomerId": "crm-surveyed"}, "How did we do?", "Poor"
    chat = api.start("persistent-survey", **customer)
    api.send("AssociateContactWithUser", {"UserId": "a1"}, chat=chat).raise_for_status()
    agent = joined_agent(api, a1, chat)
    say(api, chat, BEFORE)
    with connect(socket_url(api, chat)) as customer_socket, connect(socket_url(api, agent)) as socket:
        subscribe(customer_socket)  # a customer who was never there gets no survey
        eventually(lambda: len(read(api, chat)) > 2, "customer who has joined")
        subscribe(socket)
        a1.act("end", chat).raise_for_status()
        eventually(lambda: question in as_text(read(api, chat)), "question")
        assert question not in as_text(read(api, agent))
        say(api, chat, answer)
        say(api, chat, "No, thank you.")
        eventually(lambda: read(api, chat)[-1]["ContentType"] == EVENT + "chat.ended", "end of the survey")
        received = frames_until_closed(socket)
    assert_no_survey(received)
    assert_no_survey(as_text(read(api, agent)))
    assert BEFORE in as_text(read(api, agent))
    assert_no_survey(json.dumps(a1.contacts()[chat.contact_id]))
    a1.act("close", chat).raise_for_status()

    past = {"SourceContactId": chat.contact_id, "RehydrationType": "ENTIRE_PAST_SESSION"}
    started = api.start("persistent", PersistentChat=past, **customer)
    api.send("AssociateContactWithUser", {"UserId": "a1"}, chat=started).raise_for_status()
    again = joined_agent(api, a1, started)
    seen = as_text(with_past(api, started))
    assert all(text in seen for text in (BEFORE, question, answer))
    assert BEFORE in as_text(with_past(api, again))
    assert_no_survey(as_text(with_past(api, again)))
    assert_no_survey(json.dumps(a1.contacts()[started.contact_id]))

    assert answer in json.dumps(attributes(api, chat))
    related = api.start("persistent", RelatedContactId=chat.contact_id, **customer)
    assert_no_survey(json.dumps(attributes(api, related)))


def as_text(items: list[dict[str, Any]]) -> str:
    return "\n".join(sorted(contents(items)))


def attributes(api: Api, chat: Chat) -> dict[str, str]:
    return api.send("GetContactAttributes", chat=chat).raise_for_status().json()["Attributes"]


def assert_no_survey(text: str) -> None:
    for part in ("How did we do?", "Poor", "No, thank you.", "Is there anything else"):
        assert part not in text


def with_past(api: Api, reader: Chat) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    body: dict[str, Any] = {"MaxResults": 3}
    while True:
        page = api.send("GetTranscript", body, chat=reader).raise_for_status().json()
        items += page["Transcript"]
        if "NextToken" not in page:
            return items
        body["NextToken"] = page["NextToken"]


def test_former_agent_reads_no_later_notes(api: Api, a1: AgentTokenClient, a2: AgentTokenClient) -> None:
    chat = api.start()
    api.send("AssociateContactWithUser", {"UserId": "a1"}, chat=chat).raise_for_status()
    second = replace(chat, contact_id=a1.transfer(chat, "a2").contact_id)
    path = "/v1/agent/contacts/{}/notes"
    api.http.post(path.format(second.contact_id), headers=a2.headers, json={"text": LATER}).raise_for_status()
    notes = api.http.get(path.format(chat.contact_id), headers=a1.headers).raise_for_status().json()["notes"]
    assert notes == []
    assert_refused(api.http.get(path.format(second.contact_id), headers=a1.headers), 404, "ResourceNotFoundException")
