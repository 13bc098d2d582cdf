"""The agent API: an agent who signs in reads and changes their own contacts only."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from api.tokens import TokenKind
from tests.api.calls import Api, assert_refused, valid_body
from tests.compat.chats import EVENT, Chat, eventually

DENIED = (403, "AccessDeniedException")
NOT_FOUND = (404, "ResourceNotFoundException")
REFUSED = (400, "InvalidRequestException")
ACTIONS = ("end", "close", "park", "resume", "release")


class AgentTokenClient:
    """Client of an agent, with an agent token."""

    def __init__(self, api: Api, token: str) -> None:
        self._api = api
        self.headers = {"authorization": f"Bearer {token}"}

    def get(self) -> httpx.Response:
        return self._api.http.get("/v1/agent/contacts", headers=self.headers)

    def contacts(self) -> dict[str, Any]:
        seen = self.get()
        assert seen.status_code == 200, seen.text
        return {contact["contact_id"]: contact for contact in seen.json()["contacts"]}

    def act(self, action: str, chat: Chat) -> httpx.Response:
        return self._api.http.post(f"/v1/agent/contacts/{chat.contact_id}/{action}", headers=self.headers)

    def request_transfer(self, chat: Chat, **target: str) -> httpx.Response:
        path = f"/v1/agent/contacts/{chat.contact_id}/transfer"
        return self._api.http.post(path, headers=self.headers, json=target)

    def transfer(self, chat: Chat, user: str) -> Chat:
        response = self.request_transfer(chat, user=user).raise_for_status()
        return replace(chat, contact_id=response.json()["contact_id"])


def sign_in(api: Api, user: str) -> AgentTokenClient:
    return AgentTokenClient(
        api, api.send("SignIn", {"instance": "demo", "user": user}).raise_for_status().json()["token"]
    )


@pytest.fixture(scope="module")
def a1(api: Api) -> AgentTokenClient:
    return sign_in(api, "a1")


@pytest.fixture(scope="module")
def a2(api: Api) -> AgentTokenClient:
    return sign_in(api, "a2")


def start_assigned_chat(api: Api, user: str = "a1", workstream: str = "persistent", **members: Any) -> Chat:
    chat = api.start(workstream, **members)
    api.send("AssociateContactWithUser", {"UserId": user}, chat=chat).raise_for_status()
    return chat


def describe(api: Api, chat: Chat) -> dict[str, Any]:
    return api.send("DescribeContact", chat=chat).raise_for_status().json()["Contact"]


def test_sign_in_returns_token_and_name(api: Api) -> None:
    response = api.send("SignIn", valid_body("SignIn", Chat("", "", "", ""))).json()
    assert response == {"token": response["token"], "user": "a1", "name": "Agent One", "expires_in": 43_200}
    assert AgentTokenClient(api, response["token"]).get().status_code == 200


@pytest.mark.parametrize(
    ("body", "refusal", "mention"),
    [
        ({"instance": "demo", "user": "nobody"}, NOT_FOUND, "user"),
        ({"instance": "nowhere", "user": "a1"}, NOT_FOUND, "instance: there is no instance"),
        ({"instance": "demo"}, REFUSED, "user"),
        ({"user": "a1"}, REFUSED, "instance"),
        ({"instance": "demo", "user": "a1", "admin": True}, REFUSED, "admin"),
        ({"instance": "demo", "user": ["a1"]}, REFUSED, "user"),
    ],
)
def test_invalid_sign_in_is_refused(api: Api, body: Any, refusal: tuple[int, str], mention: str) -> None:
    assert_refused(api.send("SignIn", body), *refusal, mention)


def test_sign_in_requires_a_backend_key(api: Api, chat: Chat) -> None:
    agent_token = api.tokens().make(TokenKind.AGENT, "a1", timedelta(hours=1), instance="demo")
    for token in ("wrong", chat.token, agent_token):
        assert_refused(api.send("SignIn", {"instance": "demo", "user": "a1"}, token=token), *DENIED)


def test_assigned_contact_is_listed_for_its_agent_only(api: Api, a1: AgentTokenClient, a2: AgentTokenClient) -> None:
    chat = api.start(Attributes={"topic": "bees"})
    assert chat.contact_id not in a1.contacts()
    api.send("AssociateContactWithUser", {"UserId": "a1"}, chat=chat).raise_for_status()
    shown = a1.contacts()[chat.contact_id]
    assert shown == {
        "contact_id": chat.contact_id,
        "initial_contact_id": chat.contact_id,
        "workstream": "persistent",
        "queue": "persistent",
        "mode": "persistent",
        "state": "ACTIVE",
        "customer": "Ada",
        "started_at": shown["started_at"],
        "ended_at": None,
        "wrap_up_until": None,
        "attributes": {"topic": "bees"},
        "name": None,
        "description": None,
        "references": {},
    }
    assert shown["started_at"].endswith("Z")
    assert chat.contact_id not in a2.contacts()


def test_contacts_are_listed_oldest_first(api: Api, a1: AgentTokenClient) -> None:
    older, newer = api.start(), api.start()
    for chat in (newer, older):
        api.send("AssociateContactWithUser", {"UserId": "a1"}, chat=chat).raise_for_status()
    ids = list(a1.contacts())
    assert ids.index(older.contact_id) < ids.index(newer.contact_id)


def test_session_lets_agent_join_the_chat(api: Api, a1: AgentTokenClient) -> None:
    chat = start_assigned_chat(api)
    session = a1.act("session", chat).json()
    assert set(session) == {"ContactId", "InitialContactId", "ParticipantId", "ParticipantToken"}
    assert session["ContactId"] == session["InitialContactId"] == chat.contact_id
    assert UUID(session["ParticipantId"]) != UUID(chat.participant_id)
    body = {"Type": ["CONNECTION_CREDENTIALS"], "ConnectParticipant": True}
    connected = api.send("CreateParticipantConnection", body, token=session["ParticipantToken"]).json()
    token = connected["ConnectionCredentials"]["ConnectionToken"]
    sent = api.send("SendMessage", {"ContentType": "text/markdown", "Content": "**hi**"}, token=token).json()

    def probe() -> Any:
        items = api.send("GetTranscript", {"SortOrder": "ASCENDING"}, chat=chat).json()["Transcript"]
        return items if items and items[-1]["Id"] == sent["Id"] else None

    joined, message = eventually(probe, "message of the agent")
    assert joined["ContentType"] == EVENT + "participant.joined"
    for item in (joined, message):
        assert (item["ParticipantRole"], item["DisplayName"]) == ("AGENT", "Agent One")
        assert item["ParticipantId"] == session["ParticipantId"]
    assert a1.act("session", chat).json()["ParticipantId"] == session["ParticipantId"]


def test_end_starts_wrap_up_and_close_finishes_it(api: Api, a1: AgentTokenClient) -> None:
    chat = start_assigned_chat(api)
    assert_refused(a1.act("close", chat), *REFUSED, "close: not possible")
    assert a1.act("end", chat).json() == {}
    shown = a1.contacts()[chat.contact_id]
    assert shown["state"] == "WRAP_UP"
    assert shown["ended_at"].endswith("Z")
    ended_at, until = (datetime.fromisoformat(shown[name]) for name in ("ended_at", "wrap_up_until"))
    assert until - ended_at == timedelta(days=1)
    assert_refused(a1.act("session", chat), *DENIED, "ended")
    assert a1.act("end", chat).json() == {}
    assert_refused(api.send("SendMessage", valid_body("SendMessage", chat), chat=chat), *DENIED, "ended")
    contact = describe(api, chat)
    assert contact["DisconnectReason"] == "AGENT_DISCONNECT"
    assert "AfterContactWorkEndTimestamp" not in contact["AgentInfo"]

    assert a1.act("close", chat).json() == {}
    assert chat.contact_id not in a1.contacts()
    info = describe(api, chat)["AgentInfo"]
    assert info["AfterContactWorkEndTimestamp"] >= info["AfterContactWorkStartTimestamp"]
    for repeated in ("end", "close"):
        assert a1.act(repeated, chat).json() == {}
    assert describe(api, chat)["AgentInfo"] == info


@pytest.mark.parametrize(("workstream", "action"), [("live", "park"), ("live", "resume"), ("persistent", "resume")])
def test_park_of_live_chat_and_resume_of_active_chat_are_refused(
    api: Api, a1: AgentTokenClient, workstream: str, action: str
) -> None:
    chat = start_assigned_chat(api, workstream=workstream)
    assert_refused(a1.act(action, chat), *REFUSED, f"{action}: ")
    assert a1.contacts()[chat.contact_id]["state"] == "ACTIVE"


def test_parked_chat_stays_assigned_and_can_be_resumed(api: Api, a1: AgentTokenClient, a2: AgentTokenClient) -> None:
    chat = start_assigned_chat(api)
    session = a1.act("session", chat).json()
    body = {"Type": ["CONNECTION_CREDENTIALS"], "ConnectParticipant": True}
    api.send("CreateParticipantConnection", body, token=session["ParticipantToken"]).raise_for_status()
    assert a1.act("park", chat).json() == {}
    assert a1.contacts()[chat.contact_id]["state"] == "WAITING"
    assert_refused(a1.act("session", chat), *REFUSED, "resume it first")
    assert_refused(api.send("CreateParticipantConnection", body, token=session["ParticipantToken"]), *DENIED)
    for action in ("release", "end"):
        assert a1.act(action, chat).status_code == 400
    assert a1.act("park", chat).json() == {}
    assert_refused(a2.act("resume", chat), *NOT_FOUND)

    api.send("SendMessage", valid_body("SendMessage", chat), chat=chat).raise_for_status()
    eventually(lambda: a1.contacts()[chat.contact_id]["state"] == "OPEN", "chat to which the customer returned")
    assert a1.act("resume", chat).json() == {}
    assert a1.contacts()[chat.contact_id]["state"] == "ACTIVE"
    again = a1.act("session", chat).json()
    assert (again["ContactId"], again["ParticipantId"]) == (chat.contact_id, session["ParticipantId"])
    connected = api.send("CreateParticipantConnection", body, token=again["ParticipantToken"]).json()
    token = connected["ConnectionCredentials"]["ConnectionToken"]
    assert api.send("SendMessage", valid_body("SendMessage", chat), token=token).status_code == 200


def test_released_chat_is_no_longer_assigned(api: Api, a1: AgentTokenClient, a2: AgentTokenClient) -> None:
    chat = start_assigned_chat(api)
    assert a1.act("release", chat).json() == {}
    assert chat.contact_id not in a1.contacts()
    released = describe(api, chat)
    assert "DisconnectReason" not in released
    for action in ("end", "park", "resume"):
        assert_refused(a1.act(action, chat), *REFUSED, "the contact has ended")
    assert_refused(a1.act("session", chat), *DENIED)
    # repeated, and the wrap-up of this agent is over: the next contact has its own
    for action in ("release", "close"):
        assert a1.act(action, chat).json() == {}
    assert describe(api, chat) == released
    assert "DisconnectTimestamp" in released


@pytest.mark.parametrize(
    ("target", "refusal", "mention"),
    [
        ({}, REFUSED, "Exactly one of queue and user"),
        ({"queue": "nowhere"}, NOT_FOUND, "queue: there is no queue 'nowhere'"),
        ({"user": "nobody"}, NOT_FOUND, "user: there is no agent 'nobody'"),
    ],
)
def test_refused_transfer_names_the_members_that_the_agent_sent(
    api: Api, a1: AgentTokenClient, target: dict[str, str], refusal: tuple[int, str], mention: str
) -> None:
    assert_refused(a1.request_transfer(start_assigned_chat(api), **target), *refusal, mention)


def test_former_agent_does_not_close_a_transferred_chat(api: Api, a1: AgentTokenClient, a2: AgentTokenClient) -> None:
    chat = start_assigned_chat(api)
    second = a1.transfer(chat, "a2")
    a2.act("end", second).raise_for_status()
    assert a1.act("close", chat).json() == {}
    assert a2.contacts()[second.contact_id]["state"] == "WRAP_UP"


@pytest.mark.parametrize("action", ["session", *ACTIONS])
def test_contacts_of_other_agents_are_reported_as_unknown(
    api: Api, a1: AgentTokenClient, a2: AgentTokenClient, action: str
) -> None:
    chat, waiting, missing = start_assigned_chat(api), api.start(), Chat(f"{uuid4()}", "", "", "")
    for unknown in (chat, missing):
        refused = a2.act(action, unknown)
        assert_refused(refused, *NOT_FOUND, unknown.contact_id)
        assert refused.json()["Message"].replace(unknown.contact_id, "-") == "contact_id: you have no contact '-'."
    assert_refused(a1.act(action, waiting), *NOT_FOUND, "you have no contact")
    assert a1.contacts()[chat.contact_id]["state"] == "ACTIVE"


def test_invalid_agent_tokens_are_denied(api: Api, chat: Chat) -> None:
    tokens, hour = api.tokens(), timedelta(hours=1)
    signed_in = api.send("SignIn", {"instance": "demo", "user": "a1"}).json()["token"]
    identity = tokens.verify(TokenKind.AGENT, signed_in)["identity"]
    claims = {"instance": "demo", "identity": identity}
    bad = (
        "nonsense",
        "perennial-demo-secret",
        chat.token,
        chat.participant_token,
        tokens.make(TokenKind.AGENT, "a1", timedelta(seconds=-1), instance="demo"),
        tokens.make(TokenKind.AGENT, "nobody", hour, instance="demo"),
        tokens.make(TokenKind.AGENT, "a1", hour, instance="nowhere"),
        tokens.make(TokenKind.AGENT, "a1", hour),
        tokens.make(TokenKind.AGENT, "a1", hour, instance="demo"),
        tokens.make(TokenKind.AGENT, "a1", hour, instance="demo", identity="another"),
        tokens.make(TokenKind.AGENT, "a1", instance="demo", identity=identity),
        *(tokens.make(kind, "a1", hour, **claims) for kind in TokenKind if kind is not TokenKind.AGENT),
    )
    own_chat = start_assigned_chat(api)
    for token in bad:
        assert_refused(AgentTokenClient(api, token).get(), *DENIED, "token")
        assert_refused(AgentTokenClient(api, token).act("end", own_chat), *DENIED, "token")
    assert_refused(api.http.get("/v1/agent/contacts"), *DENIED, "Bearer")
    assert AgentTokenClient(api, tokens.make(TokenKind.AGENT, "a1", hour, **claims)).contacts()[own_chat.contact_id]


@pytest.mark.parametrize("contact_id", ["a" * 257, "%00", "a%00b"])
@pytest.mark.parametrize("action", ["session", "end"])
def test_malformed_contact_ids_are_refused(a1: AgentTokenClient, action: str, contact_id: str) -> None:
    assert_refused(a1.act(action, Chat(contact_id, "", "", "")), *REFUSED, "contact_id")


def test_unknown_action_is_refused(api: Api, a1: AgentTokenClient) -> None:
    assert_refused(a1.act("explode", start_assigned_chat(api)), *REFUSED, "action")
